/* SPDX-License-Identifier: ISC */
/*
 * aio_threads.c - file I/O by a few threads that wait
 *
 * Where there is no io_uring.  Requests go to the threads through one
 * list, come back through another; a pipe tells the event loop.  The
 * threads touch nothing but the request they hold and the lists.
 *
 * Process: viod.  Sandbox: it must be entered before there are threads, so
 * they are started by the first request.
 * Needs: preadv, pwritev, fdatasync, fallocate, futex.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "viod/aio.h"

#define THREADS	4	/* as many transfers as a disk has use for */

struct list {
	struct aio_req	 *first;
	struct aio_req	**last;
};

struct threads {
	struct aio	 aio;		/* first */
	pthread_t	 thread[THREADS];
	unsigned	 nthreads;
	struct event_watch waking;	/* on wake[0] */
	int		 wake[2];	/* threads write, the loop reads */

	pthread_mutex_t	 lock;		/* for all below */
	pthread_cond_t	 work;		/* todo or quit changed */
	pthread_cond_t	 answer;	/* done changed */
	struct list	 todo;
	struct list	 done;
	bool		 quit;
};

static void
list_init(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void
list_put(struct list *l, struct aio_req *r)
{
	r->next = NULL;
	*l->last = r;
	l->last = &r->next;
}

static struct aio_req *
list_get(struct list *l)
{
	struct aio_req *r = l->first;

	if (r == NULL)
		return NULL;
	l->first = r->next;
	if (l->first == NULL)
		l->last = &l->first;
	return r;
}

static void *
thread_main(void *arg)
{
	struct threads *t = arg;
	struct aio_req *r;
	bool first;

	(void)pthread_mutex_lock(&t->lock);
	while (!t->quit) {
		r = list_get(&t->todo);
		if (r == NULL) {
			(void)pthread_cond_wait(&t->work, &t->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&t->lock);
		aio_perform(t->aio.setup.fd, r);
		(void)pthread_mutex_lock(&t->lock);
		first = t->done.first == NULL;
		list_put(&t->done, r);
		(void)pthread_cond_signal(&t->answer);
		/* A full pipe has told the loop already. */
		if (first && write(t->wake[1], "", 1) == -1)
			continue;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* Give back what is done. */
static void
reap(struct threads *t)
{
	struct list done;
	struct aio_req *r;

	(void)pthread_mutex_lock(&t->lock);
	done.first = t->done.first;
	list_init(&t->done);
	(void)pthread_mutex_unlock(&t->lock);
	while ((r = done.first) != NULL) {
		done.first = r->next;
		t->aio.setup.done(t->aio.setup.arg, r);
	}
}

static void
on_wake(void *arg, unsigned what)
{
	struct threads *t = arg;
	char bin[64];

	(void)what;
	if (read(t->wake[0], bin, sizeof(bin)) == -1 && errno != EAGAIN)
		return;
	reap(t);
	t->aio.setup.batch(t->aio.setup.arg);
}

/* Signals are the event loop's: the threads block them all. */
static void
start_threads(struct threads *t)
{
	sigset_t all, old;
	int r = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	while (t->nthreads < THREADS && r == 0) {
		r = pthread_create(&t->thread[t->nthreads], NULL,
		    thread_main, t);
		if (r == 0)
			t->nthreads++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (t->nthreads == 0)
		fatalx("no thread: %s", strerror(r));
}

static void
threads_queue(struct aio *a, struct aio_req *r)
{
	struct threads *t = (struct threads *)a;

	if (t->nthreads == 0)
		start_threads(t);
	(void)pthread_mutex_lock(&t->lock);
	list_put(&t->todo, r);
	(void)pthread_cond_signal(&t->work);
	(void)pthread_mutex_unlock(&t->lock);
}

static void
threads_kick(struct aio *a)
{
	(void)a;	/* every request was started when it was queued */
}

static void
threads_wait(struct aio *a)
{
	struct threads *t = (struct threads *)a;

	(void)pthread_mutex_lock(&t->lock);
	while (t->done.first == NULL)
		(void)pthread_cond_wait(&t->answer, &t->lock);
	(void)pthread_mutex_unlock(&t->lock);
	reap(t);
}

static void
threads_destroy(struct aio *a)
{
	struct threads *t = (struct threads *)a;

	(void)pthread_mutex_lock(&t->lock);
	t->quit = true;
	(void)pthread_cond_broadcast(&t->work);
	(void)pthread_mutex_unlock(&t->lock);
	for (unsigned i = 0; i < t->nthreads; i++)
		(void)pthread_join(t->thread[i], NULL);
	event_watch_fini(&t->waking);
	for (unsigned i = 0; i < 2; i++)
		if (t->wake[i] != -1)
			(void)close(t->wake[i]);
	(void)pthread_cond_destroy(&t->answer);
	(void)pthread_cond_destroy(&t->work);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static int
threads_start(struct aio **ret, const struct aio_setup *setup, struct err *e)
{
	struct threads *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_sys(e, "threads");
	t->aio.engine = &aio_threads;
	t->aio.setup = *setup;
	t->wake[0] = t->wake[1] = -1;
	list_init(&t->todo);
	list_init(&t->done);
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->work, NULL);
	(void)pthread_cond_init(&t->answer, NULL);
	if (pipe(t->wake) == -1) {
		(void)err_sys(e, "pipe");
		threads_destroy(&t->aio);
		return -1;
	}
	for (unsigned i = 0; i < 2; i++) {
		(void)fd_cloexec(t->wake[i], 1);
		(void)fd_nonblock(t->wake[i], 1);
	}
	event_watch_init(&t->waking, setup->loop, t->wake[0], on_wake, t);
	if (event_watch_set(&t->waking, EVENT_READ) == -1) {
		(void)err_sys(e, "threads");
		threads_destroy(&t->aio);
		return -1;
	}
	*ret = &t->aio;
	return 0;
}

const struct aio_engine aio_threads = {
	.name		= "threads",
	.start		= threads_start,
	.destroy	= threads_destroy,
	.queue		= threads_queue,
	.kick		= threads_kick,
	.wait		= threads_wait,
};
