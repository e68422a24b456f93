/* SPDX-License-Identifier: ISC */
/* vm_start.h - start the processes of a VM; see struct priv_start */

#ifndef VMD_VM_START_H
#define VMD_VM_START_H

#include <stdbool.h>

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/control.h"
#include "vmd/monitor.h"

struct start;

/*
 * Begin a start.  0: the answer comes later, from here; -1: it is refused
 * and nothing was changed.  The descriptors of the request stay the caller's.
 */
int	vm_start(struct monitor *, const struct priv_start *, struct asker,
	    struct err *);

/* A process of a VM that is being started has ended, which fails the start. */
void	vm_start_ended(struct start *, const char *name, int status);

/*
 * Why it fails is not known yet: the report of a process that has ended is
 * still to be read.
 */
bool	vm_start_waits(const struct start *);

/* Fail it: who asked is gone, or vmd ends. */
void	vm_start_undo(struct start *);

/* Another vmd-control than the one of now asked for it. */
bool	vm_start_orphaned(const struct start *);

/* The last process of a failed start is gone: answer. */
void	vm_start_failed(struct start *);

void	vm_start_destroy(struct start *);

#endif
