/* SPDX-License-Identifier: ISC */
/*
 * user_darwin.c - becoming another user, on macOS; see user.h
 *
 * setuid(2) and setgid(2) of root change the real, the effective and the saved
 * user.  getgrouplist(3) takes an array of int.
 */

#include <grp.h>
#include <unistd.h>

#include "os/user.h"

int
os_become(uid_t uid, gid_t gid, const gid_t *groups, int n)
{
	return setgroups(n, groups) == -1 || setgid(gid) == -1 ||
	    setuid(uid) == -1 ? -1 : 0;
}

int
os_user_groups(const char *name, gid_t gid, gid_t *ret, int *n)
{
	_Static_assert(sizeof(gid_t) == sizeof(int), "the same array");

	return getgrouplist(name, (int)gid, (int *)ret, n);
}
