/* SPDX-License-Identifier: ISC */
/*
 * event_kqueue.c - waiting, and signals, by kqueue(2)
 *
 * A descriptor has up to two filters.  Reading alone, edge or level, is
 * EVFILT_READ; for EVENT_HUP alone it is that too, with a low-water mark that
 * no stream reaches and by edges, so that what does come wakes seldom.
 */

#include <sys/event.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "os/event_host.h"

static const short filters[] = { EVFILT_READ, EVFILT_WRITE };

int
event_host_open(void)
{
	own_fd int queue = kqueue();

	if (queue == -1 || fcntl(queue, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	return take_fd(&queue);
}

/* How a filter is to look at a descriptor: its kevent; flags 0: not. */
static struct kevent
wanted(const struct event_watch *w, short filter, unsigned what)
{
	struct kevent k;
	const unsigned edge = what & EVENT_EDGE ? EV_CLEAR : 0;

	EV_SET(&k, (uintptr_t)w->fd, filter, 0, 0, 0, (void *)(uintptr_t)w);
	if (filter == EVFILT_WRITE && what & EVENT_WRITE)
		k.flags = (unsigned short)(EV_ADD | edge);
	if (filter == EVFILT_READ && what & EVENT_READ) {
		k.flags = (unsigned short)(EV_ADD | edge);
	} else if (filter == EVFILT_READ && what & EVENT_HUP) {
		k.flags = EV_ADD | EV_CLEAR;
		k.fflags = NOTE_LOWAT;
		/* Another mark where it is asked anew, so that it is told. */
		k.data = INT_MAX - (edge != 0);
	}
	return k;
}

/* From one to the other; a filter's flags change by making it anew. */
static int
change(int queue, const struct kevent *from, const struct kevent *to)
{
	struct kevent k = *from;

	if (from->flags == to->flags && from->fflags == to->fflags &&
	    from->data == to->data)
		return 0;
	if (from->flags != 0) {
		k.flags = EV_DELETE;
		/* One that was closed is not watched either. */
		if (kevent(queue, &k, 1, NULL, 0, NULL) == -1 &&
		    to->flags == 0)
			return -1;
	}
	return to->flags == 0 ? 0 : kevent(queue, to, 1, NULL, 0, NULL);
}

/*
 * Files are always ready to epoll(7), and therefore to nobody.  What is
 * watched already can be enabled, which changes nothing.
 */
static int
is_watchable(int queue, int fd)
{
	struct stat st;
	struct kevent k;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		errno = EPERM;
		return 0;
	}
	for (size_t i = 0; i < COUNT(filters); i++) {
		EV_SET(&k, (uintptr_t)fd, filters[i], EV_ENABLE, 0, 0, NULL);
		if (kevent(queue, &k, 1, NULL, 0, NULL) == 0) {
			errno = EEXIST;
			return 0;
		}
	}
	return 1;
}

int
event_host_watch(int queue, struct event_watch *w, unsigned what)
{
	struct kevent from, to;
	int r = 0;

	if (w->what == 0 && !is_watchable(queue, w->fd))
		return -1;
	for (size_t i = 0; i < COUNT(filters); i++) {
		from = wanted(w, filters[i], w->what);
		to = wanted(w, filters[i], what);
		if (change(queue, &from, &to) == 0)
			continue;
		r = -1;
		/* What is half done is taken back. */
		for (size_t j = 0; j < i && what != 0; j++) {
			from = wanted(w, filters[j], what);
			to = wanted(w, filters[j], w->what);
			(void)change(queue, &from, &to);
		}
		if (what != 0)
			break;
	}
	return r;
}

/* Errors and the end of both directions come unasked, and are all. */
static unsigned
told(const struct kevent *k)
{
	const struct event_watch *w = k->udata;

	if (k->flags & EV_ERROR ||
	    (k->flags & EV_EOF &&
	    (k->filter == EVFILT_WRITE || k->fflags != 0)))
		return EVENT_READ | EVENT_WRITE | EVENT_HUP;
	if (k->filter == EVFILT_WRITE)
		return EVENT_WRITE;
	if (k->flags & EV_EOF)
		return EVENT_READ | EVENT_HUP;
	return w->what & EVENT_READ;
}

/* Both filters of a descriptor are one call. */
static unsigned
add(struct event_ready *ret, unsigned n, const struct kevent *k)
{
	for (unsigned i = 0; i < n; i++)
		if (ret[i].watch == k->udata) {
			ret[i].what |= told(k);
			return n;
		}
	ret[n].watch = k->udata;
	ret[n].what = told(k);
	return n + 1;
}

unsigned
event_host_wait(int queue, struct event_ready *ret, unsigned n, int ms)
{
	struct kevent events[EVENT_READY_MAX];
	struct timespec wait = { .tv_sec = ms / 1000,
	    .tv_nsec = (long)(ms % 1000) * 1000000 };
	unsigned ready = 0;
	int got;

	got = kevent(queue, NULL, 0, events, (int)MIN(n, COUNT(events)),
	    ms == -1 ? NULL : &wait);
	if (got == -1 && errno != EINTR)
		fatal("kevent");
	for (int i = 0; i < got; i++)
		ready = add(ret, ready, &events[i]);
	return ready;
}

/*
 * --- signals --------------------------------------------------------------
 *
 * A queue of their own, which the loop waits for as for a descriptor.  Signals
 * that are blocked would be pending for ever, and ignored children be gone:
 * they are caught, by a handler that does nothing.
 */

static struct sigaction before[NSIG];

static void
caught(int signo)
{
	(void)signo;
}

static void
on_signal(void *arg, unsigned what)
{
	static const struct timespec now;
	struct event_signal *s = arg;
	struct kevent k;

	(void)what;
	/* One a call: the callback may end it. */
	if (kevent(s->watch.fd, NULL, 0, &k, 1, &now) == 1)
		s->fn(s->arg, (int)k.ident);
}

void
event_signal_init(struct event_signal *s, struct event_loop *l,
    void (*fn)(void *arg, int signo), void *arg)
{
	event_watch_init(&s->watch, l, -1, on_signal, s);
	s->fn = fn;
	s->arg = arg;
}

static int
queue_signals(int queue, const sigset_t *set)
{
	struct kevent k;

	for (int n = 1; n < NSIG; n++) {
		if (sigismember(set, n) != 1)
			continue;
		EV_SET(&k, (uintptr_t)n, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
		if (kevent(queue, &k, 1, NULL, 0, NULL) == -1)
			return -1;
	}
	return 0;
}

int
event_signal_take(struct event_signal *s, const sigset_t *set, struct err *e)
{
	struct sigaction sa = { .sa_handler = caught, .sa_flags = SA_RESTART };
	own_fd int fd = event_host_open();

	if (fd == -1 || queue_signals(fd, set) == -1)
		return err_sys(e, "signals");
	s->watch.fd = fd;
	if (event_watch_set(&s->watch, EVENT_READ) == -1)
		return err_sys(e, "signals");
	(void)take_fd(&fd);
	s->set = *set;
	(void)sigemptyset(&sa.sa_mask);
	for (int n = 1; n < NSIG; n++)
		if (sigismember(set, n) == 1)
			(void)sigaction(n, &sa, &before[n]);
	return 0;
}

void
event_signal_fini(struct event_signal *s)
{
	if (s->watch.what == 0)
		return;
	event_watch_fini(&s->watch);
	(void)close(s->watch.fd);
	for (int n = 1; n < NSIG; n++)
		if (sigismember(&s->set, n) == 1)
			(void)sigaction(n, &before[n], NULL);
}
