/* SPDX-License-Identifier: ISC */
/* spawn.c - start a program of the image; see spawn.h */

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/spawn.h"
#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"

extern char **environ;

/* What the child tells of itself when it cannot become the program. */
struct failure {
	int	num;
	char	step[16];	/* "cwd", "user", "exec", ... */
};

/* --- environment ---------------------------------------------------------- */

static bool
env_has(char **env, size_t n, const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < n; i++)
		if (strncmp(env[i], word, len) == 0 && env[i][len] == '=')
			return true;
	return false;
}

/* The last of several settings of one name counts, so go from the end. */
static size_t
env_add(char **env, size_t n, const char *const *words)
{
	size_t count = 0;

	while (words != NULL && words[count] != NULL)
		count++;
	while (count-- > 0)
		if (!env_has(env, n, words[count]))
			env[n++] = (char *)(uintptr_t)words[count];
	return n;
}

static size_t
env_count(const char *const *words)
{
	size_t n = 0;

	while (words != NULL && words[n] != NULL)
		n++;
	return n;
}

char **
spawn_env(const char *const *base, const char *const *over, const char *home,
    bool tty)
{
	static const char *const path[] = { "PATH=" SPAWN_PATH, NULL };
	static const char *const term[] = { "TERM=xterm-256color", NULL };
	size_t max = env_count(base) + env_count(over) + 4, n = 0;
	char **env;

	/* The slot before the first word owns HOME's. */
	env = calloc(max + 1, sizeof(*env));
	if (env == NULL)
		return NULL;
	if (asprintf(&env[0], "HOME=%s", home) == -1) {
		free(env);
		return NULL;
	}
	env++;
	n = env_add(env, n, over);
	n = env_add(env, n, base);
	n = env_add(env, n, path);
	if (tty)
		n = env_add(env, n, term);
	if (!env_has(env, n, env[-1]))
		env[n++] = env[-1];
	env[n] = NULL;
	return env;
}

void
spawn_env_free(char **env)
{
	if (env == NULL)
		return;
	free(env[-1]);
	free(env - 1);
}

/* --- in the child --------------------------------------------------------- */

static int
step(struct failure *f, const char *name)
{
	f->num = errno;
	(void)snprintf(f->step, sizeof(f->step), "%s", name);
	return -1;
}

/* OCI: a working directory that is missing is made. */
static int
make_dirs(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			return -1;
	}
	return 0;
}

static int
enter_cwd(const char *cwd)
{
	if (chdir(cwd) == 0)
		return 0;
	if (errno != ENOENT || make_dirs(cwd) == -1)
		return -1;
	return chdir(cwd);
}

static int
become_user(const struct passwd_user *u)
{
	/* Without the right to: fine when there is nothing to change. */
	if (geteuid() != 0) {
		if (geteuid() == u->uid)
			return 0;
		errno = EPERM;
		return -1;
	}
	if (setgroups(u->ngroups, u->groups) == -1 ||
	    setresgid(u->gid, u->gid, u->gid) == -1 ||
	    setresuid(u->uid, u->uid, u->uid) == -1)
		return -1;
	return 0;
}

static void
reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* fds may stand in each other's places: go through copies above them. */
static int
place_fds(const int fds[3])
{
	int copy[3];

	for (int i = 0; i < 3; i++) {
		copy[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (copy[i] == -1)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(copy[i], i) == -1)
			return -1;
	return 0;
}

/* Become the program.  Returns only to fail. */
static int
become(const struct spawn *s, struct failure *f)
{
	reset_signals();
	if (place_fds(s->fds) == -1)
		return step(f, "descriptors");
	if (s->tty && ioctl(0, TIOCSCTTY, 0) == -1)
		return step(f, "terminal");
	/* Still as root: a directory closed to the user is entered too. */
	if (enter_cwd(s->cwd) == -1)
		return step(f, "cwd");
	if (become_user(s->user) == -1)
		return step(f, "user");
	(void)umask(022);
	environ = s->env;
	(void)execvp(s->argv[0], (char **)(uintptr_t)s->argv);
	return step(f, "exec");
}

/* --- in the parent -------------------------------------------------------- */

static const struct {
	int		 num;
	const char	*code;
} codes[] = {
	{ ENOENT,	"not_found" },
	{ ENOTDIR,	"not_found" },
	{ EACCES,	"permission_denied" },
	{ EPERM,	"permission_denied" },
	{ ENOEXEC,	"not_executable" },
};

static int
explain(const struct failure *f, const struct spawn *s, struct err *e)
{
	const char *what = f->step, *code = "failed";

	for (size_t i = 0; i < COUNT(codes); i++)
		if (codes[i].num == f->num)
			code = codes[i].code;
	if (strcmp(f->step, "exec") == 0)
		what = s->argv[0];
	else if (strcmp(f->step, "cwd") == 0)
		what = s->cwd;
	errno = f->num;
	(void)err_sys(e, "%s", what);
	if (e != NULL)
		e->code = code;
	return -1;
}

int
spawn(pid_t *ret, const struct spawn *s, struct err *e)
{
	own_fd int in = -1;
	own_fd int out = -1;
	struct failure f;
	int pair[2];
	pid_t pid;
	ssize_t n;

	if (pipe2(pair, O_CLOEXEC) == -1)
		return err_sys(e, "pipe");
	in = pair[0];
	out = pair[1];
	pid = fork();
	if (pid == -1)
		return err_sys(e, "fork");
	if (pid == 0) {
		/* Out of the way of 0, 1 and 2, which place_fds() fills. */
		int report = fcntl(out, F_DUPFD_CLOEXEC, 3);

		(void)setsid();
		(void)become(s, &f);
		(void)write_full(report, &f, sizeof(f));
		_exit(127);
	}
	(void)close(take_fd(&out));
	n = read_full(in, &f, sizeof(f));
	if (n == 0) {
		*ret = pid;
		return 0;
	}
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	if (n != sizeof(f))
		return err_set(e, EIO, "%s: died before it was executed",
		    s->argv[0]);
	return explain(&f, s, e);
}

int
spawn_exec(const struct spawn *s, struct err *e)
{
	struct failure f;

	(void)become(s, &f);
	return explain(&f, s, e);
}
