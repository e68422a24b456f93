/* SPDX-License-Identifier: ISC */
/* user_linux.c - becoming another user, on Linux; see user.h */

#include <grp.h>
#include <unistd.h>

#include "os/user.h"

int
os_become(uid_t uid, gid_t gid, const gid_t *groups, int n)
{
	return setgroups((size_t)n, groups) == -1 ||
	    setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1 ? -1 : 0;
}

int
os_user_groups(const char *name, gid_t gid, gid_t *ret, int *n)
{
	return getgrouplist(name, gid, ret, n);
}
