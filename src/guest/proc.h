/* SPDX-License-Identifier: ISC */
/* proc.h - ending processes */

#ifndef GUEST_PROC_H
#define GUEST_PROC_H

#include <sys/types.h>

/*
 * Kill every child of this process and reap it, again and again until there
 * is none.  In a subreaper that ends the whole tree.  1 when 'pid' was among
 * them: *status is its status of wait(2).
 */
int	proc_kill_children(pid_t pid, int *status);

#endif
