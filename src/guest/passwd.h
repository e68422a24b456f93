/* SPDX-License-Identifier: ISC */
/*
 * passwd.h - users of the image, without its C library
 *
 * passwd(5) and group(5) as OCI's USER needs them.  A name or number is
 * looked up in the files of the image; a number that is not there stands for
 * itself.
 */

#ifndef GUEST_PASSWD_H
#define GUEST_PASSWD_H

#include <sys/types.h>

#include <stddef.h>

#include "lib/err.h"

#define PASSWD_FILE_MAX		1048576	/* bytes; of a larger file this much */
#define PASSWD_GROUPS_MAX	64	/* supplementary; more are left out */
#define PASSWD_NAME_MAX		256	/* bytes with the NUL */

struct passwd_user {
	uid_t	uid;
	gid_t	gid;
	gid_t	groups[PASSWD_GROUPS_MAX];	/* supplementary */
	size_t	ngroups;
	char	name[PASSWD_NAME_MAX];		/* "" when it has none */
	char	home[PASSWD_NAME_MAX];		/* "/" when it has none */
};

/*
 * Read "", "NAME", "UID", either with ":GROUP" or ":GID", against the text
 * of /etc/passwd and /etc/group (NULL: there is none).  "" is root.  With
 * a group there are no supplementary groups.  Fails with ENOENT and the code
 * "no_such_user".
 */
int	passwd_resolve(struct passwd_user *ret, const char *spec,
	    const char *passwd, const char *group, struct err *);

/* The same with the files of this system. */
int	passwd_lookup(struct passwd_user *ret, const char *spec, struct err *);

#endif
