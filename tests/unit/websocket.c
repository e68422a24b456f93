/* SPDX-License-Identifier: ISC */
/* websocket.c - a client that only pings: answered, or sent away */

#include <sys/socket.h>

#include <event2/event.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "control/websocket.h"

#define PINGS	200000	/* far more than may be owed */

static bool	closed;		/* our owner was told */
static int	fd_;		/* the server's end */

/* In reply.c, with what libmicrohttpd holds. */
void	http_upgrade_close(struct upgrade *);

void
http_upgrade_close(struct upgrade *u)
{
	(void)u;
	(void)close(fd_);
}

static void
on_text(void *arg, const char *text, size_t len)
{
	(void)arg;
	(void)text;
	(void)len;
}

static void
on_binary(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
}

static void
on_closed(void *arg)
{
	(void)arg;
	closed = true;
}

static const struct ws_ops ops = {
	.text = on_text, .binary = on_binary, .closed = on_closed,
};

/* The client's end of a WebSocket. */
static int
open_ws(struct ws **ret, struct event_base *base)
{
	struct err e;
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, s), 0);
	fd_ = s[1];
	closed = false;
	assert_int_equal(ws_new(ret, base, s[1], "", 0, NULL, &e), 0);
	ws_start(*ret, &ops, NULL);
	return s[0];
}

/* Send pings; with 'reads' take what is answered.  How many were sent. */
static unsigned
ping(struct event_base *base, int s, bool reads)
{
	static const uint8_t frame[] = { 0x89, 0x80, 1, 2, 3, 4 };
	uint8_t answers[4096];
	unsigned n = 0;
	bool full;

	while (n < PINGS && !closed) {
		full = send(s, frame, sizeof(frame), MSG_NOSIGNAL) !=
		    sizeof(frame);
		n += !full;
		if (!full && n % 64 != 0)
			continue;
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		while (reads && read(s, answers, sizeof(answers)) > 0)
			continue;
	}
	return n;
}

static void
pings_unread(void **state)
{
	struct event_base *base = event_base_new();
	struct ws *ws;
	int s = open_ws(&ws, base);

	(void)state;
	(void)ping(base, s, false);
	assert_true(closed);
	(void)close(s);
	event_base_free(base);
}

static void
pings_read(void **state)
{
	struct event_base *base = event_base_new();
	struct ws *ws;
	int s = open_ws(&ws, base);

	(void)state;
	assert_int_equal(ping(base, s, true), PINGS);
	assert_false(closed);
	(void)close(s);
	while (!closed)
		(void)event_base_loop(base, EVLOOP_ONCE);
	event_base_free(base);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pings_unread),
		cmocka_unit_test(pings_read),
	};

	return unit_run("websocket", tests);
}
