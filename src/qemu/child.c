/* SPDX-License-Identifier: ISC */
/* child.c - the one QEMU of a vmm-qemu; see child.h */

#include <sys/socket.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "os/process.h"
#include "qemu/child.h"

struct child {
	pid_t		 pid;		/* -1: it was waited for */
	int		 stderr_fd;
	struct event_watch talk;	/* on stderr_fd */
	struct event_signal sigchld;
	char		 line[CHILD_LINE_MAX];	/* being read */
	size_t		 line_len;
	char		 last[CHILD_LINE_MAX];	/* the last whole one */
	void		(*ended)(void *arg, const char *why);
	void		*arg;
};

static void
line_end(struct child *c)
{
	if (c->line_len == 0)
		return;
	c->line[c->line_len] = '\0';
	c->line_len = 0;
	memcpy(c->last, c->line, sizeof(c->last));
	log_warnx("%s", c->last);
}

/* What QEMU says is data: only printable bytes reach log and reason. */
static void
take_bytes(struct child *c, const char *p, size_t len)
{
	for (; len > 0; p++, len--) {
		if (*p == '\n')
			line_end(c);
		else if (c->line_len < sizeof(c->line) - 1)
			c->line[c->line_len++] =
			    (unsigned char)*p >= ' ' && *p != 0x7f ? *p : '?';
	}
}

/* Read what is there now. */
static void
read_stderr(struct child *c)
{
	char bytes[1024];
	ssize_t n;

	while ((n = read(c->stderr_fd, bytes, sizeof(bytes))) > 0)
		take_bytes(c, bytes, (size_t)n);
	if (n == 0) {
		line_end(c);
		event_watch_fini(&c->talk);
	}
}

static void
stderr_readable(void *arg, unsigned what)
{
	(void)what;
	read_stderr(arg);
}

static void
say_why(struct child *c, char *why, size_t len, int status)
{
	const char *sep = c->last[0] != '\0' ? ": " : "";

	if (WIFSIGNALED(status))
		(void)snprintf(why, len, "QEMU was killed by signal %d%s%s",
		    WTERMSIG(status), sep, c->last);
	else
		(void)snprintf(why, len, "QEMU ended with status %d%s%s",
		    WEXITSTATUS(status), sep, c->last);
}

static void
sigchld(void *arg, int signo)
{
	char why[CHILD_LINE_MAX + 64];
	struct child *c = arg;
	int status;

	(void)signo;
	if (c->pid == -1 || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	c->pid = -1;
	read_stderr(c);
	line_end(c);
	say_why(c, why, sizeof(why), status);
	if (c->ended != NULL)
		c->ended(c->arg, why);
}

/* The child's side: only descriptors 0, 1, 2 and its own, then QEMU. */
static void __attribute__((noreturn))
run(const struct child_setup *s, int err)
{
	const int high = CHILD_FD_FIRST + CHILD_FDS_MAX;
	int at[CHILD_FDS_MAX];
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (os_die_with_parent() == -1 || dup2(err, STDERR_FILENO) == -1)
		_exit(126);
	/* First all out of the way, then each to its place. */
	for (int i = 0; i < (int)s->nfds; i++) {
		at[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, high);
		if (at[i] == -1)
			_exit(126);
	}
	for (int i = 0; i < (int)s->nfds; i++)
		if (dup2(at[i], CHILD_FD_FIRST + i) == -1)
			_exit(126);
	os_close_from(CHILD_FD_FIRST + (int)s->nfds);
	(void)execvp(s->argv[0], s->argv);
	(void)dprintf(STDERR_FILENO, "%s: %s\n", s->argv[0],
	    strerror(errno));
	_exit(127);
}

static int
watch(struct child *c, struct event_loop *loop, struct err *e)
{
	sigset_t set;

	event_watch_init(&c->talk, loop, c->stderr_fd, stderr_readable, c);
	event_signal_init(&c->sigchld, loop, sigchld, c);
	if (event_watch_set(&c->talk, EVENT_READ) == -1)
		return err_sys(e, "QEMU: pipe");
	/* Ignored, children would leave nothing to wait for. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	return event_signal_take(&c->sigchld, &set, e);
}

int
child_new(struct child **ret, struct event_loop *loop,
    const struct child_setup *setup, struct err *e)
{
	OWN(child_destroy) struct child *c = calloc(1, sizeof(*c));
	own_fd int err_theirs = -1;
	int fds[2];

	if (c == NULL)
		return err_sys(e, "QEMU");
	assert(setup->nfds <= CHILD_FDS_MAX);
	c->pid = c->stderr_fd = -1;
	if (os_pipe(fds) == -1)
		return err_sys(e, "QEMU: pipe");
	c->stderr_fd = fds[0];
	err_theirs = fds[1];
	if (fd_nonblock(c->stderr_fd, 1) == -1)
		return err_sys(e, "QEMU: pipe");
	/* Before the fork: an early death must not be missed. */
	if (watch(c, loop, e) == -1)
		return -1;
	c->pid = fork();
	if (c->pid == -1)
		return err_sys(e, "QEMU: fork");
	if (c->pid == 0)
		run(setup, err_theirs);
	*ret = take(&c);
	return 0;
}

void
child_on_end(struct child *c, void (*ended)(void *arg, const char *why),
    void *arg)
{
	c->ended = ended;
	c->arg = arg;
}

void
child_destroy(struct child *c)
{
	if (c == NULL)
		return;
	if (c->pid != -1) {
		(void)kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
			continue;
	}
	if (c->stderr_fd != -1) {
		read_stderr(c);
		event_watch_fini(&c->talk);
		(void)close(c->stderr_fd);
	}
	event_signal_fini(&c->sigchld);
	free(c);
}

pid_t
child_pid(const struct child *c)
{
	return c->pid;
}

uint64_t
child_cpu_ns(const struct child *c)
{
	return c->pid == -1 ? 0 : process_cpu_ns(c->pid);
}
