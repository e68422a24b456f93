/* SPDX-License-Identifier: ISC */
/*
 * vmmci.h - OpenBSD's device by which a host asks a guest to end
 *
 * vmmci(4) is the guest's driver.  It is asked to reboot and the VM ends
 * with the reset, as OpenBSD's vmd(8) does it: a guest that knows no way to
 * switch its machine off would else wait for a key.
 */

#ifndef VMM_DEV_VMMCI_H
#define VMM_DEV_VMMCI_H

#include <stdbool.h>

#include "lib/err.h"

#define VMMCI_NAME		"vmmci0"
#define VMMCI_PATIENCE_MS	3000	/* vmd's VMMCI_TIMEOUT_SHORT */

struct board;
struct vio;

struct vmmci_setup {
	struct board	*board;
	unsigned	 patience_ms;	/* VMMCI_PATIENCE_MS; tests have less */
	/*
	 * The guest was asked to end and has not said that it heard; main
	 * thread, board locked.
	 */
	void		(*unheard)(void *arg);
	void		*arg;
};

/* Plugged into any slot; vio_unplug() takes it away. */
int	vmmci_new(struct vio **ret, const struct vmmci_setup *, struct err *);

/* The rest is for the main thread, the board locked. */

/* Ask the guest to end.  False: no driver listens. */
bool	vmmci_stop(struct vio *);

/* It was asked: the next reset is its end.  Any thread. */
bool	vmmci_stopping(const struct vio *);

/* The guest's clock may have stood still: it is to look at ours. */
void	vmmci_sync(struct vio *);

#endif
