/* SPDX-License-Identifier: ISC */
/* event.c - the event loop: who is called, when, and who must not be */

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "lib/io.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"

#define MANY	1000

static struct event_loop	*loop;
static struct err		 e;

static int
setup(void **state)
{
	(void)state;
	return event_loop_new(&loop, &e);
}

static int
teardown(void **state)
{
	(void)state;
	event_loop_destroy(loop);
	loop = NULL;
	return 0;
}

/* Someone with an eventfd of his own; it counts how often he was called. */
struct one {
	struct event_watch	 watch;
	int			 fd;
	unsigned		 calls;
	unsigned		 what;		/* of the last call */
	struct one		*victim;	/* ended when called */
	bool			 freed;		/* and then its memory too */
	int			*order;		/* where the next place is */
	int			 place;
};

static void
one_free(struct one *o)
{
	event_watch_fini(&o->watch);
	(void)close(o->fd);
	free(o);
}

static void
one_cb(void *arg, unsigned what)
{
	struct one *o = arg;
	struct one *victim = o->victim;

	o->calls++;
	o->what = what;
	if (o->order != NULL)
		o->place = (*o->order)++;
	if (victim == NULL)
		return;
	o->victim = NULL;
	if (o->freed)
		one_free(victim);
	else
		event_watch_fini(&victim->watch);
}

static struct one *
one_new(unsigned what)
{
	struct one *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	o->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_return_code(o->fd, 0);
	event_watch_init(&o->watch, loop, o->fd, one_cb, o);
	assert_int_equal(event_watch_set(&o->watch, what), 0);
	return o;
}

static void
poke(struct one *o)
{
	assert_int_equal(eventfd_write(o->fd, 1), 0);
}

static void
calm(struct one *o)
{
	eventfd_t n;

	assert_int_equal(eventfd_read(o->fd, &n), 0);
}

/* --- descriptors --------------------------------------------------------- */

static void
nothing(void **state)
{
	(void)state;
	assert_false(event_loop_turn(loop, 0));
	assert_false(event_loop_turn(loop, 1));
}

static void
levels(void **state)
{
	struct one *o = one_new(EVENT_READ);

	(void)state;
	assert_false(event_loop_turn(loop, 0));
	poke(o);
	assert_true(event_loop_turn(loop, -1));
	assert_true(event_loop_turn(loop, -1));
	assert_int_equal(o->calls, 2);
	assert_int_equal(o->what, EVENT_READ);
	calm(o);
	assert_false(event_loop_turn(loop, 0));
	/* Both at once is one call. */
	poke(o);
	assert_int_equal(event_watch_set(&o->watch, EVENT_READ |
	    EVENT_WRITE), 0);
	assert_true(event_loop_turn(loop, -1));
	assert_int_equal(o->calls, 3);
	assert_int_equal(o->what, EVENT_READ | EVENT_WRITE);
	assert_int_equal(event_watch_set(&o->watch, 0), 0);
	assert_false(event_loop_turn(loop, 0));
	assert_int_equal(event_watch_set(&o->watch, EVENT_READ), 0);
	assert_true(event_loop_turn(loop, 0));
	one_free(o);
}

static void
edges(void **state)
{
	struct one *o = one_new(EVENT_READ | EVENT_EDGE);

	(void)state;
	poke(o);
	assert_true(event_loop_turn(loop, -1));
	assert_false(event_loop_turn(loop, 0));
	/* What was not read is no reason not to tell of more. */
	poke(o);
	assert_true(event_loop_turn(loop, -1));
	assert_int_equal(o->calls, 2);
	/* Who begins to watch is told how it is. */
	assert_int_equal(event_watch_set(&o->watch, 0), 0);
	assert_int_equal(event_watch_set(&o->watch, EVENT_READ |
	    EVENT_EDGE), 0);
	assert_true(event_loop_turn(loop, 0));
	one_free(o);
}

/* The end of a stream, without waking for its bytes. */
static void
hang_up(void **state)
{
	struct one *o = one_new(0);
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair), 0);
	o->watch.fd = pair[0];
	assert_int_equal(event_watch_set(&o->watch, EVENT_HUP), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_false(event_loop_turn(loop, 0));
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	assert_true(event_loop_turn(loop, 0));
	assert_int_equal(o->what, EVENT_HUP);
	(void)close(pair[1]);
	assert_true(event_loop_turn(loop, 0));
	assert_int_equal(o->what, EVENT_HUP);
	/* The same told by edges: once. */
	assert_int_equal(event_watch_set(&o->watch, EVENT_HUP | EVENT_EDGE),
	    0);
	assert_true(event_loop_turn(loop, 0));
	assert_false(event_loop_turn(loop, 0));
	/* An error is told to who only writes, or reads. */
	assert_int_equal(event_watch_set(&o->watch, EVENT_WRITE), 0);
	assert_true(event_loop_turn(loop, 0));
	assert_int_equal(o->what, EVENT_WRITE);
	assert_int_equal(event_watch_set(&o->watch, EVENT_READ), 0);
	assert_true(event_loop_turn(loop, 0));
	assert_int_equal(o->what, EVENT_READ);
	/* Who watches for nothing is not told. */
	assert_int_equal(event_watch_set(&o->watch, 0), 0);
	assert_false(event_loop_turn(loop, 0));
	(void)close(pair[0]);
	one_free(o);
}

static void
refused(void **state)
{
	struct one *o = one_new(0), *other = one_new(EVENT_READ);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_return_code(file, 0);
	o->watch.fd = file;
	assert_int_equal(event_watch_set(&o->watch, EVENT_READ), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(o->watch.what, 0);
	/* A descriptor has one watch. */
	o->watch.fd = other->fd;
	assert_int_equal(event_watch_set(&o->watch, EVENT_READ), -1);
	assert_int_equal(errno, EEXIST);
	o->watch.fd = -1;
	assert_int_equal(event_watch_set(&o->watch, EVENT_READ), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(event_watch_set(&o->watch, 0), 0);
	(void)close(file);
	one_free(o);
	one_free(other);
}

/* Closed before its watch ended: that ends nevertheless. */
static void
closed(void **state)
{
	struct one *o = one_new(EVENT_READ), *next;

	(void)state;
	poke(o);
	(void)close(o->fd);
	assert_false(event_loop_turn(loop, 0));
	assert_int_equal(event_watch_set(&o->watch, EVENT_WRITE), -1);
	event_watch_fini(&o->watch);
	free(o);
	/* The number comes again. */
	next = one_new(EVENT_READ);
	poke(next);
	assert_true(event_loop_turn(loop, 0));
	one_free(next);
}

static void
zeroed(void **state)
{
	struct event_watch w = { .what = 0 };
	struct event_timer t = { .on = NULL };
	struct event_signal s = { .watch.what = 0 };

	(void)state;
	event_watch_fini(&w);
	event_timer_clear(&t);
	event_signal_fini(&s);
	event_loop_destroy(NULL);
}

/* Ended by himself, and his memory given back. */
static void
ends_himself(void **state)
{
	struct one *o = one_new(EVENT_READ);

	(void)state;
	o->victim = o;
	o->freed = true;
	poke(o);
	assert_true(event_loop_turn(loop, -1));
	assert_false(event_loop_turn(loop, 0));
}

/* Of two that are ready the first ends the other, which is not told. */
static void
ends_the_other(void **state)
{
	struct one *a, *b;

	(void)state;
	for (int freed = 0; freed < 2; freed++) {
		a = one_new(EVENT_READ);
		b = one_new(EVENT_READ);
		a->victim = b;
		b->victim = a;
		a->freed = b->freed = freed;
		poke(a);
		poke(b);
		assert_true(event_loop_turn(loop, -1));
		if (!freed) {
			assert_int_equal(a->calls + b->calls, 1);
			one_free(b);
			one_free(a);
		} else {
			/* Who was ready first is told first. */
			assert_int_equal(a->calls, 1);
			one_free(a);
		}
	}
}

/* Changed while it was ready: not told of what is not watched any more. */
static struct one *changed;

static void
change_cb(void *arg, unsigned what)
{
	(void)arg;
	(void)what;
	assert_int_equal(event_watch_set(&changed->watch, EVENT_READ), 0);
}

static void
changes_the_other(void **state)
{
	struct one *a = one_new(EVENT_READ);

	(void)state;
	changed = one_new(EVENT_WRITE);
	a->watch.fn = change_cb;
	poke(a);
	assert_true(event_loop_turn(loop, -1));
	/* Whoever was first: he was told at most once, and not again. */
	assert_in_range(changed->calls, 0, 1);
	calm(a);
	assert_false(event_loop_turn(loop, 0));
	one_free(changed);
	one_free(a);
}

static void
many(void **state)
{
	struct rlimit rl = { .rlim_cur = 0 };
	struct one *ones[MANY];
	int order = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = MIN(rl.rlim_max, MANY + 100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	for (unsigned i = 0; i < MANY; i++) {
		ones[i] = one_new(EVENT_READ);
		ones[i]->order = &order;
		poke(ones[i]);
	}
	for (unsigned turns = 0; turns < 16; turns++)
		assert_true(event_loop_turn(loop, 0));
	assert_in_range(order, MANY, 2 * MANY);
	/* All of them before one comes a third time: turns are of many. */
	for (unsigned i = 0; i < MANY; i++)
		assert_in_range(ones[i]->calls, 1, 2);
	for (unsigned i = 0; i < MANY; i++)
		one_free(ones[i]);
	assert_false(event_loop_turn(loop, 0));
}

/* --- stopping ------------------------------------------------------------ */

static void
stop_cb(void *arg, unsigned what)
{
	one_cb(arg, what);
	event_loop_stop(loop);
}

/* What was not told stays, edges too. */
static void
stops(void **state)
{
	struct one *ones[3];
	unsigned calls = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(ones); i++) {
		ones[i] = one_new(EVENT_READ | EVENT_EDGE);
		ones[i]->watch.fn = stop_cb;
		poke(ones[i]);
	}
	for (unsigned turn = 1; turn <= COUNT(ones); turn++) {
		event_loop_run(loop);
		calls = 0;
		for (unsigned i = 0; i < COUNT(ones); i++)
			calls += ones[i]->calls;
		assert_int_equal(calls, turn);
	}
	assert_false(event_loop_turn(loop, 0));
	/* One that was not told is ended between two runs. */
	for (unsigned i = 0; i < COUNT(ones); i++)
		poke(ones[i]);
	event_loop_run(loop);
	for (unsigned i = 0; i < COUNT(ones); i++)
		one_free(ones[i]);
	assert_false(event_loop_turn(loop, 0));
}

/* --- timers -------------------------------------------------------------- */

struct tick {
	struct event_timer	 timer;
	unsigned		 calls;
	unsigned		 again;		/* sets itself so often */
	uint64_t		 us;		/* for so long; 0: soon */
	struct tick		*victim;	/* freed by the call */
	int			*order, place;
};

static void
tick_cb(void *arg)
{
	struct tick *t = arg;
	struct tick *victim = t->victim;

	t->calls++;
	if (t->order != NULL)
		t->place = (*t->order)++;
	if (t->again > 0) {
		t->again--;
		if (t->us == 0)
			event_timer_soon(&t->timer);
		else
			event_timer_set(&t->timer, t->us);
	}
	if (victim != NULL) {
		t->victim = NULL;
		event_timer_clear(&victim->timer);
		free(victim);
	}
}

static struct tick *
tick_new(void)
{
	struct tick *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	event_timer_init(&t->timer, loop, tick_cb, t);
	return t;
}

static void
tick_free(struct tick *t)
{
	event_timer_clear(&t->timer);
	free(t);
}

static void
never_early(void **state)
{
	struct tick *t = tick_new();
	uint64_t before = os_now_us();

	(void)state;
	event_timer_set(&t->timer, 2500);
	while (t->calls == 0)
		(void)event_loop_turn(loop, -1);
	assert_true(os_now_us() - before >= 2500);
	assert_false(event_loop_turn(loop, 0));
	assert_int_equal(t->calls, 1);
	/* Far in the future, and further: waited for, not called. */
	event_timer_set(&t->timer, UINT64_MAX);
	assert_false(event_loop_turn(loop, 1));
	event_timer_set(&t->timer, (uint64_t)INT_MAX * 2000);
	assert_false(event_loop_turn(loop, 1));
	event_timer_clear(&t->timer);
	event_timer_clear(&t->timer);
	assert_false(event_loop_turn(loop, 0));
	tick_free(t);
}

static void
in_order(void **state)
{
	static const uint64_t us[] = { 3000, 1000, 2000, 1, 4000 };
	static const int want[] = { 3, 1, 2, 0, 4 };
	struct tick *ticks[COUNT(us)];
	int order = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(us); i++) {
		ticks[i] = tick_new();
		ticks[i]->order = &order;
		/* What was set before does not count. */
		event_timer_set(&ticks[i]->timer, 500);
		event_timer_set(&ticks[i]->timer, us[i] * 10);
	}
	while (order < (int)COUNT(us))
		(void)event_loop_turn(loop, -1);
	for (unsigned i = 0; i < COUNT(us); i++) {
		assert_int_equal(ticks[i]->place, want[i]);
		assert_int_equal(ticks[i]->calls, 1);
		tick_free(ticks[i]);
	}
}

/* Set again in its own call, even for no time: once a turn. */
static void
again(void **state)
{
	struct tick *t = tick_new();
	struct one *o = one_new(EVENT_READ);

	(void)state;
	poke(o);
	t->us = 1;
	t->again = 3;
	event_timer_set(&t->timer, 0);
	for (unsigned last = 0; t->calls < 4; last = t->calls) {
		assert_true(event_loop_turn(loop, 0));
		assert_in_range(t->calls, last, last + 1);
	}
	assert_false(t->timer.on != NULL);
	/* The same at the end of turns; the descriptor has every one. */
	t->us = 0;
	t->calls = o->calls = 0;
	t->again = 3;
	event_timer_soon(&t->timer);
	for (unsigned i = 1; i <= 4; i++) {
		assert_true(event_loop_turn(loop, -1));
		assert_int_equal(t->calls, i);
		assert_int_equal(o->calls, i);
	}
	tick_free(t);
	one_free(o);
}

/* One that a call frees, which was due or set for this turn as well. */
static void
frees(void **state)
{
	struct tick *a, *b;

	(void)state;
	for (int soon = 0; soon < 2; soon++) {
		a = tick_new();
		b = tick_new();
		a->victim = b;
		if (soon) {
			event_timer_soon(&a->timer);
			event_timer_soon(&b->timer);
		} else {
			event_timer_set(&a->timer, 0);
			event_timer_set(&b->timer, 1);
		}
		while (a->calls == 0)
			(void)event_loop_turn(loop, -1);
		assert_false(event_loop_turn(loop, 2));
		a->victim = a;
		event_timer_soon(&a->timer);
		assert_true(event_loop_turn(loop, 0));
		assert_false(event_loop_turn(loop, 0));
	}
}

/* What a descriptor's call asks for comes after all that is ready. */
static struct tick *asked;

static void
ask_cb(void *arg, unsigned what)
{
	one_cb(arg, what);
	event_timer_soon(&asked->timer);
}

static void
soon(void **state)
{
	struct one *ones[3];
	int order = 0;

	(void)state;
	asked = tick_new();
	asked->order = &order;
	/* It was set for later: that is replaced. */
	event_timer_set(&asked->timer, 1000);
	for (unsigned i = 0; i < COUNT(ones); i++) {
		ones[i] = one_new(EVENT_READ | EVENT_EDGE);
		ones[i]->watch.fn = ask_cb;
		ones[i]->order = &order;
		poke(ones[i]);
	}
	assert_true(event_loop_turn(loop, -1));
	assert_int_equal(asked->calls, 1);
	assert_int_equal(asked->place, COUNT(ones));
	assert_false(event_loop_turn(loop, 3));
	event_timer_soon(&asked->timer);
	event_timer_clear(&asked->timer);
	assert_false(event_loop_turn(loop, 0));
	for (unsigned i = 0; i < COUNT(ones); i++)
		one_free(ones[i]);
	tick_free(asked);
}

/* --- signals ------------------------------------------------------------- */

static int		 last_signal;
static unsigned		 nsignals;
static bool		 end_signal;
static struct event_signal sig;

static void
signal_cb(void *arg, int signo)
{
	assert_ptr_equal(arg, &sig);
	last_signal = signo;
	nsignals++;
	if (end_signal)
		event_signal_fini(&sig);
}

static void
signals(void **state)
{
	sigset_t set, now;

	(void)state;
	nsignals = 0;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	event_signal_init(&sig, loop, signal_cb, &sig);
	assert_int_equal(event_signal_take(&sig, &set, &e), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_true(event_loop_turn(loop, -1));
	assert_int_equal(last_signal, SIGUSR1);
	assert_false(event_loop_turn(loop, 0));
	/* Both: a call each, and the first may end it. */
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_true(event_loop_turn(loop, -1));
	assert_true(event_loop_turn(loop, -1));
	assert_int_equal(nsignals, 3);
	end_signal = true;
	assert_int_equal(raise(SIGUSR2), 0);
	assert_true(event_loop_turn(loop, -1));
	event_signal_fini(&sig);
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGUSR1), 0);
	assert_int_equal(sigismember(&now, SIGUSR2), 0);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing), TEST(levels), TEST(edges), TEST(hang_up),
		TEST(refused), TEST(closed), TEST(zeroed),
		TEST(ends_himself), TEST(ends_the_other),
		TEST(changes_the_other), TEST(many), TEST(stops),
		TEST(never_early), TEST(in_order), TEST(again), TEST(frees),
		TEST(soon), TEST(signals),
	};

	return unit_run("event", tests);
}
