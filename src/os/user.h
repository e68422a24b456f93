/* SPDX-License-Identifier: ISC */
/*
 * user.h - becoming another user of the host, for good
 *
 * A file of its own: programs without a library at run time cannot ask for
 * users by name.
 */

#ifndef OS_USER_H
#define OS_USER_H

#include <sys/types.h>

/* Become that user, with n groups; for root only.  -1 with errno. */
int	os_become(uid_t, gid_t, const gid_t *groups, int n);

/*
 * The groups of a user, gid among them: at most *n, which becomes their
 * number.  -1: there are more.
 */
int	os_user_groups(const char *name, gid_t gid, gid_t *ret, int *n);

#endif
