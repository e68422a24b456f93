/* SPDX-License-Identifier: ISC */
/* vz_relay.c - two sockets as one connection: ends, order, who is gone */

#include <sys/socket.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "unit.h"
#include "lib/io.h"
#include "lib/util.h"
#include "os/event.h"
#include "vz/relay.h"
#include "vz/state.h"

#define LARGE	(1 << 20)

static struct event_loop *loop;
static struct relay relay;
static int host, guest;		/* the outer ends */
static bool over;

static void
ended(void *arg)
{
	(void)arg;
	relay_fini(&relay);
	over = true;
}

static void
begin(void)
{
	int a[2], b[2];
	struct err e;

	over = false;
	relay.ended = ended;
	assert_int_equal(event_loop_new(&loop, &e), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	host = a[0];
	guest = b[0];
	assert_int_equal(fd_nonblock(host, 1), 0);
	assert_int_equal(fd_nonblock(guest, 1), 0);
	assert_int_equal(relay_init(&relay, loop, a[1], b[1], &e), 0);
}

/* Whatever can be done now. */
static void
turn(void)
{
	while (!over && event_loop_turn(loop, 0))
		continue;
}

static void
end(void)
{
	(void)close(host);
	(void)close(guest);
	turn();
	assert_true(over);
	event_loop_destroy(loop);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
hear(int fd, const char *want)
{
	char text[64];
	ssize_t n = read(fd, text, sizeof(text));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(text, want, (size_t)n);
}

static void
hear_end(int fd)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), 0);
}

/* Each direction ends behind its last byte; the other goes on. */
static void
half_closes(void **state)
{
	(void)state;
	begin();
	say(host, "one");
	assert_int_equal(shutdown(host, SHUT_WR), 0);
	turn();
	hear(guest, "one");
	hear_end(guest);
	assert_false(over);
	say(guest, "two");
	turn();
	hear(host, "two");
	say(guest, "three");
	assert_int_equal(shutdown(guest, SHUT_WR), 0);
	turn();
	assert_true(over);
	hear(host, "three");
	hear_end(host);
	end();
}

/* A program of the host's that exits ends both, after what it said. */
static void
host_exits(void **state)
{
	(void)state;
	begin();
	say(host, "last");
	(void)close(host);
	turn();
	assert_true(over);
	hear(guest, "last");
	hear_end(guest);
	host = -1;
	end();
}

/* First it has said all, then it goes: that is seen too. */
static void
host_exits_later(void **state)
{
	(void)state;
	begin();
	assert_int_equal(shutdown(host, SHUT_WR), 0);
	turn();
	hear_end(guest);
	assert_false(over);
	(void)close(host);
	turn();
	assert_true(over);
	host = -1;
	end();
}

/* A guest that resets the connection: what it said is delivered. */
static void
guest_goes(void **state)
{
	(void)state;
	begin();
	say(host, "unread");
	say(guest, "bye");
	turn();
	(void)close(guest);
	turn();
	assert_true(over);
	hear(host, "bye");
	hear_end(host);
	guest = -1;
	end();
}

/* Who does not read stops the writer; nothing is lost or out of order. */
static void
backpressure(void **state)
{
	static uint8_t out[LARGE], in[LARGE];
	size_t sent = 0, got = 0, held;
	ssize_t n;

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	do {
		n = write(host, out + sent, MIN(sizeof(out) - sent, 50000));
		if (n > 0)
			sent += (size_t)n;
		turn();
	} while (n > 0 && sent < sizeof(out));
	held = sent;
	assert_true(held < sizeof(out));
	while (got < sizeof(in)) {
		n = read(guest, in + got, MIN(sizeof(in) - got, 3000));
		if (n > 0)
			got += (size_t)n;
		n = sent == sizeof(out) ? 0 :
		    write(host, out + sent, sizeof(out) - sent);
		if (n > 0)
			sent += (size_t)n;
		turn();
	}
	assert_memory_equal(in, out, sizeof(out));
	end();
}

/* A full side that then goes takes nothing else with it. */
static void
full_and_gone(void **state)
{
	static uint8_t out[LARGE];
	ssize_t n;

	(void)state;
	begin();
	do {
		n = write(host, out, sizeof(out));
		turn();
	} while (n > 0);
	say(guest, "answer");
	turn();
	(void)close(guest);
	turn();
	assert_true(over);
	hear(host, "answer");
	guest = -1;
	end();
}

static void
states(void **state)
{
	(void)state;
	assert_string_equal(state_find(0)->word, "stopped");
	assert_int_equal(state_find(1)->kind, STATE_RUNNING);
	assert_int_equal(state_find(2)->kind, STATE_PAUSED);
	assert_int_equal(state_find(3)->kind, STATE_SHUTDOWN);
	for (long i = 4; i < 10; i++)
		assert_int_equal(state_find(i)->kind, STATE_CHANGING);
	assert_int_equal(state_find(10)->kind, STATE_UNKNOWN);
	assert_int_equal(state_find(-1)->kind, STATE_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_closes),
		cmocka_unit_test(host_exits),
		cmocka_unit_test(host_exits_later),
		cmocka_unit_test(guest_goes),
		cmocka_unit_test(backpressure),
		cmocka_unit_test(full_and_gone),
		cmocka_unit_test(states),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("vz_relay", tests);
}
