/* SPDX-License-Identifier: ISC */
/* terminal.c - the console on standard input and output; see terminal.h */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/escape.h"
#include "lib/io.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/tty.h"
#include "vmm/terminal.h"

#define READ_SIZE	4096	/* bytes a read */
#define DRAIN_MS	2000	/* for last words to be taken */
/* A terminal that can be written to at all takes this much (Linux). */
#define WRITE_SIZE	256

struct terminal {
	struct terminal_setup	 setup;
	struct event_watch	 typed;		/* on standard input */
	struct event_watch	 taken;		/* on standard output */
	struct event_watch	 guest;		/* on its socket */
	bool			 ended;		/* nothing more is typed */
	bool			 silent;	/* nor said */
	struct buf		 in, out;	/* one read each */
	struct escape		 escape;
};

static const char help[] =
	"\r\n~.  end the virtual machine\r\n~^Z suspend it and vmm\r\n"
	"~#  send a break to the serial port\r\n"
	"~~  send the tilde\r\n~?  this text\r\n";

/*
 * What comes from one side is read when the other has taken all before.
 * Files are never waited for: nothing is typed at one.
 */
static void
watch(struct terminal *t)
{
	(void)event_watch_set(&t->typed, t->in.len == 0 && !t->ended ?
	    EVENT_READ : 0);
	(void)event_watch_set(&t->guest,
	    (t->out.len == 0 && !t->silent ? EVENT_READ : 0) |
	    (t->in.len > 0 ? EVENT_WRITE : 0));
}

/* --- from the guest ------------------------------------------------------ */

/* Can something be written, if need be after some time? */
static bool
writable(int wait_ms)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&p, 1, wait_ms) != 0;
}

/*
 * Standard output may be somebody else's too: it is not made non-blocking,
 * but only as much is written as it takes without waiting.
 */
static void
show(struct terminal *t, int wait_ms)
{
	ssize_t n;

	while (t->out.len > 0) {
		if (!writable(wait_ms) &&
		    event_watch_set(&t->taken, EVENT_WRITE) == 0)
			break;
		n = write(STDOUT_FILENO, t->out.data,
		    MIN(t->out.len, (size_t)WRITE_SIZE));
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		/* Nobody is there any more: what is said is lost. */
		if (n == -1)
			buf_reset(&t->out);
		else
			buf_drain(&t->out, (size_t)n);
	}
	watch(t);
}

/* Read once; false when nothing is there now, or never again. */
static bool
hear(struct terminal *t, int wait_ms)
{
	uint8_t *to = buf_reserve(&t->out, READ_SIZE);
	ssize_t n = to == NULL ? 0 : recv(t->setup.guest, to, READ_SIZE,
	    MSG_DONTWAIT);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		t->silent = true;
		watch(t);
	}
	if (n <= 0)
		return false;
	buf_added(&t->out, (size_t)n);
	show(t, wait_ms);
	return true;
}

static void
taken_cb(void *arg, unsigned what)
{
	struct terminal *t = arg;

	(void)what;
	(void)event_watch_set(&t->taken, 0);
	show(t, 0);
}

/* --- to the guest -------------------------------------------------------- */

/* What was typed goes to the guest; when it has no room, wait for that. */
static void
pass(struct terminal *t)
{
	ssize_t n;

	while (t->in.len > 0) {
		n = send(t->setup.guest, t->in.data, t->in.len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1)
			buf_reset(&t->in);
		else
			buf_drain(&t->in, (size_t)n);
	}
	watch(t);
}

static void
guest_cb(void *arg, unsigned what)
{
	if (what & EVENT_WRITE)
		pass(arg);
	if (what & EVENT_READ)
		(void)hear(arg, 0);
}

static void
suspend(void)
{
	tty_restore();
	(void)raise(SIGTSTP);
	(void)tty_raw(STDIN_FILENO, NULL);
}

/* False when the person has left. */
static bool
act(struct terminal *t, enum escape_action action)
{
	switch (action) {
	case ESCAPE_LEAVE:
		t->setup.leave(t->setup.arg);
		return false;
	case ESCAPE_BREAK:
		t->setup.send_break(t->setup.arg);
		break;
	case ESCAPE_HELP:
		(void)write_full(STDOUT_FILENO, help, sizeof(help) - 1);
		break;
	case ESCAPE_SUSPEND:
		suspend();
		break;
	case ESCAPE_WRITE:		/* here it is none */
		(void)buf_puts(&t->in, "~w");
		break;
	case ESCAPE_NONE:
		break;
	}
	return true;
}

/* Bytes that were typed; false when the person has left. */
static bool
take_typed(struct terminal *t, const uint8_t *bytes, size_t len)
{
	uint8_t out[READ_SIZE + 1];
	enum escape_action action;
	size_t used, n;

	while (len > 0) {
		used = escape_filter(&t->escape, bytes, len, out, &n, &action);
		bytes += used;
		len -= used;
		(void)buf_put(&t->in, out, n);
		if (!act(t, action))
			return false;
	}
	return true;
}

static void
typed_cb(void *arg, unsigned what)
{
	struct terminal *t = arg;
	uint8_t bytes[READ_SIZE];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	(void)what;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		t->ended = true;
		watch(t);
		return;
	}
	if (!isatty(STDIN_FILENO))
		(void)buf_put(&t->in, bytes, (size_t)n);
	else if (!take_typed(t, bytes, (size_t)n))
		return;
	pass(t);
}

/* --- life ---------------------------------------------------------------- */

void
terminal_drain(struct terminal *t)
{
	show(t, DRAIN_MS);
	while (t->out.len == 0 && hear(t, DRAIN_MS))
		continue;
}

int
terminal_new(struct terminal **ret, const struct terminal_setup *s,
    struct err *e)
{
	OWN(terminal_destroy) struct terminal *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		(void)close(s->guest);
		return err_sys(e, "terminal");
	}
	t->setup = *s;
	t->escape.line_start = true;
	buf_init(&t->in, READ_SIZE + 1);
	buf_init(&t->out, READ_SIZE);
	event_watch_init(&t->typed, s->loop, STDIN_FILENO, typed_cb, t);
	event_watch_init(&t->taken, s->loop, STDOUT_FILENO, taken_cb, t);
	event_watch_init(&t->guest, s->loop, s->guest, guest_cb, t);
	watch(t);
	if (isatty(STDIN_FILENO) && tty_raw(STDIN_FILENO, e) == -1)
		return -1;
	*ret = take(&t);
	return 0;
}

void
terminal_destroy(struct terminal *t)
{
	if (t == NULL)
		return;
	tty_restore();
	event_watch_fini(&t->typed);
	event_watch_fini(&t->taken);
	event_watch_fini(&t->guest);
	(void)close(t->setup.guest);
	buf_fini(&t->in);
	buf_fini(&t->out);
	free(t);
}
