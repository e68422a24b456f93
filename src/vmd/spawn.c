/* SPDX-License-Identifier: ISC */
/* spawn.c - start a program the one way vmd starts programs; see spawn.h */

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "os/paths.h"
#include "os/process.h"
#include "vmd/spawn.h"

#define ALOFT	(SPAWN_REPORT + SPAWN_FDS_MAX)	/* above every fixed place */

struct spawn *
spawn_new(const char *program, struct err *e)
{
	struct spawn *s = calloc(1, sizeof(*s));
	const char *slash = strrchr(program, '/');

	if (s == NULL) {
		(void)err_sys(e, "start %s", program);
		return NULL;
	}
	s->program = program;
	s->in = s->out = s->log = s->dir = s->pids = -1;
	s->mask = 077;
	spawn_arg(s, "%s", slash == NULL ? program : slash + 1);
	return s;
}

void
spawn_destroy(struct spawn *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->nargs; i++)
		free(s->args[i]);
	free(s);
}

void
spawn_arg(struct spawn *s, const char *fmt, ...)
{
	va_list ap;
	char *word = NULL;

	va_start(ap, fmt);
	if (vasprintf(&word, fmt, ap) == -1)
		word = NULL;
	va_end(ap);
	if (word == NULL || s->nargs == SPAWN_ARGS_MAX) {
		free(word);
		s->program = NULL;	/* spawn_run() refuses */
		return;
	}
	s->args[s->nargs++] = word;
}

int
spawn_fd(struct spawn *s, int fd)
{
	if (s->nfds == SPAWN_FDS_MAX) {
		s->program = NULL;
		return -1;
	}
	s->fds[s->nfds] = fd;
	return SPAWN_REPORT + (int)s->nfds++;
}

/* --- in the child --------------------------------------------------------- */

/* Tell who waits at the report pipe, and be gone. */
static void __attribute__((noreturn))
child_fails(const struct spawn *s, const char *what)
{
	const char *why = strerror(errno);

	if (s->json)
		(void)dprintf(SPAWN_REPORT, "{\"event\":\"error\",\"code\":"
		    "\"io\",\"message\":\"%s: %s\"}\n", what, why);
	else
		(void)dprintf(SPAWN_REPORT, "error %s: %s\n", what, why);
	_exit(127);
}

/* First all out of the way, then each to its place. */
static int
child_descriptors(struct spawn *s)
{
	int in, log, out;

	out = fcntl(s->out, F_DUPFD, ALOFT);
	in = s->in != -1 ? s->in : open("/dev/null", O_RDWR);
	in = fcntl(in, F_DUPFD, ALOFT);
	log = fcntl(s->log != -1 ? s->log : STDERR_FILENO, F_DUPFD, ALOFT);
	for (unsigned i = 0; i < s->nfds; i++)
		if (s->fds[i] != -1) {
			s->fds[i] = fcntl(s->fds[i], F_DUPFD, ALOFT);
			if (s->fds[i] == -1)
				return -1;
		}
	for (unsigned i = 0; i < s->nfds; i++) {
		(void)close(SPAWN_REPORT + (int)i);
		if (s->fds[i] != -1 &&
		    dup2(s->fds[i], SPAWN_REPORT + (int)i) == -1)
			return -1;
	}
	if (dup2(in, STDIN_FILENO) == -1 || dup2(log, STDERR_FILENO) == -1)
		return -1;
	(void)close(STDOUT_FILENO);
	if ((s->out != -1 ? dup2(out, STDOUT_FILENO) :
	    open("/dev/null", O_RDWR)) != STDOUT_FILENO)
		return -1;
	os_close_from(SPAWN_REPORT + (int)s->nfds);
	return 0;
}

static void
child_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The child writes its own line, before it can be anything: no instant where
 * a process of the VM lives that no later vmd would find.
 */
static int
child_note(const struct spawn *s)
{
	struct process_info info;
	char line[64];
	int n;

	if (process_info(&info, getpid(), NULL) == -1)
		return -1;
	n = snprintf(line, sizeof(line), "%s %d %llu\n", s->name,
	    (int)getpid(), (unsigned long long)info.start);
	return write(s->pids, line, (size_t)n) == n ? 0 : -1;
}

static void __attribute__((noreturn))
child(struct spawn *s)
{
	static char path[512];
	char *env[] = { path, NULL };

	(void)snprintf(path, sizeof(path), "PATH=%s", os_paths.programs);
	child_signals();
	(void)setsid();
	(void)umask(s->mask);
	if (s->pids != -1 && child_note(s) == -1)
		child_fails(s, "note the process");
	if (s->dir != -1 && fchdir(s->dir) == -1)
		child_fails(s, "working directory");
	if (child_descriptors(s) == -1)
		child_fails(s, "descriptors");
	if (s->user != NULL && user_become(s->user) == -1)
		child_fails(s, "change the user");
	if (s->out_max != 0 && setrlimit(RLIMIT_FSIZE, &(struct rlimit){
	    s->out_max, s->out_max }) == -1)
		child_fails(s, "limit its output");
	/* After the change of user, which forgets it. */
	if (s->dies_with_us && os_die_with_parent() == -1)
		child_fails(s, "bind to vmd");
	(void)execve(s->program, s->args, env);
	child_fails(s, s->program);
}

pid_t
spawn_run(struct spawn *s, struct err *e)
{
	pid_t pid;

	if (s->program == NULL)
		return err_set(e, E2BIG, "%s: too many words or descriptors",
		    s->nargs > 0 ? s->args[0] : "a program");
	s->args[s->nargs] = NULL;
	pid = fork();
	if (pid == -1)
		return err_sys(e, "start %s", s->args[0]);
	if (pid == 0)
		child(s);
	return pid;
}
