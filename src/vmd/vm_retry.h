/* SPDX-License-Identifier: ISC */
/*
 * vm_retry.h - a start whose disk is still being let go
 *
 * The kernel closes the files of an io_uring some time after its process has
 * ended, and their locks with them: a VM that is gone may hold its disk a few
 * milliseconds longer.  So a start that finds a disk in use is tried again
 * for VM_RETRY_TRIES * VM_RETRY_MS before it is refused.
 */

#ifndef VMD_VM_RETRY_H
#define VMD_VM_RETRY_H

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/control.h"
#include "vmd/monitor.h"

#define VM_RETRY_TRIES	25
#define VM_RETRY_MS	20
#define VM_RETRIES_MAX	64	/* starts that wait; one more is refused */

/*
 * As vm_start(), but it may be tried later: then the descriptors are taken
 * and are -1 in the request.
 */
int	vm_retry_start(struct monitor *, struct priv_start *, struct asker,
	    struct err *);

/* Forget the starts that wait. */
void	vm_retry_fini(void);

#endif
