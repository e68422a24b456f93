/* SPDX-License-Identifier: ISC */
/* user.c - users of the host, and acting with the rights of one; see user.h */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "os/user.h"
#include "vmd/user.h"

static bool	acting;

static int
user_from(struct user *ret, const struct passwd *pw, struct err *e)
{
	struct user u;

	memset(&u, 0, sizeof(u));
	u.uid = pw->pw_uid;
	u.gid = pw->pw_gid;
	u.ngroups = USER_GROUPS_MAX;
	if (os_user_groups(pw->pw_name, pw->pw_gid, u.groups, &u.ngroups) ==
	    -1)
		return err_set(e, E2BIG, "user %s is in more than %d groups",
		    pw->pw_name, USER_GROUPS_MAX);
	if (snprintf(u.home, sizeof(u.home), "%s", pw->pw_dir) >=
	    (int)sizeof(u.home))
		u.home[0] = '\0';
	*ret = u;
	return 0;
}

int
user_by_name(struct user *ret, const char *name, struct err *e)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL)
		return err_set(e, ENOENT, "no user %s on this host", name);
	return user_from(ret, pw, e);
}

int
user_by_uid(struct user *ret, uid_t uid, struct err *e)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw == NULL)
		return err_set(e, ENOENT, "no user with id %u on this host",
		    (unsigned)uid);
	return user_from(ret, pw, e);
}

void
user_plain(struct user *ret, uid_t uid)
{
	memset(ret, 0, sizeof(*ret));
	ret->uid = uid;
	ret->gid = (gid_t)uid;
}

void
user_self(struct user *ret)
{
	const char *home = getenv("HOME");

	memset(ret, 0, sizeof(*ret));
	ret->uid = geteuid();
	ret->gid = getegid();
	ret->ngroups = getgroups(USER_GROUPS_MAX, ret->groups);
	if (ret->ngroups < 0)
		ret->ngroups = 0;
	if (home != NULL && strlen(home) < sizeof(ret->home))
		(void)snprintf(ret->home, sizeof(ret->home), "%s", home);
}

int
user_act(const struct user *u, struct err *e)
{
	if (getuid() != 0)
		return 0;
	acting = true;
	if (setgroups((size_t)u->ngroups, u->groups) == 0 &&
	    setegid(u->gid) == 0 && seteuid(u->uid) == 0)
		return 0;
	(void)err_sys(e, "act as user %u", (unsigned)u->uid);
	user_back();
	return -1;
}

void
user_back(void)
{
	if (!acting)
		return;
	acting = false;
	if (seteuid(0) == -1 || setegid(getgid()) == -1 ||
	    setgroups(0, NULL) == -1)
		fatal("take back root's rights");
}

int
user_become(const struct user *u)
{
	if (os_become(u->uid, u->gid, u->groups, u->ngroups) == -1)
		return -1;
	/* Nobody comes back from there. */
	if (u->uid != 0 && setuid(0) != -1)
		abort();
	return 0;
}
