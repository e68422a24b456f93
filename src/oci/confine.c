/* SPDX-License-Identifier: ISC */
/* confine.c - a job gives away what it does not need; see confine.h */

#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "oci/confine.h"
#include "oci/skopeo.h"
#include "oci/store.h"
#include "os/user.h"
#include "os/sandbox.h"

#define PATH_DIRS_MAX	12	/* directories of PATH that count */
#define DIR_MAX		1024	/* bytes of one path */

int
confine_user(const char *store, struct err *e)
{
	struct stat sb;

	if (geteuid() != 0 || stat(store, &sb) == -1 || sb.st_uid == 0)
		return 0;
	if (os_become(sb.st_uid, sb.st_gid, &sb.st_gid, 1) == -1)
		return err_sys(e, "become the owner of %s", store);
	return 0;
}

/* Paths of a sandbox live in it until it was entered. */
struct confine {
	struct sandbox	sandbox;
	char		dirs[PATH_DIRS_MAX][DIR_MAX];
	char		docker[DIR_MAX];
	char		config[DIR_MAX];
	char		runtime[DIR_MAX];
};

static void
add_below(struct confine *c, char buf[DIR_MAX], const char *variable,
    const char *below)
{
	const char *dir = getenv(variable);

	if (dir == NULL || *dir == '\0' ||
	    snprintf(buf, DIR_MAX, "%s%s", dir, below) >= DIR_MAX)
		return;
	sandbox_add(&c->sandbox, buf, SANDBOX_READ);
}

/* Credential helpers are looked up in PATH, and may be anybody's. */
static void
add_path(struct confine *c)
{
	const char *p = getenv("PATH");
	size_t n;

	for (size_t i = 0; p != NULL && *p != '\0' && i < PATH_DIRS_MAX;
	    p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		if (n == 0 || n >= DIR_MAX || *p != '/')
			continue;
		memcpy(c->dirs[i], p, n);
		c->dirs[i][n] = '\0';
		sandbox_add(&c->sandbox, c->dirs[i++],
		    SANDBOX_READ | SANDBOX_EXEC);
	}
}

static void
add_network(struct confine *c, const struct registry_access *acc)
{
	struct sandbox *s = &c->sandbox;

	/* Where /etc/resolv.conf may lead to, and root's logins. */
	sandbox_add(s, "/run/systemd/resolve", SANDBOX_READ);
	sandbox_add(s, "/run/containers", SANDBOX_READ);
	if (acc->authfile != NULL)
		sandbox_add(s, acc->authfile, SANDBOX_READ);
	if (acc->authfd != -1)
		sandbox_add_fd(s, acc->authfd, SANDBOX_READ);
	if (getenv("DOCKER_CONFIG") != NULL)
		add_below(c, c->docker, "DOCKER_CONFIG", "");
	else
		add_below(c, c->docker, "HOME", "/.docker");
	add_below(c, c->config, "HOME", "/.config/containers");
	add_below(c, c->runtime, "XDG_RUNTIME_DIR", "/containers");
	add_path(c);
}

static int
enter(const struct sandbox *s, struct err *e)
{
	char missing[SANDBOX_MISSING_MAX];

	if (sandbox_enter(s, missing, e) == -1)
		return -1;
	if (missing[0] != '\0')
		log_debug("the sandbox is without %s", missing);
	return 0;
}

int
confine_files(struct err *e)
{
	struct sandbox s = { .program = SANDBOX_IMAGE_UNPACK };

	return enter(&s, e);
}

int
confine_enter(const struct store *st, const struct registry_access *network,
    struct err *e)
{
	own_mem struct confine *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_sys(e, "sandbox");
	c->sandbox.program = network == NULL ? SANDBOX_IMAGE_UNPACK :
	    SANDBOX_IMAGE_PULL;
	sandbox_add_system(&c->sandbox);
	sandbox_add_fd(&c->sandbox, st->dir, SANDBOX_READ | SANDBOX_WRITE);
	if (network != NULL)
		add_network(c, network);
	return enter(&c->sandbox, e);
}
