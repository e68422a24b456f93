/* SPDX-License-Identifier: ISC */
/*
 * console.h - the guest's hvc0, on a stream socket
 *
 * Output is written as the socket takes it; a socket whose reader is slow
 * makes the guest wait, never the VMM.  Whoever reads it must not stop:
 * chapi's console, which cuts off viewers that do.  A socket whose other
 * end is closed swallows what is written.
 */

#ifndef VMM_DEV_CONSOLE_H
#define VMM_DEV_CONSOLE_H

#include <stdint.h>

#include "lib/err.h"

struct board;
struct vio;

struct vio_console_setup {
	struct board	*board;
	const char	*name;
	int		 fd;	/* stream socket, taken; -1: nobody reads */
};

int	vio_console_new(struct vio **ret, const struct vio_console_setup *,
	    struct err *);

/* The viewer's terminal has another size: the guest is told. */
void	vio_console_resize(struct vio *, uint16_t cols, uint16_t rows);

#endif
