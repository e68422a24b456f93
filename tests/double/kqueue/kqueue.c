/* SPDX-License-Identifier: ISC */
/*
 * kqueue.c - a kqueue(2) on Linux, to run event_kqueue.c where it is not
 *
 * A queue is an epoll set of two: one whose entries are levels, one whose are
 * edges.  What is asked of a descriptor is a note for each filter, as there;
 * a note that is made again with other flags, which the real one would not
 * heed, is the end of the program, and so is what the double does not know.
 * Signals are counted by the handler that is put in the place of the one who
 * asks, and what a queue has is closed with it (the linker wraps sigaction and
 * close).
 */

#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX	8192
#define QUEUES_MAX	1024
#define READY_MAX	64

struct note {
	int		 queue;		/* 0: free */
	struct kevent	 k;
	int		 count;		/* a signal's eventfd, or -1 */
};

static struct note	notes[NOTES_MAX];
static int		sets[QUEUES_MAX][2];	/* levels, edges */
static void		(*handlers[NSIG])(int);

static void __attribute__((noreturn))
broken(const char *what)
{
	(void)fprintf(stderr, "kqueue: %s\n", what);
	abort();
}

int
kqueue(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int queue = epoll_create1(0);

	if (queue < 1 || queue >= QUEUES_MAX)
		broken("a queue");
	for (int i = 0; i < 2; i++) {
		sets[queue][i] = epoll_create1(EPOLL_CLOEXEC);
		ev.data.fd = i;
		if (epoll_ctl(queue, EPOLL_CTL_ADD, sets[queue][i], &ev) == -1)
			broken("a set");
	}
	return queue;
}

int	__real_close(int);
int	__wrap_close(int);

int
__wrap_close(int fd)
{
	if (fd > 0 && fd < QUEUES_MAX && sets[fd][0] != 0) {
		for (size_t i = 0; i < NOTES_MAX; i++) {
			if (notes[i].queue != fd)
				continue;
			if (notes[i].count != -1)
				(void)__real_close(notes[i].count);
			notes[i].queue = 0;
		}
		(void)__real_close(sets[fd][0]);
		(void)__real_close(sets[fd][1]);
		sets[fd][0] = sets[fd][1] = 0;
	}
	return __real_close(fd);
}

static struct note *
find(int queue, uintptr_t ident, int filter)
{
	for (size_t i = 0; i < NOTES_MAX; i++)
		if (notes[i].queue == queue && notes[i].k.ident == ident &&
		    notes[i].k.filter == filter)
			return &notes[i];
	return NULL;
}

static int
set_of(const struct note *n)
{
	return sets[n->queue][n->k.flags & EV_CLEAR ? 1 : 0];
}

/* Both notes of a descriptor in a set are one entry there. */
static int
update(int queue, int set, int fd)
{
	struct epoll_event ev = { .events = 0, .data.fd = fd };
	const struct note *n;

	n = find(queue, (uintptr_t)fd, EVFILT_READ);
	if (n != NULL && set_of(n) == set)
		ev.events |= EPOLLRDHUP |
		    (n->k.fflags & NOTE_LOWAT ? 0 : EPOLLIN);
	n = find(queue, (uintptr_t)fd, EVFILT_WRITE);
	if (n != NULL && set_of(n) == set)
		ev.events |= EPOLLOUT;
	if (ev.events == 0)
		return epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
	if (set == sets[queue][1])
		ev.events |= EPOLLET;
	return epoll_ctl(set, EPOLL_CTL_MOD, fd, &ev) == 0 ? 0 :
	    epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev);
}

/* --- signals -------------------------------------------------------------- */

static void
on_signal(int signo)
{
	for (size_t i = 0; i < NOTES_MAX; i++)
		if (notes[i].queue != 0 && notes[i].count != -1 &&
		    notes[i].k.ident == (uintptr_t)signo)
			(void)eventfd_write(notes[i].count, 1);
	if (handlers[signo] != NULL)
		handlers[signo](signo);
}

int	__real_sigaction(int, const struct sigaction *, struct sigaction *);
int	__wrap_sigaction(int, const struct sigaction *, struct sigaction *);

int
__wrap_sigaction(int signo, const struct sigaction *sa,
    struct sigaction *before)
{
	struct sigaction ours;

	if (sa == NULL || sa->sa_handler == SIG_DFL ||
	    sa->sa_handler == SIG_IGN || sa->sa_flags & SA_SIGINFO)
		return __real_sigaction(signo, sa, before);
	ours = *sa;
	handlers[signo] = sa->sa_handler;
	ours.sa_handler = on_signal;
	return __real_sigaction(signo, &ours, before);
}

static int
watch_signal(struct note *n)
{
	struct epoll_event ev = { .events = EPOLLIN };

	n->count = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ev.data.fd = -(int)n->k.ident;
	return epoll_ctl(sets[n->queue][0], EPOLL_CTL_ADD, n->count, &ev);
}

/* --- changes -------------------------------------------------------------- */

static int
delete(int queue, const struct kevent *k)
{
	struct note *n = find(queue, k->ident, k->filter);
	int set;

	if (n == NULL) {
		errno = ENOENT;
		return -1;
	}
	set = set_of(n);
	n->queue = 0;
	/* Closing a descriptor takes its notes along. */
	if (update(queue, set, (int)k->ident) == 0)
		return 0;
	errno = ENOENT;
	return -1;
}

/* The note that is there; closing its descriptor took it away. */
static struct note *
living(int queue, const struct kevent *k)
{
	struct note *n = find(queue, k->ident, k->filter);

	if (n == NULL || k->filter == EVFILT_SIGNAL ||
	    update(queue, set_of(n), (int)k->ident) == 0)
		return n;
	n->queue = 0;
	return NULL;
}

/* Enabling what is not disabled: is it there? */
static int
enable(int queue, const struct kevent *k)
{
	if (living(queue, k) != NULL)
		return 0;
	errno = ENOENT;
	return -1;
}

static int
add(int queue, const struct kevent *k)
{
	struct note *n = living(queue, k);

	if (n != NULL && (n->k.flags ^ k->flags) & EV_CLEAR)
		broken("a note's flags do not change");
	for (size_t i = 0; n == NULL; i++) {
		if (i == NOTES_MAX)
			broken("too many notes");
		if (notes[i].queue == 0)
			n = &notes[i];
	}
	*n = (struct note){ queue, *k, -1 };
	if (k->filter == EVFILT_SIGNAL)
		return watch_signal(n);
	if (update(queue, set_of(n), (int)k->ident) == 0)
		return 0;
	n->queue = 0;
	return -1;
}

/* --- what is ready -------------------------------------------------------- */

static int
error_of(int fd)
{
	socklen_t len = sizeof(int);
	int error = 0;

	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

/* One entry of a set, as its notes would be told. */
static int
tell(struct kevent *ret, int room, int queue, int set,
    const struct epoll_event *ev)
{
	static const struct {
		int		filter;
		unsigned	ready, eof;
	} filters[] = {
		{ EVFILT_READ, EPOLLIN | EPOLLRDHUP, EPOLLRDHUP | EPOLLHUP },
		{ EVFILT_WRITE, EPOLLOUT, EPOLLHUP | EPOLLERR },
	};
	const struct note *n;
	int got = 0;

	for (int i = 0; i < 2 && got < room; i++) {
		n = find(queue, (uintptr_t)ev->data.fd, filters[i].filter);
		if (n == NULL || set_of(n) != set || (ev->events &
		    (filters[i].ready | filters[i].eof | EPOLLERR)) == 0)
			continue;
		ret[got] = n->k;
		ret[got].flags &= EV_CLEAR;
		ret[got].fflags = 0;
		if (ev->events & filters[i].eof)
			ret[got].flags |= EV_EOF;
		if (ev->events & EPOLLERR)
			ret[got].fflags = (uint32_t)error_of(ev->data.fd);
		got++;
	}
	return got;
}

static int
tell_signal(struct kevent *ret, int queue, int signo)
{
	const struct note *n = find(queue, (uintptr_t)signo, EVFILT_SIGNAL);
	eventfd_t count;

	if (n == NULL || eventfd_read(n->count, &count) == -1)
		return 0;
	*ret = n->k;
	ret->data = (intptr_t)count;
	return 1;
}

static int
collect(struct kevent *ret, int room, int queue)
{
	struct epoll_event ev[READY_MAX];
	int got = 0, n, max;

	for (int i = 0; i < 2; i++) {
		/* Each may be two; of levels what has no room comes again. */
		max = i == 0 ? room - got : (room - got + 1) / 2;
		if (max > READY_MAX)
			max = READY_MAX;
		n = max < 1 ? 0 : epoll_wait(sets[queue][i], ev, max, 0);
		for (int j = 0; j < n; j++)
			got += ev[j].data.fd < 0 ? tell_signal(ret + got,
			    queue, -ev[j].data.fd) : tell(ret + got,
			    room - got, queue, sets[queue][i], &ev[j]);
	}
	return got;
}

int
kevent(int queue, const struct kevent *changes, int nchanges,
    struct kevent *ret, int nret, const struct timespec *ts)
{
	struct epoll_event any[2];
	int ms = ts == NULL ? -1 : (int)(ts->tv_sec * 1000 +
	    ts->tv_nsec / 1000000), got = 0, n;

	for (int i = 0; i < nchanges; i++)
		if ((changes[i].flags & EV_DELETE ? delete :
		    changes[i].flags & EV_ENABLE ? enable : add)(queue,
		    &changes[i]) == -1)
			return -1;
	/* A set may be ready for what no note is told of. */
	while (nret > 0 && got == 0) {
		n = epoll_wait(queue, any, 2, ms);
		if (n <= 0)
			return n;
		got = collect(ret, nret, queue);
		if (got == 0 && ms != -1)
			break;
	}
	return got;
}
