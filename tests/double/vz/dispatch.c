/* SPDX-License-Identifier: ISC */
/*
 * dispatch.c - serial queues
 *
 * A thread for each queue.  As Apple's do, a queue has what is waited for
 * done by whoever waits, when its turn has come.
 */

#include <sys/queue.h>

#include <stdlib.h>

#include "double.h"

struct item {
	STAILQ_ENTRY(item)	 next;
	void			(*fn)(void *);	/* NULL: the end */
	void			*arg;
	bool			 waited;	/* its owner does it */
	bool			 turn, done;	/* under the lock */
};

struct dispatch_queue_s {
	pthread_mutex_t		 lock;
	pthread_cond_t		 changed;
	STAILQ_HEAD(, item)	 items;
	pthread_t		 thread;
};

static _Thread_local struct dispatch_queue_s *current;

bool
double_on_queue(struct dispatch_queue_s *q)
{
	return current == q;
}

static void
call(struct dispatch_queue_s *q, struct item *i)
{
	struct dispatch_queue_s *before = current;

	current = q;
	i->fn(i->arg);
	current = before;
}

/* Its owner is let do it, and waited for. */
static void
hand_over(struct dispatch_queue_s *q, struct item *i)
{
	(void)pthread_mutex_lock(&q->lock);
	i->turn = true;
	(void)pthread_cond_broadcast(&q->changed);
	while (!i->done)
		(void)pthread_cond_wait(&q->changed, &q->lock);
	(void)pthread_mutex_unlock(&q->lock);
	free(i);
}

static void *
work(void *arg)
{
	struct dispatch_queue_s *q = arg;
	struct item *i;

	for (;;) {
		(void)pthread_mutex_lock(&q->lock);
		while ((i = STAILQ_FIRST(&q->items)) == NULL)
			(void)pthread_cond_wait(&q->changed, &q->lock);
		STAILQ_REMOVE_HEAD(&q->items, next);
		(void)pthread_mutex_unlock(&q->lock);
		if (i->waited) {
			hand_over(q, i);
			continue;
		}
		if (i->fn == NULL)
			break;
		call(q, i);
		free(i);
	}
	free(i);
	return NULL;
}

struct dispatch_queue_s *
dispatch_queue_create(const char *label, void *attributes)
{
	struct dispatch_queue_s *q = calloc(1, sizeof(*q));

	(void)label;
	if (attributes != NULL)
		double_broken("a queue that is not serial");
	(void)pthread_mutex_init(&q->lock, NULL);
	(void)pthread_cond_init(&q->changed, NULL);
	STAILQ_INIT(&q->items);
	if (pthread_create(&q->thread, NULL, work, q) != 0)
		double_broken("no thread");
	return q;
}

static struct item *
add(struct dispatch_queue_s *q, void *arg, void (*fn)(void *), bool waited)
{
	struct item *i = calloc(1, sizeof(*i));

	i->fn = fn;
	i->arg = arg;
	i->waited = waited;
	(void)pthread_mutex_lock(&q->lock);
	STAILQ_INSERT_TAIL(&q->items, i, next);
	(void)pthread_cond_broadcast(&q->changed);
	(void)pthread_mutex_unlock(&q->lock);
	return i;
}

void
dispatch_async_f(struct dispatch_queue_s *q, void *arg, void (*fn)(void *))
{
	(void)add(q, arg, fn, false);
}

void
dispatch_sync_f(struct dispatch_queue_s *q, void *arg, void (*fn)(void *))
{
	struct item *i;

	if (current == q)
		double_broken("a queue waits for itself");
	i = add(q, arg, fn, true);
	(void)pthread_mutex_lock(&q->lock);
	while (!i->turn)
		(void)pthread_cond_wait(&q->changed, &q->lock);
	(void)pthread_mutex_unlock(&q->lock);
	call(q, i);
	(void)pthread_mutex_lock(&q->lock);
	i->done = true;
	(void)pthread_cond_broadcast(&q->changed);
	(void)pthread_mutex_unlock(&q->lock);
}

void
dispatch_release(void *arg)
{
	struct dispatch_queue_s *q = arg;

	(void)add(q, NULL, NULL, false);
	(void)pthread_join(q->thread, NULL);
	(void)pthread_mutex_destroy(&q->lock);
	(void)pthread_cond_destroy(&q->changed);
	free(q);
}
