/* SPDX-License-Identifier: ISC */
/* passwd.c - users of the image; see passwd.h */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/passwd.h"
#include "lib/io.h"
#include "lib/num.h"
#include "lib/own.h"

#define ID_MAX	4294967294U	/* (uid_t)-1 means "leave it" to the kernel */

enum { PASSWD_NAME, PASSWD_PASSWORD, PASSWD_UID, PASSWD_GID, PASSWD_GECOS,
    PASSWD_HOME, PASSWD_FIELDS };
enum { GROUP_NAME, GROUP_PASSWORD, GROUP_GID, GROUP_MEMBERS, GROUP_FIELDS };

/* Part of the text, not ended by NUL. */
struct part {
	const char	*s;
	size_t		 len;
};

static bool
part_is(const struct part *p, const char *s)
{
	return strlen(s) == p->len && memcmp(p->s, s, p->len) == 0;
}

static int
part_id(uint32_t *ret, const struct part *p)
{
	char text[16];
	uint64_t n;

	if (p->len >= sizeof(text))
		return -1;
	memcpy(text, p->s, p->len);
	text[p->len] = '\0';
	if (num_parse(&n, text, 0, ID_MAX, NULL) == -1)
		return -1;
	*ret = (uint32_t)n;
	return 0;
}

/*
 * Step to the next line that has at least 'min' fields, separated by colons;
 * at most max are told apart, missing ones are empty.
 */
static bool
line_next(const char **text, struct part *fields, size_t min, size_t max)
{
	const char *s = *text, *end;
	size_t n;

	while (s != NULL && *s != '\0') {
		end = s + strcspn(s, "\n");
		for (size_t i = 0; i < max; i++)
			fields[i] = (struct part){ "", 0 };
		for (n = 0; n < max; n++) {
			fields[n].s = s;
			fields[n].len = strcspn(s, ":\n");
			s += fields[n].len;
			if (s == end)
				break;
			s++;
		}
		s = *end == '\n' ? end + 1 : end;
		if (n + 1 >= min && fields[0].len != 0 &&
		    fields[0].s[0] != '#') {
			*text = s;
			return true;
		}
	}
	*text = s;
	return false;
}

/* The user's own line, by name or number.  Fills uid, gid, name and home. */
static bool
find_user(struct passwd_user *u, const char *want, const char *text)
{
	struct part f[PASSWD_FIELDS];
	uint32_t uid, gid;

	while (line_next(&text, f, PASSWD_GID + 1, PASSWD_FIELDS)) {
		if (!part_is(&f[PASSWD_NAME], want) &&
		    !part_is(&f[PASSWD_UID], want))
			continue;
		if (part_id(&uid, &f[PASSWD_UID]) == -1 ||
		    part_id(&gid, &f[PASSWD_GID]) == -1 ||
		    f[PASSWD_NAME].len >= sizeof(u->name) ||
		    f[PASSWD_HOME].len >= sizeof(u->home))
			continue;
		u->uid = uid;
		u->gid = gid;
		memcpy(u->name, f[PASSWD_NAME].s, f[PASSWD_NAME].len);
		u->name[f[PASSWD_NAME].len] = '\0';
		if (f[PASSWD_HOME].len != 0) {
			memcpy(u->home, f[PASSWD_HOME].s, f[PASSWD_HOME].len);
			u->home[f[PASSWD_HOME].len] = '\0';
		}
		return true;
	}
	return false;
}

static bool
find_group(gid_t *ret, const char *want, const char *text)
{
	struct part f[GROUP_FIELDS];
	uint32_t gid;

	while (line_next(&text, f, GROUP_GID + 1, GROUP_FIELDS))
		if ((part_is(&f[GROUP_NAME], want) ||
		    part_is(&f[GROUP_GID], want)) &&
		    part_id(&gid, &f[GROUP_GID]) == 0) {
			*ret = gid;
			return true;
		}
	return false;
}

static bool
is_member(const struct part *members, const char *name)
{
	const char *s = members->s, *end = s + members->len;
	struct part one;

	while (s < end) {
		one.s = s;
		for (one.len = 0; s < end && *s != ','; s++)
			one.len++;
		s++;
		if (part_is(&one, name))
			return true;
	}
	return false;
}

static void
find_supplementary(struct passwd_user *u, const char *text)
{
	struct part f[GROUP_FIELDS];
	uint32_t gid;

	while (u->ngroups < PASSWD_GROUPS_MAX &&
	    line_next(&text, f, GROUP_GID + 1, GROUP_FIELDS))
		if (is_member(&f[GROUP_MEMBERS], u->name) &&
		    part_id(&gid, &f[GROUP_GID]) == 0)
			u->groups[u->ngroups++] = gid;
}

int
passwd_resolve(struct passwd_user *ret, const char *spec, const char *passwd,
    const char *group, struct err *e)
{
	struct passwd_user u = { .home = "/" };
	char user[PASSWD_NAME_MAX];
	const char *colon = strchr(spec, ':');
	size_t len = colon == NULL ? strlen(spec) : (size_t)(colon - spec);
	uint64_t n;

	if (len >= sizeof(user))
		return err_set(e, ENAMETOOLONG, "user name too long");
	memcpy(user, spec, len);
	user[len] = '\0';
	if (len == 0)
		strcpy(user, "0");

	if (!find_user(&u, user, passwd)) {
		/* Root needs no file to be root. */
		if (strcmp(user, "root") == 0)
			strcpy(user, "0");
		if (num_parse(&n, user, 0, ID_MAX, NULL) == -1)
			return err_api(e, ENOENT, "no_such_user",
			    "no user '%s' in /etc/passwd", user);
		u.uid = (uid_t)n;
	}
	if (colon == NULL) {
		if (u.name[0] != '\0')
			find_supplementary(&u, group);
	} else if (!find_group(&u.gid, colon + 1, group)) {
		if (num_parse(&n, colon + 1, 0, ID_MAX, NULL) == -1)
			return err_api(e, ENOENT, "no_such_user",
			    "no group '%s' in /etc/group", colon + 1);
		u.gid = (gid_t)n;
	}
	*ret = u;
	return 0;
}

/* The text of a file, ended by NUL; NULL when there is none. */
static char *
text_read(const char *path)
{
	own_fd int fd = -1;
	own_mem char *text = NULL;
	ssize_t n;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return NULL;
	text = malloc(PASSWD_FILE_MAX + 1);
	if (text == NULL)
		return NULL;
	n = read_full(fd, text, PASSWD_FILE_MAX);
	if (n == -1)
		return NULL;
	text[n] = '\0';
	return take(&text);
}

int
passwd_lookup(struct passwd_user *ret, const char *spec, struct err *e)
{
	own_mem char *passwd = text_read("/etc/passwd");
	own_mem char *group = text_read("/etc/group");

	return passwd_resolve(ret, spec, passwd, group, e);
}
