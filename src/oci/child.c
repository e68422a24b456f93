/* SPDX-License-Identifier: ISC */
/* child.c - running skopeo and sqfstar; see child.h */

#include <sys/stat.h>
#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "oci/child.h"
#include "oci/job.h"
#include "os/os.h"

#define TICK_MS		200
#define NO_EXEC		127	/* exit status: the program cannot be run */

void
child_init(struct child *c)
{
	*c = (struct child){ .pid = -1, .in = -1, .gone = -1, .out = -1,
	    .err = -1 };
}

static void
close_it(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void
child_fini(struct child *c)
{
	if (c->pid != -1) {
		(void)kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
			;
		c->pid = -1;
	}
	close_it(&c->in);
	close_it(&c->gone);
	close_it(&c->out);
	close_it(&c->err);
}

/* A file without a name. */
static int
scratch(int dir, struct err *e)
{
	own_fd int fd = -1;

	fd = openat(dir, "said", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || unlinkat(dir, "said", 0) == -1)
		return err_sys(e, "make a file in tmp");
	return take_fd(&fd);
}

/* In the child: descriptors at their places, then the program. */
static void
run(const struct child_spec *spec, int in, int out, int err, int gone)
{
	int null = open("/dev/null", O_RDONLY);

	if (in == -1)
		in = null;
	if (os_die_with_parent() == -1 || fchdir(spec->dir) == -1 ||
	    dup2(in, 0) == -1 || dup2(out, 1) == -1 || dup2(err, 2) == -1)
		_exit(NO_EXEC);
	(void)signal(SIGPIPE, SIG_DFL);
	/* All else is close-on-exec; the pipe is to live as long as we do. */
	if (fd_cloexec(gone, 0) == -1 ||
	    (spec->keep != -1 && fd_cloexec(spec->keep, 0) == -1))
		_exit(NO_EXEC);
	execvp(spec->argv[0], spec->argv);
	dprintf(2, "%s: %s\n", spec->argv[0], strerror(errno));
	_exit(NO_EXEC);
}

int
child_start(struct child *ret, const struct child_spec *spec, struct err *e)
{
	own_fd int in_child = -1, gone_child = -1;
	int in[2] = { -1, -1 }, gone[2];

	child_init(ret);
	ret->name = spec->argv[0];
	ret->out = scratch(spec->dir, e);
	ret->err = ret->out == -1 ? -1 : scratch(spec->dir, e);
	if (ret->err == -1)
		return -1;
	if (spec->feed) {
		if (pipe2(in, O_CLOEXEC) == -1)
			return err_sys(e, "pipe");
		in_child = in[0];
		ret->in = in[1];
	}
	if (pipe2(gone, O_CLOEXEC) == -1)
		return err_sys(e, "pipe");
	ret->gone = gone[0];
	gone_child = gone[1];
	ret->pid = fork();
	if (ret->pid == -1)
		return err_sys(e, "start %s", spec->argv[0]);
	if (ret->pid == 0)
		run(spec, in_child, ret->out, ret->err, gone_child);
	return 0;
}

static int
ended(struct child *c, int status, struct err *e)
{
	char said[CHILD_SAID_MAX];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(e, EIO, "%s was ended by signal %d", c->name,
		    WTERMSIG(status));
	(void)child_said(said, c);
	return err_set(e, EIO, "%s", said[0] == '\0' ? c->name : said);
}

int
child_wait(struct child *c, void (*tick)(void *), void *arg, struct err *e)
{
	struct pollfd p = { .fd = c->gone, .events = POLLIN };
	int status;

	close_it(&c->in);
	while (poll(&p, 1, TICK_MS) <= 0) {
		if (job_check(e) == -1) {
			child_fini(c);
			return -1;
		}
		if (tick != NULL)
			tick(arg);
	}
	while (waitpid(c->pid, &status, 0) == -1)
		if (errno != EINTR)
			return err_sys(e, "wait for %s", c->name);
	c->pid = -1;
	if (tick != NULL)
		tick(arg);
	return ended(c, status, e);
}

char *
child_said(char buf[CHILD_SAID_MAX], const struct child *c)
{
	struct stat sb;
	off_t from = 0;
	ssize_t n;

	if (fstat(c->err, &sb) == 0 && sb.st_size >= CHILD_SAID_MAX)
		from = sb.st_size - CHILD_SAID_MAX + 1;
	n = pread(c->err, buf, CHILD_SAID_MAX - 1, from);
	n = n < 0 ? 0 : n;
	while (n > 0 && isspace((unsigned char)buf[n - 1]))
		n--;
	buf[n] = '\0';
	for (char *p = buf; *p != '\0'; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return buf;
}

int
child_output(struct buf *b, const struct child *c, struct err *e)
{
	struct stat sb;
	uint8_t *to;
	ssize_t n;

	if (fstat(c->out, &sb) == -1)
		return err_sys(e, "output of %s", c->name);
	if ((uint64_t)sb.st_size > b->max - b->len)
		return err_api(e, EFBIG, "invalid_image",
		    "%s answered more than %zu bytes", c->name, b->max);
	to = buf_reserve(b, (size_t)sb.st_size);
	if (to == NULL)
		return err_sys(e, "output of %s", c->name);
	if (lseek(c->out, 0, SEEK_SET) == -1 ||
	    (n = read_full(c->out, to, (size_t)sb.st_size)) == -1)
		return err_sys(e, "output of %s", c->name);
	buf_added(b, (size_t)n);
	return 0;
}
