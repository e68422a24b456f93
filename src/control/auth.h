/* SPDX-License-Identifier: ISC */
/*
 * auth.h - who is calling, and what he may do
 *
 * On the unix socket the kernel says who: root and the user who started the
 * daemon see everything, others what they own.  The user vmd-control and its
 * jobs run as is one of the others: a job that was taken over gains nothing
 * here.  On TCP only a JSON Web Token (RFC 7519) signed with HS256 counts:
 * claims sub, exp and, where the token is not to allow everything,
 * permissions (a list of "resource:action").
 */

#ifndef CONTROL_AUTH_H
#define CONTROL_AUTH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/err.h"
#include "lib/own.h"

#define AUTH_TOKEN_MAX	4096	/* bytes of a token */
#define AUTH_SECRET_MIN	32	/* bytes; HS256's own size, RFC 7518 3.2 */
#define AUTH_SECRET_MAX	4096
#define CALLER_NAME_MAX	64	/* bytes with the NUL */

#define CALLER_GROUPS_MAX 256	/* who is in more is in his first only */
#define GROUP_NONE	((gid_t)-1)

struct caller {
	uid_t		 uid;		/* owner of what he makes */
	gid_t		 groups[CALLER_GROUPS_MAX];	/* the first: primary */
	unsigned	 ngroups;
	bool		 all;		/* not only what uid owns */
	uint32_t	 scopes;	/* a bit for each scope */
	char		 name[CALLER_NAME_MAX];
};

struct auth;

/* The secret's bytes are copied.  Refused: fewer than AUTH_SECRET_MIN. */
int	auth_new(struct auth **, const void *secret, size_t len, struct err *);
void	auth_destroy(struct auth *);
OWN_DEFINE(struct auth, auth_destroy);

/*
 * The value of an Authorization header, NULL when there was none.  'now' is
 * the time of day.  The err's code is "unauthorized" and never says which
 * part of a token was almost right.
 */
int	auth_token(struct caller *, const struct auth *, const char *header,
	    time_t now, struct err *);

/* The peer of a connected unix socket; admin: who started the daemon. */
int	auth_peer(struct caller *, int sock, uid_t admin, struct err *);

/* May he do what needs 'scope' (NULL: everybody may)? */
bool	auth_allows(const struct caller *, const char *scope);

/* Does he see what 'owner' owns? */
bool	auth_owns(const struct caller *, uid_t owner);

/* Is he in the group?  Nobody is in GROUP_NONE. */
bool	auth_in_group(const struct caller *, gid_t);

#endif
