/* SPDX-License-Identifier: ISC */
/* fake_exec.c - exec and console of the control API for tests; see fake.h */

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/util.h"
#include "fake.h"

#define WORDS_MAX	64

struct child {
	pid_t	pid;
	bool	tty;
	int	in, out, err;		/* of the command; err -1 with a tty */
};

static void
become(json_t *frame)
{
	char *argv[WORDS_MAX + 1];
	json_t *words = json_object_get(frame, "command"), *value;
	const char *name;
	size_t i;

	json_object_foreach(json_object_get(frame, "env"), name, value)
		(void)setenv(name, json_string_value(value), 1);
	if (json_is_string(json_object_get(frame, "cwd")))
		(void)!chdir(json_string_value(json_object_get(frame, "cwd")));
	for (i = 0; i < MIN(json_array_size(words), WORDS_MAX); i++)
		argv[i] = strdup(json_string_value(json_array_get(words, i)));
	argv[i] = NULL;
	for (int s = 1; s < 32; s++)
		(void)signal(s, SIG_DFL);
	execvp(argv[0], argv);
	(void)dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void
start(struct child *c, json_t *frame)
{
	struct winsize ws = {
		.ws_row = (unsigned short)json_integer_value(
		    json_object_get(frame, "rows")),
		.ws_col = (unsigned short)json_integer_value(
		    json_object_get(frame, "cols")),
	};
	int in[2], out[2], err[2];

	c->tty = json_is_true(json_object_get(frame, "tty"));
	if (c->tty) {
		c->pid = forkpty(&c->out, NULL, NULL, &ws);
		if (c->pid == 0)
			become(frame);
		c->in = dup(c->out);
		c->err = -1;
		return;
	}
	(void)!pipe2(in, O_CLOEXEC);
	(void)!pipe2(out, O_CLOEXEC);
	(void)!pipe2(err, O_CLOEXEC);
	c->pid = fork();
	if (c->pid == 0) {
		(void)setpgid(0, 0);
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)dup2(err[1], 2);
		become(frame);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
}

static int
signal_number(const char *name)
{
	for (int s = 1; s < 32; s++)
		if (sigabbrev_np(s) != NULL && strcmp(sigabbrev_np(s),
		    name) == 0)
			return s;
	return 0;
}

static void
control(struct child *c, const struct message *m)
{
	json_t *v = json_loads((char *)m->data.data, 0, NULL), *r;

	fake_log("TEXT", "-", (char *)m->data.data);
	if (json_is_true(json_object_get(v, "stdin_eof")) && c->in != -1) {
		if (c->tty)
			(void)!write(c->in, "\004", 1);
		(void)close(c->in);
		c->in = -1;
	}
	r = json_object_get(v, "resize");
	if (r != NULL) {
		struct winsize ws = {
			.ws_row = (unsigned short)json_integer_value(
			    json_object_get(r, "rows")),
			.ws_col = (unsigned short)json_integer_value(
			    json_object_get(r, "cols")),
		};

		(void)ioctl(c->out, TIOCSWINSZ, &ws);
	}
	if (json_is_string(json_object_get(v, "signal")))
		(void)kill(-c->pid, signal_number(json_string_value(
		    json_object_get(v, "signal"))));
	json_decref(v);
}

struct pipe_end {
	struct sock	*s;
	struct child	*c;
	int		 fd;
	uint8_t		 tag;
	bool		 tagged;
};

/* One stream of the command to the client, until its end. */
static void *
forward(void *arg)
{
	struct pipe_end *p = arg;
	uint8_t buf[32768 + 1];
	ssize_t n;

	buf[0] = p->tag;
	while ((n = read(p->fd, buf + 1, sizeof(buf) - 1)) > 0)
		sock_send(p->s, false, p->tagged ? buf : buf + 1,
		    (size_t)n + (p->tagged ? 1 : 0));
	(void)close(p->fd);
	return NULL;
}

/* Both streams, then how it ended. */
static void *
output(void *arg)
{
	struct pipe_end *out = arg, err = *out;
	struct sock *s = out->s;
	struct child *c = out->c;
	pthread_t thread;
	int status;
	json_t *v;

	err.fd = c->err;
	err.tag = 2;
	if (err.fd != -1)
		(void)pthread_create(&thread, NULL, forward, &err);
	(void)forward(out);
	if (err.fd != -1)
		(void)pthread_join(thread, NULL);
	(void)waitpid(c->pid, &status, 0);
	if (WIFSIGNALED(status))
		v = json_pack("{s:i,s:s}", "exitCode",
		    128 + WTERMSIG(status), "signal",
		    sigabbrev_np(WTERMSIG(status)));
	else
		v = json_pack("{s:i}", "exitCode", WEXITSTATUS(status));
	sock_json(s, v);
	sock_end(s);
	return NULL;
}

void
fake_exec(struct sock *s, const char *path)
{
	struct message m;
	struct child c;
	struct pipe_end out = { s, &c, -1, 1, false };
	pthread_t thread;
	json_t *frame;

	if (!sock_next(s, &m))
		return;
	fake_log("WS", path, (char *)m.data.data);
	frame = json_loads((char *)m.data.data, 0, NULL);
	buf_fini(&m.data);
	if (json_is_true(json_object_get(frame, "detach"))) {
		sock_json(s, json_pack("{s:i}", "exitCode", 0));
		json_decref(frame);
		return;
	}
	out.tagged = json_is_true(json_object_get(frame, "streams"));
	start(&c, frame);
	json_decref(frame);
	out.fd = c.out;
	(void)pthread_create(&thread, NULL, output, &out);
	while (sock_next(s, &m)) {
		if (m.text)
			control(&c, &m);
		else if (c.in != -1)
			(void)!write_full(c.in, m.data.data, m.data.len);
		buf_fini(&m.data);
	}
	(void)kill(-c.pid, SIGKILL);
	fake_log("GONE", path, "");
	if (c.in != -1)
		(void)close(c.in);
	(void)pthread_join(thread, NULL);
}

/*
 * What is typed comes back; a line "bye" ends the VM.  The path says whether
 * another types: "GET /.../reads/console" is that one's.
 */
void
fake_console(struct sock *s, const char *path)
{
	bool over = false, reader = strstr(path, "reads") != NULL;
	struct message m;

	fake_log("WS", path, "");
	sock_json(s, json_pack("{s:s,s:i}", "role", reader ? "reader" :
	    "writer", "attached", reader ? 2 : 1));
	sock_send(s, false, "login: ", 7);
	while (!over && sock_next(s, &m)) {
		if (m.text) {
			fake_log("WS", path, (char *)m.data.data);
			if (strstr((char *)m.data.data, "write") != NULL)
				sock_json(s, json_pack("{s:s,s:i}", "role",
				    "writer", "attached", 2));
			if (strstr((char *)m.data.data, "break") != NULL)
				sock_json(s, json_pack("{s:s}", "notice",
				    "the VM has no serial port"));
		} else {
			sock_send(s, false, m.data.data, m.data.len);
			over = memmem(m.data.data, m.data.len, "bye", 3) !=
			    NULL;
		}
		buf_fini(&m.data);
	}
	if (over)
		sock_close_frame(s);
}
