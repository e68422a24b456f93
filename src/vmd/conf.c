/* SPDX-License-Identifier: ISC */
/* conf.c - vm.conf, which vmd opens and does not read; see conf.h */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "os/user.h"
#include "vmd/conf.h"
#include "vmd/spawn.h"
#include "vmd/user.h"

#define WORDS_MAX	(2 * OPTIONS_MACROS_MAX + 8)

int
conf_open(const struct options *o, struct err *e)
{
	int fd;

	if (o->conf[0] == '\0')
		return err_api(e, ENOENT, "not_found", "there is no vm.conf: "
		    "with -s, -f names one");
	/* Nobody is waited for: it may be a FIFO, which vmd-conf refuses. */
	fd = open(o->conf, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return err_api(e, ENOENT, "not_found", "there is no %s",
		    o->conf);
	if (fd == -1)
		return err_sys(e, "%s", o->conf);
	return fd;
}

void
conf_words(struct spawn *s, const struct options *o)
{
	for (unsigned i = 0; i < o->nmacros; i++) {
		spawn_arg(s, "-D");
		spawn_arg(s, "%s", o->macros[i]);
	}
}

/* What it parses may be anybody's: not with root's rights. */
static void
become_user(const struct options *o)
{
	struct user u;

	if (geteuid() != 0 || strcmp(o->user, "root") == 0 ||
	    user_by_name(&u, o->user, NULL) == -1)
		return;
	if (os_become(u.uid, u.gid, NULL, 0) == -1)
		fatal("become %s", o->user);
}

static void __attribute__((noreturn))
run_check(const struct options *o, int fd)
{
	char path[PRIV_PATH_MAX + 16], number[16];
	const char *words[WORDS_MAX];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/vmd-conf", o->libexec);
	(void)snprintf(number, sizeof(number), "%d", fd);
	words[n++] = path;
	for (unsigned i = 0; i < o->nmacros; i++) {
		words[n++] = "-D";
		words[n++] = o->macros[i];
	}
	if (o->check && o->verbose > 0)
		words[n++] = "-v";
	if (!o->check)
		words[n++] = "-q";
	words[n++] = "-i";
	words[n++] = number;
	words[n++] = "--";
	words[n++] = o->conf;
	words[n] = NULL;
	become_user(o);
	(void)fd_cloexec(fd, 0);
	(void)execv(path, (char **)(uintptr_t)words);
	fatal("%s", path);
}

int
conf_check(const struct options *o)
{
	own_fd int fd = -1;
	struct err e;
	pid_t pid;
	int status;

	fd = conf_open(o, &e);
	if (fd == -1 && e.num == ENOENT && (!o->check || !o->conf_named)) {
		if (o->check)
			log_info("command line OK; %s", e.text);
		return 0;
	}
	if (fd == -1) {
		log_warnx("%s", e.text);
		return 1;
	}
	pid = fork();
	if (pid == -1)
		fatal("fork");
	if (pid == 0)
		run_check(o, fd);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			fatal("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
