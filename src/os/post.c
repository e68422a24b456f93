/* SPDX-License-Identifier: ISC */
/*
 * post.c - calls into an event loop from other threads; see post.h
 *
 * A list under a lock, and a pipe with one byte in it while the list is not
 * empty: it is the same on every host.
 */

#include <errno.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "os/post.h"

/* All there is; those that come meanwhile wake the loop again. */
static void
collect(struct letters *ret, struct post *p)
{
	char byte;

	STAILQ_INIT(ret);
	(void)pthread_mutex_lock(&p->lock);
	if (p->woken && read(p->pipe[0], &byte, 1) == -1)
		fatal("post");
	p->woken = false;
	STAILQ_CONCAT(ret, &p->letters);
	(void)pthread_mutex_unlock(&p->lock);
}

static void
deliver(struct letters *letters)
{
	struct letter *l;

	while ((l = STAILQ_FIRST(letters)) != NULL) {
		STAILQ_REMOVE_HEAD(letters, next);
		l->fn(l);
	}
}

void
post_drain(struct post *p)
{
	struct letters letters;

	collect(&letters, p);
	deliver(&letters);
}

static void
woken(void *arg, unsigned what)
{
	(void)what;
	post_drain(arg);
}

int
post_init(struct post *p, struct event_loop *loop, struct err *e)
{
	if (pipe(p->pipe) == -1)
		return err_sys(e, "post");
	(void)fd_cloexec(p->pipe[0], 1);
	(void)fd_cloexec(p->pipe[1], 1);
	(void)pthread_mutex_init(&p->lock, NULL);
	STAILQ_INIT(&p->letters);
	p->woken = false;
	event_watch_init(&p->watch, loop, p->pipe[0], woken, p);
	if (event_watch_set(&p->watch, EVENT_READ) == 0)
		return 0;
	(void)err_sys(e, "post");
	post_fini(p);
	return -1;
}

void
post_send(struct post *p, struct letter *l)
{
	bool wake;

	(void)pthread_mutex_lock(&p->lock);
	STAILQ_INSERT_TAIL(&p->letters, l, next);
	wake = !p->woken;
	p->woken = true;
	/* Under the lock: whoever finds the mark finds the byte. */
	while (wake && write(p->pipe[1], "", 1) == -1)
		if (errno != EINTR)
			fatal("post");
	(void)pthread_mutex_unlock(&p->lock);
}

void
post_fini(struct post *p)
{
	event_watch_fini(&p->watch);
	(void)close(p->pipe[0]);
	(void)close(p->pipe[1]);
	(void)pthread_mutex_destroy(&p->lock);
}
