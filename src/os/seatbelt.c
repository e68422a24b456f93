/* SPDX-License-Identifier: ISC */
/*
 * seatbelt.c - a profile of macOS's sandbox(7); see seatbelt.h
 *
 * Apple documents the call and not the profile's language, so that it is used
 * as little as possible: what is refused is named, all else stays allowed, and
 * the last rule that matches decides.
 */

#include <sys/param.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/util.h"
#include "os/os.h"
#include "os/sandbox_row.h"
#include "os/seatbelt.h"

static void __attribute__((format(printf, 2, 3)))
rule(struct seatbelt *p, const char *fmt, ...)
{
	size_t room = sizeof(p->text) - p->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->text + p->len, room, fmt, ap);
	va_end(ap);
	p->len = n < 0 || (size_t)n >= room ? SEATBELT_MAX :
	    p->len + (size_t)n;
}

/* A path as a string of the language; false: it has no such form. */
static bool
quote(char ret[2 * MAXPATHLEN], const char *path)
{
	size_t n = 0;

	for (; *path != '\0'; path++) {
		if ((unsigned char)*path < ' ')
			return false;
		if (*path == '"' || *path == '\\')
			ret[n++] = '\\';
		ret[n++] = *path;
	}
	ret[n] = '\0';
	return true;
}

static void
path_rule(struct seatbelt *p, const char *path, unsigned rights)
{
	char quoted[2 * MAXPATHLEN];

	if (!quote(quoted, path))
		return;
	if (rights & SANDBOX_READ)
		rule(p, "(allow file-read-data (subpath \"%s\"))\n", quoted);
	if (rights & SANDBOX_WRITE)
		rule(p, "(allow file-write* (subpath \"%s\"))\n", quoted);
	if (rights & SANDBOX_EXEC)
		rule(p, "(allow process-exec (subpath \"%s\"))\n", quoted);
}

/* Rules are about names without links. */
static void
add_path(struct seatbelt *p, const struct sandbox_path *s)
{
	char real[MAXPATHLEN];

	/* What cannot be reached needs no rule to be refused. */
	if (s->path != NULL ? realpath(s->path, real) != NULL :
	    os_fd_path(real, sizeof(real), s->fd, NULL) == 0)
		path_rule(p, real, s->rights);
}

static void
network_rules(struct seatbelt *p, unsigned may)
{
	/* What it was given it may answer. */
	rule(p, "(deny network*)\n"
	    "(allow network-inbound (local unix-socket))\n");
	if (may & MAY_UNIX)
		rule(p, "(allow network-outbound (remote unix-socket))\n"
		    "(allow network-bind (local unix-socket))\n");
	if (may & MAY_INET)
		rule(p, "(allow network* (local ip))\n"
		    "(allow network* (remote ip))\n"
		    "(allow network-outbound (literal "
		    "\"/private/var/run/mDNSResponder\"))\n");
}

int
seatbelt_make(struct seatbelt *p, const struct sandbox *s, struct err *e)
{
	/* Libraries and what they read at any time; Homebrew's, of children. */
	static const char *const system[] = { "/usr/lib", "/usr/share",
	    "/System", "/Library/Preferences", "/private/var/db/timezone",
	    "/dev/null", "/dev/random", "/dev/urandom" };
	static const char *const brew[] = { "/opt/homebrew", "/usr/local" };
	const unsigned may = sandbox_rows[s->program].may;

	p->len = 0;
	rule(p, "(version 1)\n(allow default)\n"
	    "(deny file-write*)\n(deny file-read-data)\n"
	    "(deny iokit-open)\n(deny nvram*)\n(deny job-creation)\n"
	    "(deny sysctl-write)\n"
	    "(allow file-write-data (literal \"/dev/null\"))\n");
	if ((may & MAY_EXEC) == 0)
		rule(p, "(deny process-exec*)\n(deny process-fork)\n"
		    "(deny signal)\n(allow signal (target self))\n");
	else
		rule(p, "(deny process-exec*)\n");
	/* Name service and resolver are other processes. */
	if ((may & (MAY_EXEC | MAY_INET | MAY_MAP_EXEC)) == 0)
		rule(p, "(deny mach-lookup)\n");
	network_rules(p, may);
	for (size_t i = 0; i < COUNT(system); i++)
		path_rule(p, system[i], SANDBOX_READ);
	for (size_t i = 0; i < COUNT(brew); i++)
		if (may & (MAY_EXEC | MAY_MAP_EXEC))
			path_rule(p, brew[i], SANDBOX_READ |
			    (may & MAY_EXEC ? SANDBOX_EXEC : 0));
	for (size_t i = 0; i < s->npaths; i++)
		add_path(p, &s->paths[i]);
	if (p->len == SEATBELT_MAX)
		return err_set(e, E2BIG, "sandbox: profile too long");
	return 0;
}
