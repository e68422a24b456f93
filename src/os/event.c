/* SPDX-License-Identifier: ISC */
/* event.c - the event loop but its waiting; see event.h */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/util.h"
#include "os/event_host.h"
#include "os/os.h"

struct event_loop {
	int			 queue;
	bool			 stopped;
	bool			 inside;	/* of a turn */
	uint64_t		 turn;		/* they are counted */
	struct event_timers	 timers;	/* what is due first is first */
	struct event_timers	 soon;		/* this turn */
	struct event_timers	 next;		/* the next one */
	/* What is ready: from 'told' up to 'nready' it was not told yet. */
	struct event_ready	 ready[EVENT_READY_MAX];
	unsigned		 nready, told;
};

int
event_loop_new(struct event_loop **ret, struct err *e)
{
	struct event_loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_sys(e, "event loop");
	TAILQ_INIT(&l->timers);
	TAILQ_INIT(&l->soon);
	TAILQ_INIT(&l->next);
	l->queue = event_host_open();
	if (l->queue == -1) {
		free(l);
		return err_sys(e, "event loop");
	}
	*ret = l;
	return 0;
}

void
event_loop_destroy(struct event_loop *l)
{
	if (l == NULL)
		return;
	assert(!l->inside);
	(void)close(l->queue);
	free(l);
}

/* --- descriptors --------------------------------------------------------- */

void
event_watch_init(struct event_watch *w, struct event_loop *l, int fd,
    void (*fn)(void *arg, unsigned what), void *arg)
{
	w->loop = l;
	w->fd = fd;
	w->what = 0;
	w->fn = fn;
	w->arg = arg;
}

/* Whatever is ready on it is not told any more. */
static void
forget(const struct event_watch *w)
{
	struct event_loop *l = w->loop;

	for (unsigned i = l->told; i < l->nready; i++)
		if (l->ready[i].watch == w)
			l->ready[i].watch = NULL;
}

int
event_watch_set(struct event_watch *w, unsigned what)
{
	if (w->what == what)
		return 0;
	/* One that was closed is not watched either. */
	if (event_host_watch(w->loop->queue, w, what) == -1 && what != 0)
		return -1;
	w->what = what;
	if (what == 0)
		forget(w);
	return 0;
}

void
event_watch_fini(struct event_watch *w)
{
	if (w->what != 0)
		(void)event_watch_set(w, 0);
}

static bool
tell_ready(struct event_loop *l)
{
	struct event_ready *r;
	bool called = false;

	while (l->told < l->nready && !l->stopped) {
		r = &l->ready[l->told++];
		/* It may be watched for less than when we waited. */
		if (r->watch == NULL || (r->what & r->watch->what) == 0)
			continue;
		called = true;
		r->watch->fn(r->watch->arg, r->what & r->watch->what);
	}
	return called;
}

/* --- timers -------------------------------------------------------------- */

void
event_timer_init(struct event_timer *t, struct event_loop *l,
    void (*fn)(void *arg), void *arg)
{
	t->loop = l;
	t->fn = fn;
	t->arg = arg;
	t->due = t->turn = 0;
	t->on = NULL;
}

void
event_timer_clear(struct event_timer *t)
{
	if (t->on != NULL)
		TAILQ_REMOVE(t->on, t, entry);
	t->on = NULL;
}

void
event_timer_set(struct event_timer *t, uint64_t us)
{
	struct event_timers *all = &t->loop->timers;
	struct event_timer *before;

	event_timer_clear(t);
	/* Never due in the turn it was set in, which would not end. */
	t->due = os_now_us() + MAX(1, MIN(us, (uint64_t)INT64_MAX));
	TAILQ_FOREACH_REVERSE(before, all, event_timers, entry)
		if (before->due <= t->due)
			break;
	if (before != NULL)
		TAILQ_INSERT_AFTER(all, before, t, entry);
	else
		TAILQ_INSERT_HEAD(all, t, entry);
	t->on = all;
}

void
event_timer_soon(struct event_timer *t)
{
	struct event_loop *l = t->loop;

	event_timer_clear(t);
	t->on = t->turn == l->turn ? &l->next : &l->soon;
	TAILQ_INSERT_TAIL(t->on, t, entry);
}

static void
call(struct event_timer *t)
{
	event_timer_clear(t);
	t->turn = t->loop->turn;
	t->fn(t->arg);
}

static bool
call_due(struct event_loop *l)
{
	struct event_timer *t = TAILQ_FIRST(&l->timers);
	bool called = false;
	uint64_t now;

	if (t == NULL)
		return false;
	now = os_now_us();
	for (; t != NULL && t->due <= now && !l->stopped;
	    t = TAILQ_FIRST(&l->timers)) {
		call(t);
		called = true;
	}
	return called;
}

static bool
call_soon(struct event_loop *l)
{
	struct event_timer *t;
	bool called = false;

	while (!l->stopped && (t = TAILQ_FIRST(&l->soon)) != NULL) {
		call(t);
		called = true;
	}
	return called;
}

/* --- the loop ------------------------------------------------------------ */

/* Milliseconds until a timer is due, not more than 'ms'; -1: for ever. */
static int
patience(const struct event_loop *l, int ms)
{
	const struct event_timer *first = TAILQ_FIRST(&l->timers);
	uint64_t now, left;

	if (!TAILQ_EMPTY(&l->soon))
		return 0;
	if (first == NULL || ms == 0)
		return ms;
	now = os_now_us();
	left = first->due <= now ? 0 : (first->due - now + 999) / 1000;
	left = MIN(left, (uint64_t)INT_MAX);
	return ms == -1 ? (int)left : MIN(ms, (int)left);
}

/* Those of the next turn are those of this one now. */
static void
begin_turn(struct event_loop *l)
{
	struct event_timer *t;

	l->turn++;
	while ((t = TAILQ_FIRST(&l->next)) != NULL)
		event_timer_soon(t);
}

bool
event_loop_turn(struct event_loop *l, int wait_ms)
{
	bool called;

	assert(!l->inside);
	l->inside = true;
	l->stopped = false;
	begin_turn(l);
	if (l->told == l->nready) {
		l->told = l->nready = 0;
		l->nready = event_host_wait(l->queue, l->ready,
		    EVENT_READY_MAX, patience(l, wait_ms));
	}
	called = tell_ready(l);
	called |= call_due(l);
	called |= call_soon(l);
	l->inside = false;
	return called;
}

void
event_loop_run(struct event_loop *l)
{
	do
		(void)event_loop_turn(l, -1);
	while (!l->stopped);
}

void
event_loop_stop(struct event_loop *l)
{
	l->stopped = true;
}
