/* SPDX-License-Identifier: ISC */
/* children.h - who is told when a child of vmd ends */

#ifndef VMD_CHILDREN_H
#define VMD_CHILDREN_H

#include <sys/types.h>

#include <event2/event.h>

#include "lib/err.h"

/* status as wait(2) gives it.  Called from the event loop, once. */
typedef void child_fn(void *arg, pid_t, int status);

/*
 * Reap all children of this process from now on, and kill what is left in the
 * process group of each.  One of it a process.
 */
int	children_init(struct event_base *, struct err *);
void	children_fini(void);

/*
 * Tell fn when pid ends.  A child nobody watches is reaped in silence.  Call
 * it before the event loop runs again.  Without memory the process ends: the
 * child would be lost.
 */
void	children_watch(pid_t, child_fn *, void *arg);
void	children_forget(pid_t);

#endif
