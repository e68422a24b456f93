/* SPDX-License-Identifier: ISC */
/*
 * request_exec.c - run a command for the host (docs/agent-protocol.md, EXEC)
 *
 * One loop moves bytes between the connection and the command and holds
 * never more than a named maximum: output is read only when all before it
 * has been sent, standard input comes only as far as the client has credit.
 *
 * The session is a subreaper, so every process the command starts, however
 * it hides, becomes our child when its parent ends, and killing all children
 * until none is left kills them all.
 */

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "guest/proc.h"
#include "guest/request.h"
#include "guest/signame.h"
#include "guest/spawn.h"
#include "guest/words.h"
#include "lib/io.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"

#define ROWS_DEFAULT	24
#define COLS_DEFAULT	80
#define SIZE_MAX_CELLS	65535		/* rows or columns */
#define TIMEOUT_MAX_MS	(UINT64_C(1) << 40)
#define EXIT_TIMEOUT	124		/* as timeout(1) */
/*
 * What a command wrote before it ended is in the pipe (64 KiB) or the
 * terminal's buffer (less); more can only come from those it left behind.
 */
#define DRAIN_MAX	65536

/* What the client asks for.  Strings lie in 'data'. */
struct exec_request {
	struct words	 argv;
	struct words	 env;
	const char	*cwd;
	const char	*user;
	bool		 tty;
	bool		 no_stdin;
	bool		 detach;
	struct winsize	 size;
	uint64_t	 timeout_ms;	/* 0: none */
	uint8_t		*data;
};

struct stream {
	int		 fd;		/* -1: at its end */
	enum agent_type	 type;
	size_t		 left;		/* bytes still taken after the end */
};

struct exec {
	struct conn	*c;
	pid_t		 pid;
	struct stream	 streams[2];	/* stdout or terminal, stderr */
	int		 in;		/* to its standard input, or -1 */
	bool		 tty;
	struct buf	 stdin_q;	/* came, could not be written yet */
	bool		 stdin_eof;	/* close 'in' when stdin_q is empty */
	uint64_t	 used;		/* credit to be given back */
	int		 sigfd;		/* SIGCHLD */
	uint64_t	 deadline_ms;	/* monotonic; 0: none */
	bool		 ended;
	bool		 timed_out;
	int		 status;	/* of wait(2), when ended */
};

/* --- the request ---------------------------------------------------------- */

static int
take_arg(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	return words_add(&r->argv, value, e);
}

static int
take_env(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;
	const char *eq = strchr(value, '=');

	if (eq == NULL || eq == value)
		return err_set(e, EINVAL, "'%s' is not NAME=VALUE", value);
	return words_add(&r->env, value, e);
}

static int
take_cwd(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	if (value[0] != '/')
		return err_set(e, EINVAL, "'%s' is no absolute path", value);
	r->cwd = value;
	return 0;
}

static int
take_user(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	(void)e;
	r->user = value;
	return 0;
}

static int
take_flag(bool *ret, const char *value, struct err *e)
{
	uint64_t n;

	if (num_parse(&n, value, 0, 1, e) == -1)
		return -1;
	*ret = n == 1;
	return 0;
}

static int
take_tty(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	return take_flag(&r->tty, value, e);
}

static int
take_stdin(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;
	bool on;

	if (take_flag(&on, value, e) == -1)
		return -1;
	r->no_stdin = !on;
	return 0;
}

static int
take_detach(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	return take_flag(&r->detach, value, e);
}

static int
take_cells(unsigned short *ret, const char *value, struct err *e)
{
	uint64_t n;

	if (num_parse(&n, value, 1, SIZE_MAX_CELLS, e) == -1)
		return -1;
	*ret = (unsigned short)n;
	return 0;
}

static int
take_rows(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	return take_cells(&r->size.ws_row, value, e);
}

static int
take_cols(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	return take_cells(&r->size.ws_col, value, e);
}

static int
take_timeout(void *arg, const char *value, struct err *e)
{
	struct exec_request *r = arg;

	return num_parse(&r->timeout_ms, value, 0, TIMEOUT_MAX_MS, e);
}

static const struct record_field fields[] = {
	{ "arg",	take_arg },
	{ "env",	take_env },
	{ "cwd",	take_cwd },
	{ "user",	take_user },
	{ "tty",	take_tty },
	{ "stdin",	take_stdin },
	{ "detach",	take_detach },
	{ "rows",	take_rows },
	{ "cols",	take_cols },
	{ "timeout",	take_timeout },
	{ NULL,		NULL },
};

static void
exec_request_fini(struct exec_request *r)
{
	words_fini(&r->argv);
	words_fini(&r->env);
	free(r->data);
}

/* The frame's bytes are copied: the loop needs the buffer they lie in. */
static int
request_read(struct exec_request *r, const struct agent *a, struct conn *c,
    struct frame *f, struct err *e)
{
	r->cwd = a->config->cwd;
	r->user = a->config->user;
	r->size.ws_row = ROWS_DEFAULT;
	r->size.ws_col = COLS_DEFAULT;
	r->data = malloc(f->len + 1);
	if (r->data == NULL)
		return err_sys(e, "exec");
	memcpy(r->data, f->data, f->len);
	if (records_read(fields, r, r->data, f->len, e) == -1) {
		if (e->code == NULL)
			e->code = "bad_request";
		return -1;
	}
	frame_drain(&c->in, f);
	if (r->argv.n == 0 || r->argv.v[0][0] == '\0')
		return err_api(e, EINVAL, "bad_request", "no command");
	return 0;
}

/* --- starting it ---------------------------------------------------------- */

/* Both ends of what the command reads and writes; ours do not block. */
struct ends {
	int	child[3];
	int	ours[3];	/* terminal: one descriptor, in [0] and [1] */
};

static void
ends_fini(struct ends *n)
{
	for (int i = 0; i < 3; i++) {
		if (n->child[i] != -1)
			(void)close(n->child[i]);
		if (n->ours[i] != -1)
			(void)close(n->ours[i]);
		n->child[i] = n->ours[i] = -1;
	}
}

static int
open_null(struct ends *n, struct err *e)
{
	for (int i = 0; i < 3; i++) {
		if (n->child[i] != -1)
			continue;
		n->child[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (n->child[i] == -1)
			return err_sys(e, "/dev/null");
	}
	return 0;
}

static int
open_pipes(struct ends *n, bool no_stdin, const struct passwd_user *u,
    struct err *e)
{
	int pair[2];

	for (int i = 0; i < 3; i++) {
		if (i == 0 && no_stdin)
			continue;
		if (pipe2(pair, O_CLOEXEC) == -1)
			return err_sys(e, "pipe");
		n->child[i] = pair[i == 0 ? 0 : 1];
		n->ours[i] = pair[i == 0 ? 1 : 0];
		/* Owned, so that it may open /dev/stdin and /dev/stdout. */
		if (fd_nonblock(n->ours[i], 1) == -1 ||
		    fchown(n->child[i], u->uid, u->gid) == -1)
			return err_sys(e, "pipe");
	}
	return open_null(n, e);
}

static int
open_terminal(struct ends *n, const struct winsize *size,
    const struct passwd_user *u, struct err *e)
{
	own_fd int master = -1;
	char name[64];

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    ptsname_r(master, name, sizeof(name)) != 0)
		return err_sys(e, "pseudo-terminal");
	n->child[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (n->child[0] == -1 || ioctl(master, TIOCSWINSZ, size) == -1 ||
	    fchown(n->child[0], u->uid, (gid_t)-1) == -1)
		return err_sys(e, "%s", name);
	for (int i = 1; i < 3; i++) {
		n->child[i] = fcntl(n->child[0], F_DUPFD_CLOEXEC, 3);
		if (n->child[i] == -1)
			return err_sys(e, "%s", name);
	}
	n->ours[0] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (n->ours[0] == -1)
		return err_sys(e, "%s", name);
	n->ours[1] = take_fd(&master);
	return 0;
}

static int
start(struct exec *x, struct ends *n, const struct agent *a,
    const struct exec_request *r, struct err *e)
{
	struct passwd_user user;
	struct spawn s = { .cwd = r->cwd, .user = &user, .tty = r->tty };
	int ret;

	if (passwd_lookup(&user, r->user, e) == -1)
		return -1;
	if (r->detach)
		ret = open_null(n, e);
	else if (r->tty)
		ret = open_terminal(n, &r->size, &user, e);
	else
		ret = open_pipes(n, r->no_stdin, &user, e);
	if (ret == -1)
		return -1;
	s.argv = r->argv.v;
	s.tty = r->tty && !r->detach;
	s.env = spawn_env(a->config->env.v, r->env.v, user.home, s.tty);
	if (s.env == NULL)
		return err_sys(e, "exec");
	memcpy(s.fds, n->child, sizeof(s.fds));
	ret = spawn(&x->pid, &s, e);
	spawn_env_free(s.env);
	return ret;
}

/* --- the loop ------------------------------------------------------------- */

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Reap whatever has ended; what was orphaned has become ours. */
static void
reap(struct exec *x)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(x->sigfd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == x->pid) {
			x->ended = true;
			x->status = status;
		}
}

static void
kill_all(struct exec *x)
{
	int status;

	if (proc_kill_children(x->pid, &status) == 1 && !x->ended) {
		x->ended = true;
		x->status = status;
	}
}

static void
stream_close(struct stream *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = -1;
}

/* Read what the command wrote into a frame.  Bytes read, 0 for none. */
static size_t
stream_read(struct exec *x, struct stream *s)
{
	struct buf *out = &x->c->out;
	size_t max = AGENT_DATA_MAX;
	uint8_t *to;
	ssize_t at, n;

	if (s->fd == -1)
		return 0;
	if (x->ended)
		max = MIN(max, s->left);
	if (max == 0)
		return 0;
	at = frame_open(out);
	to = at == -1 ? NULL : buf_reserve(out, max);
	if (to == NULL) {
		if (at != -1)
			out->len = (size_t)at;
		return 0;
	}
	n = read(s->fd, to, max);
	if (n <= 0) {
		out->len = (size_t)at;
		/* A terminal nobody has open any more says EIO. */
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			stream_close(s);
		return 0;
	}
	if (x->ended)
		s->left -= (size_t)n;
	buf_added(out, (size_t)n);
	(void)frame_close(out, at, s->type);
	return (size_t)n;
}

/* Standard input has ended: close the pipe, or type the EOF character. */
static void
stdin_finish(struct exec *x)
{
	struct termios t;
	char eof = 4;

	if (x->in == -1 || !x->stdin_eof || x->stdin_q.len != 0)
		return;
	if (x->tty) {
		if (tcgetattr(x->in, &t) == 0)
			eof = (char)t.c_cc[VEOF];
		/* Full of what nobody reads: then it never ends. */
		if (write(x->in, &eof, 1) == -1)
			return;
		x->stdin_eof = false;
		return;
	}
	(void)close(take_fd(&x->in));
}

/* Write what waits; give credit back once half of it is used up. */
static int
stdin_write(struct exec *x, struct err *e)
{
	ssize_t n;

	while (x->in != -1 && x->stdin_q.len != 0) {
		n = write(x->in, x->stdin_q.data, x->stdin_q.len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			/* Nobody reads it any more. */
			(void)close(take_fd(&x->in));
			break;
		}
		buf_drain(&x->stdin_q, (size_t)n);
		x->used += (uint64_t)n;
	}
	if (x->in == -1) {
		x->used += x->stdin_q.len;
		buf_reset(&x->stdin_q);
	}
	stdin_finish(x);
	if (x->used >= AGENT_STDIN_WINDOW / 2) {
		if (frame_put_u64(&x->c->out, AGENT_WINDOW, x->used) == -1)
			return err_sys(e, "stdin");
		x->used = 0;
	}
	return 0;
}

static int
on_stdin(struct exec *x, const struct frame *f, struct err *e)
{
	if (x->stdin_eof)
		return err_set(e, EPROTO, "STDIN behind STDIN_EOF");
	if (buf_put(&x->stdin_q, f->data, f->len) == -1)
		return err_set(e, EPROTO, "STDIN without credit");
	return stdin_write(x, e);
}

static int
on_stdin_eof(struct exec *x, const struct frame *f, struct err *e)
{
	(void)f;
	(void)e;
	x->stdin_eof = true;
	stdin_finish(x);
	return 0;
}

static int
take_signal(void *arg, const char *value, struct err *e)
{
	return signame_parse(arg, value, e);
}

static int
on_signal(struct exec *x, const struct frame *f, struct err *e)
{
	static const struct record_field signal_fields[] = {
		{ "signal",	take_signal },
		{ NULL,		NULL },
	};
	pid_t group = x->pid;
	int sig = 0;

	if (records_read(signal_fields, &sig, f->data, f->len, e) == -1)
		return -1;
	if (sig == 0)
		return err_set(e, EPROTO, "SIGNAL without a signal");
	if (x->tty && x->streams[0].fd != -1)
		group = tcgetpgrp(x->streams[0].fd);
	/* Once it has ended, its number may be another's. */
	if (!x->ended && group > 0)
		(void)kill(-group, sig);
	return 0;
}

static int
on_resize(struct exec *x, const struct frame *f, struct err *e)
{
	static const struct record_field resize_fields[] = {
		{ "rows",	take_rows },
		{ "cols",	take_cols },
		{ NULL,		NULL },
	};
	struct exec_request r = { .size.ws_row = ROWS_DEFAULT,
	    .size.ws_col = COLS_DEFAULT };

	if (records_read(resize_fields, &r, f->data, f->len, e) == -1)
		return -1;
	if (x->tty && x->streams[0].fd != -1)
		(void)ioctl(x->streams[0].fd, TIOCSWINSZ, &r.size);
	return 0;
}

static const struct {
	enum agent_type	type;
	int		(*on)(struct exec *, const struct frame *,
			    struct err *);
} controls[] = {
	{ AGENT_STDIN,		on_stdin },
	{ AGENT_STDIN_EOF,	on_stdin_eof },
	{ AGENT_SIGNAL,		on_signal },
	{ AGENT_RESIZE,		on_resize },
};

/* Every whole frame that is there. */
static int
frames_take(struct exec *x, struct err *e)
{
	struct frame f;
	size_t i;
	int n;

	while ((n = frame_peek(&f, &x->c->in, e)) == 1) {
		for (i = 0; i < COUNT(controls); i++)
			if (controls[i].type == f.type)
				break;
		if (i == COUNT(controls))
			return err_set(e, EPROTO, "%s while a command runs",
			    frame_name(f.type));
		if (controls[i].on(x, &f, e) == -1)
			return -1;
		frame_drain(&x->c->in, &f);
	}
	return n;
}

/* How long poll(2) may sleep; at the deadline everything is killed. */
static int
time_left(struct exec *x)
{
	uint64_t now;

	if (x->deadline_ms == 0 || x->ended)
		return -1;
	now = now_ms();
	if (now < x->deadline_ms)
		return (int)MIN(x->deadline_ms - now, 3600000);
	x->timed_out = true;
	kill_all(x);
	return 0;
}

/*
 * One turn: wait, then move what can be moved.  1 when the command has ended
 * and all it wrote is sent.
 */
static int
turn(struct exec *x, struct err *e)
{
	struct conn *c = x->c;
	struct pollfd p[5];
	int ms = time_left(x);
	bool sent;

	if (conn_flush(c, e) == -1)
		return -1;
	sent = c->out.len == 0;
	if (x->ended && sent && stream_read(x, &x->streams[0]) +
	    stream_read(x, &x->streams[1]) == 0)
		return 1;
	sent = c->out.len == 0;
	p[0] = (struct pollfd){ c->fd, POLLIN | (sent ? 0 : POLLOUT), 0 };
	p[1] = (struct pollfd){ x->sigfd, POLLIN, 0 };
	p[2] = (struct pollfd){ sent ? x->streams[0].fd : -1, POLLIN, 0 };
	p[3] = (struct pollfd){ sent ? x->streams[1].fd : -1, POLLIN, 0 };
	p[4] = (struct pollfd){
	    x->stdin_q.len != 0 || x->stdin_eof ? x->in : -1, POLLOUT, 0 };
	if (poll(p, COUNT(p), ms) == -1 && errno != EINTR)
		return err_sys(e, "poll");
	if (p[1].revents != 0)
		reap(x);
	if ((p[0].revents & ~POLLOUT) != 0 &&
	    (conn_fill(c, e) == -1 || frames_take(x, e) == -1))
		return -1;
	if (c->eof)
		return err_set(e, ECONNRESET, "the client left");
	if (p[4].revents != 0 && stdin_write(x, e) == -1)
		return -1;
	for (int i = 0; i < 2; i++)
		if (p[2 + i].revents != 0)
			(void)stream_read(x, &x->streams[i]);
	return 0;
}

static int
put_started(struct exec *x, struct err *e)
{
	struct buf *out = &x->c->out;
	ssize_t at = frame_open(out);

	if (at == -1 || record_putf(out, "pid", "%d", (int)x->pid) == -1 ||
	    frame_close(out, at, AGENT_STARTED) == -1)
		return err_sys(e, "exec");
	return 0;
}

static int
put_exit(struct exec *x, struct err *e)
{
	struct buf *out = &x->c->out;
	ssize_t at = frame_open(out);
	int code = WEXITSTATUS(x->status), sig = 0;

	if (WIFSIGNALED(x->status)) {
		sig = WTERMSIG(x->status);
		code = 128 + sig;
	}
	if (x->timed_out)
		code = EXIT_TIMEOUT;
	if (at == -1 || record_putf(out, "code", "%d", code) == -1 ||
	    (sig != 0 &&
	    record_put(out, "signal", signame_print(sig)) == -1) ||
	    (x->timed_out && record_put(out, "timeout", "1") == -1) ||
	    frame_close(out, at, AGENT_EXIT) == -1)
		return err_sys(e, "exec");
	return 0;
}

/* --- all of it ------------------------------------------------------------ */

static int
exec_init(struct exec *x, struct conn *c, struct err *e)
{
	sigset_t set;

	memset(x, 0, sizeof(*x));
	x->c = c;
	x->in = -1;
	x->streams[0] = (struct stream){ -1, AGENT_STDOUT, DRAIN_MAX };
	x->streams[1] = (struct stream){ -1, AGENT_STDERR, DRAIN_MAX };
	buf_init(&x->stdin_q, AGENT_STDIN_WINDOW);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	x->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (x->sigfd == -1 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		return err_sys(e, "exec");
	return 0;
}

static void
exec_fini(struct exec *x)
{
	stream_close(&x->streams[0]);
	stream_close(&x->streams[1]);
	if (x->in != -1)
		(void)close(x->in);
	if (x->sigfd != -1)
		(void)close(x->sigfd);
	buf_fini(&x->stdin_q);
}

static int
run(struct exec *x, const struct exec_request *r, struct err *e)
{
	int n;

	if (r->timeout_ms != 0)
		x->deadline_ms = now_ms() + r->timeout_ms;
	/* What came with the request. */
	n = frames_take(x, e) == -1 ? -1 : 0;
	while (n == 0)
		n = turn(x, e);
	if (n == -1) {
		kill_all(x);
		return -1;
	}
	return put_exit(x, e);
}

int
request_exec(const struct agent *a, struct conn *c, struct frame *f,
    struct err *e)
{
	struct exec_request r = { 0 };
	struct ends ends = { { -1, -1, -1 }, { -1, -1, -1 } };
	struct exec x;
	int ret;

	ret = exec_init(&x, c, e);
	if (ret == 0)
		ret = request_read(&r, a, c, f, e);
	if (ret == 0)
		ret = start(&x, &ends, a, &r, e);
	if (ret == 0)
		ret = put_started(&x, e);
	if (ret == 0 && !r.detach) {
		x.tty = r.tty;
		x.in = take_fd(&ends.ours[0]);
		x.streams[0].fd = take_fd(&ends.ours[1]);
		x.streams[1].fd = take_fd(&ends.ours[2]);
		for (int i = 0; i < 3; i++)
			(void)close(take_fd(&ends.child[i]));
		ret = run(&x, &r, e);
	}
	ends_fini(&ends);
	exec_fini(&x);
	exec_request_fini(&r);
	return ret;
}
