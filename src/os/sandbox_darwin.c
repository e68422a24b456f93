/* SPDX-License-Identifier: ISC */
/*
 * sandbox_darwin.c - sandbox_enter() on macOS
 *
 * Resource limits, and a profile of sandbox(7) made of the program's row and
 * paths.  Apple documents the call and not the profile's language, so that it
 * is used as little as possible: what is refused is named, all else stays
 * allowed, and the last rule that matches decides.  It binds the process with
 * all its threads, also for what it executes.
 */

#include <sys/param.h>
#include <sys/resource.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "os/sandbox.h"
#include "os/sandbox_row.h"

/* In a header that newer systems have only as deprecated. */
int	sandbox_init(const char *profile, uint64_t flags, char **error);
void	sandbox_free_error(char *error);

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	1
#else
#define SANITIZED	0
#endif

#define PROFILE_MAX	32768	/* bytes */

struct profile {
	char	text[PROFILE_MAX];
	size_t	len;		/* PROFILE_MAX: it was too long */
};

static void __attribute__((format(printf, 2, 3)))
rule(struct profile *p, const char *fmt, ...)
{
	size_t room = sizeof(p->text) - p->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->text + p->len, room, fmt, ap);
	va_end(ap);
	p->len = n < 0 || (size_t)n >= room ? PROFILE_MAX :
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
path_rule(struct profile *p, const char *path, unsigned rights)
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
add_path(struct profile *p, const struct sandbox_path *s)
{
	char real[MAXPATHLEN];

	/* What cannot be reached needs no rule to be refused. */
	if (s->path != NULL ? realpath(s->path, real) != NULL :
	    fcntl(s->fd, F_GETPATH, real) == 0)
		path_rule(p, real, s->rights);
}

static void
network_rules(struct profile *p, unsigned may)
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

static void
make_profile(struct profile *p, const struct sandbox *s)
{
	/* Libraries and what they read at any time. */
	static const char *const system[] = { "/usr/lib", "/usr/share",
	    "/System", "/Library/Preferences", "/private/etc",
	    "/private/var/db/timezone", "/opt/homebrew", "/usr/local", "/dev" };
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
		path_rule(p, system[i], SANDBOX_READ |
		    (may & MAY_EXEC ? SANDBOX_EXEC : 0));
	for (size_t i = 0; i < s->npaths; i++)
		add_path(p, &s->paths[i]);
}

static int
set_limits(const struct sandbox_row *row, struct err *e)
{
	struct rlimit none = { 0, 0 }, files;
	int most = 0;
	size_t n = sizeof(most);

	/* A core would hold guest memory or secrets. */
	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &files) == -1)
		return err_sys(e, "sandbox: limits");
	files.rlim_max = MIN(files.rlim_max, (rlim_t)row->nofile);
	/* More than this is refused. */
	if (sysctlbyname("kern.maxfilesperproc", &most, &n, NULL, 0) == 0)
		files.rlim_max = MIN(files.rlim_max, (rlim_t)most);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1)
		return err_sys(e, "sandbox: limit of descriptors");
	return 0;
}

int
sandbox_enter(const struct sandbox *s, char missing[SANDBOX_MISSING_MAX],
    struct err *e)
{
	static struct profile p;
	char *error = NULL;

	missing[0] = '\0';
	if (SANITIZED) {
		(void)snprintf(missing, SANDBOX_MISSING_MAX,
		    "everything (sanitizer)");
		return 0;
	}
	if (set_limits(&sandbox_rows[s->program], e) == -1)
		return -1;
	make_profile(&p, s);
	if (p.len == PROFILE_MAX)
		return err_set(e, E2BIG, "sandbox: profile too long");
	if (sandbox_init(p.text, 0, &error) == 0)
		return 0;
	(void)err_set(e, EPERM, "sandbox: %s",
	    error != NULL ? error : "refused");
	if (error != NULL)
		sandbox_free_error(error);
	return -1;
}

/* Threads cannot have less than their process. */
int
sandbox_enter_vcpu(struct err *e)
{
	(void)e;
	return 0;
}
