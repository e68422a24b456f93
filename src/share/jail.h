/* SPDX-License-Identifier: ISC */
/*
 * jail.h - the place where a host directory is served from
 *
 * A server of a shared directory does what a guest asks, so it gets the
 * rights of one user of the host and no more: the one this process runs as.
 * It may believe it is root: it is that in a user namespace where only this
 * user and group exist (user_namespaces(7)), so that its capabilities count
 * for what they own and for nothing else of the host.
 */

#ifndef SHARE_JAIL_H
#define SHARE_JAIL_H

#include <stdbool.h>

#include "lib/err.h"

/*
 * Open a directory with the rights of this process and enter namespaces of
 * its own (user, mount, network, IPC).  Returns a descriptor of a copy of
 * the mounts from there down, which no name leads to: without device files
 * and set-id programs, and read-only when asked; nothing that is mounted
 * later appears in it.  One way: there is no coming back.
 */
int	jail_enter(const char *path, bool readonly, struct err *);

/*
 * For good, also for what is executed: changing the user or the groups does
 * nothing and succeeds, so that every file is made as the one user there
 * is, whoever in the guest makes it; giving a file a set-user-ID or
 * set-group-ID bit is refused (EPERM), so that no guest leaves a program
 * behind that runs with the rights of the user.
 */
int	jail_filter(struct err *);

#endif
