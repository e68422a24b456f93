/* SPDX-License-Identifier: ISC */
/* child.c - running skopeo and sqfstar; see child.h */

#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "oci/child.h"
#include "oci/job.h"
#include "os/os.h"

#define TICK_MS		200
#define NO_EXEC		127		/* status: it could not be run */
#define CHUNK		(64U << 10)	/* bytes read at once */

void
child_init(struct child *c)
{
	memset(c, 0, sizeof(*c));
	c->pid = -1;
	c->in = c->out = c->err = -1;
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
	close_it(&c->out);
	close_it(&c->err);
	buf_fini(&c->output);
}

/* In the child: descriptors at their places, then the program. */
static void __attribute__((noreturn))
run(const struct child_spec *spec, int in, int out, int err)
{
	if (in == -1)
		in = open("/dev/null", O_RDONLY);
	if (os_die_with_parent() == -1 || fchdir(spec->dir) == -1 ||
	    dup2(in, 0) == -1 || dup2(out, 1) == -1 || dup2(err, 2) == -1)
		_exit(NO_EXEC);
	(void)signal(SIGPIPE, SIG_DFL);
	/* Everything else is close-on-exec. */
	if (spec->keep != -1 && fd_cloexec(spec->keep, 0) == -1)
		_exit(NO_EXEC);
	(void)execvp(spec->argv[0], spec->argv);
	(void)dprintf(2, "%s: %s\n", spec->argv[0], strerror(errno));
	_exit(NO_EXEC);
}

int
child_start(struct child *ret, const struct child_spec *spec, struct err *e)
{
	own_fd int in = -1, out = -1, err = -1;
	int p[2];

	ret->name = spec->argv[0];
	buf_init(&ret->output, spec->output_max);
	if (spec->feed) {
		if (os_pipe(p) == -1)
			return err_sys(e, "pipe");
		in = p[0];
		ret->in = p[1];
		if (fd_nonblock(ret->in, 1) == -1)
			return err_sys(e, "pipe");
	}
	if (os_pipe(p) == -1)
		return err_sys(e, "pipe");
	ret->out = p[0];
	out = p[1];
	if (os_pipe(p) == -1)
		return err_sys(e, "pipe");
	ret->err = p[0];
	err = p[1];
	ret->pid = fork();
	if (ret->pid == -1)
		return err_sys(e, "start %s", spec->argv[0]);
	if (ret->pid == 0)
		run(spec, in, out, err);
	return 0;
}

/* --- what it writes ------------------------------------------------------- */

static void
read_out(struct child *c)
{
	char chunk[CHUNK];
	ssize_t n = read(c->out, chunk, sizeof(chunk));

	if (n == 0 || (n == -1 && errno != EINTR))
		close_it(&c->out);
	else if (n > 0 && buf_put(&c->output, chunk, (size_t)n) == -1)
		c->too_much = true;
}

static void
read_err(struct child *c)
{
	size_t half = sizeof(c->said) / 2;
	ssize_t n;

	/* The end says why; the beginning is let go of. */
	if (c->said_len >= half) {
		memmove(c->said, c->said + c->said_len - half / 2, half / 2);
		c->said_len = half / 2;
	}
	n = read(c->err, c->said + c->said_len, half - 1);
	if (n == 0 || (n == -1 && errno != EINTR))
		close_it(&c->err);
	else if (n > 0)
		c->said_len += (size_t)n;
}

/* Wait for something to do; true when there is room for input. */
static bool
turn(struct child *c, int timeout_ms)
{
	struct pollfd p[3] = {
		{ .fd = c->in, .events = POLLOUT },
		{ .fd = c->out, .events = POLLIN },
		{ .fd = c->err, .events = POLLIN },
	};

	if (poll(p, 3, timeout_ms) <= 0)
		return false;
	if (p[1].revents != 0)
		read_out(c);
	if (p[2].revents != 0)
		read_err(c);
	return p[0].revents != 0;
}

int
child_write(struct child *c, const void *data, size_t len, struct err *e)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(c->in, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			return err_sys(e, "%s", c->name);
		} else {
			while (!turn(c, TICK_MS))
				if (job_check(e) == -1)
					return -1;
		}
	}
	return job_check(e);
}

/* --- its end -------------------------------------------------------------- */

static int
ended(struct child *c, int status, struct err *e)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && c->too_much)
		return err_api(e, EFBIG, "invalid_image",
		    "%s answered more than %zu bytes", c->name,
		    c->output.max);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(e, EIO, "%s was ended by signal %d", c->name,
		    WTERMSIG(status));
	while (c->said_len > 0 &&
	    isspace((unsigned char)c->said[c->said_len - 1]))
		c->said_len--;
	c->said[c->said_len] = '\0';
	for (size_t i = 0; i < c->said_len; i++)
		if ((unsigned char)c->said[i] < ' ')
			c->said[i] = ' ';
	return err_set(e, EIO, "%s%s", c->said_len == 0 ? c->name : c->said,
	    c->said_len == 0 ? " failed" : "");
}

int
child_wait(struct child *c, void (*tick)(void *), void *arg, struct err *e)
{
	int status;

	close_it(&c->in);
	while (c->out != -1 || c->err != -1) {
		(void)turn(c, TICK_MS);
		if (job_check(e) == -1)
			return -1;
		if (tick != NULL)
			tick(arg);
	}
	while (waitpid(c->pid, &status, 0) == -1)
		if (errno != EINTR)
			return err_sys(e, "wait for %s", c->name);
	c->pid = -1;
	return ended(c, status, e);
}
