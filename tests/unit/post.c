/* SPDX-License-Identifier: ISC */
/* post.c - calls into a loop from other threads: each once, in order */

#include <pthread.h>

#include "unit.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/post.h"

#define THREADS	4
#define LETTERS	1000	/* of each thread */

struct count {
	struct letter	 letter;
	unsigned	 thread, n;
};

static struct event_loop *loop;
static struct post post;
static struct count counts[THREADS][LETTERS];
static unsigned called, next[THREADS];
static pthread_t self;

static void
arrived(struct letter *l)
{
	struct count *c = CONTAINER_OF(l, struct count, letter);

	assert_true(pthread_equal(pthread_self(), self));
	assert_int_equal(c->n, next[c->thread]);
	next[c->thread]++;
	if (++called == THREADS * LETTERS)
		event_loop_stop(loop);
}

static void *
sender(void *arg)
{
	struct count *mine = arg;

	for (unsigned i = 0; i < LETTERS; i++)
		post_send(&post, &mine[i].letter);
	return NULL;
}

static void
begin(void)
{
	struct err e;

	self = pthread_self();
	called = 0;
	assert_int_equal(event_loop_new(&loop, &e), 0);
	assert_int_equal(post_init(&post, loop, &e), 0);
	for (unsigned t = 0; t < THREADS; t++) {
		next[t] = 0;
		for (unsigned i = 0; i < LETTERS; i++) {
			counts[t][i].letter.fn = arrived;
			counts[t][i].thread = t;
			counts[t][i].n = i;
		}
	}
}

static void
end(void)
{
	post_fini(&post);
	event_loop_destroy(loop);
}

static void
from_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	begin();
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, sender,
		    counts[t]), 0);
	event_loop_run(loop);
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	assert_int_equal(called, THREADS * LETTERS);
	assert_false(event_loop_turn(loop, 0));
	end();
}

/* One that posts another is not called within it, nor for ever. */
static void
again(struct letter *l)
{
	struct count *c = CONTAINER_OF(l, struct count, letter);

	called++;
	if (++c->n < 3) {
		post_send(&post, l);
		assert_int_equal(called, c->n);
	}
}

static void
from_a_call(void **state)
{
	struct count c = { .letter.fn = again };

	(void)state;
	begin();
	post_send(&post, &c.letter);
	assert_int_equal(called, 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(event_loop_turn(loop, 0));
		assert_int_equal(called, i);
	}
	assert_false(event_loop_turn(loop, 0));
	end();
}

static void
drained(void **state)
{
	(void)state;
	begin();
	post_send(&post, &counts[0][0].letter);
	post_send(&post, &counts[0][1].letter);
	post_drain(&post);
	assert_int_equal(called, 2);
	assert_false(event_loop_turn(loop, 0));
	post_send(&post, &counts[0][2].letter);
	end();
	assert_int_equal(called, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_threads),
		cmocka_unit_test(from_a_call),
		cmocka_unit_test(drained),
	};

	return unit_run("post", tests);
}
