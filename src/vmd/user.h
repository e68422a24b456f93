/* SPDX-License-Identifier: ISC */
/* user.h - users of the host, and acting with the rights of one */

#ifndef VMD_USER_H
#define VMD_USER_H

#include <sys/types.h>

#include "lib/err.h"

#define USER_GROUPS_MAX	256	/* a user in more is not cut but refused */
#define USER_HOME_MAX	1024	/* bytes with the NUL */

struct user {
	uid_t	uid;
	gid_t	gid;			/* primary */
	int	ngroups;		/* supplementary */
	gid_t	groups[USER_GROUPS_MAX];
	char	home[USER_HOME_MAX];	/* "" when it has none */
};

/* ENOENT when the host knows no such user. */
int	user_by_name(struct user *ret, const char *, struct err *);
int	user_by_uid(struct user *ret, uid_t, struct err *);

/* A user without a name: the uid, gid the same, no other group. */
void	user_plain(struct user *ret, uid_t);

/* Who runs this process. */
void	user_self(struct user *ret);

/*
 * Act with the rights of a user until user_back(): the effective ids and
 * groups change, the others stay so that nobody may signal or trace us.
 * Nothing happens when this process is not root's.  Ends the process if it
 * cannot come back.
 */
int	user_act(const struct user *, struct err *);
void	user_back(void);

/* Become the user for ever; for a child before it executes.  -1 with errno. */
int	user_become(const struct user *);

#endif
