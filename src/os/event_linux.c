/* SPDX-License-Identifier: ISC */
/* event_linux.c - waiting by epoll(7), signals by signalfd(2) */

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "os/event_host.h"

int
event_host_open(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

int
event_host_watch(int queue, struct event_watch *w, unsigned what)
{
	struct epoll_event ev = { .data.ptr = w };

	ev.events = (what & EVENT_READ ? EPOLLIN : 0) |
	    (what & EVENT_WRITE ? EPOLLOUT : 0) |
	    (what & EVENT_HUP ? EPOLLRDHUP : 0) |
	    (what & EVENT_EDGE ? EPOLLET : 0);
	return epoll_ctl(queue, what == 0 ? EPOLL_CTL_DEL : w->what == 0 ?
	    EPOLL_CTL_ADD : EPOLL_CTL_MOD, w->fd, &ev);
}

/* Errors and the end of both directions come unasked, and are all. */
static unsigned
told(uint32_t events)
{
	if (events & (EPOLLERR | EPOLLHUP))
		return EVENT_READ | EVENT_WRITE | EVENT_HUP;
	return (events & EPOLLIN ? EVENT_READ : 0) |
	    (events & EPOLLOUT ? EVENT_WRITE : 0) |
	    (events & EPOLLRDHUP ? EVENT_HUP : 0);
}

unsigned
event_host_wait(int queue, struct event_ready *ret, unsigned n, int ms)
{
	struct epoll_event events[EVENT_READY_MAX];
	int got;

	got = epoll_wait(queue, events, (int)MIN(n, COUNT(events)), ms);
	if (got == -1 && errno != EINTR)
		fatal("epoll_wait");
	for (int i = 0; i < got; i++) {
		ret[i].watch = events[i].data.ptr;
		ret[i].what = told(events[i].events);
	}
	return got > 0 ? (unsigned)got : 0;
}

/* --- signals ------------------------------------------------------------- */

static void
on_signal(void *arg, unsigned what)
{
	struct event_signal *s = arg;
	struct signalfd_siginfo info;

	(void)what;
	/* One a call: the callback may end it. */
	if (read(s->watch.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->fn(s->arg, (int)info.ssi_signo);
}

void
event_signal_init(struct event_signal *s, struct event_loop *l,
    void (*fn)(void *arg, int signo), void *arg)
{
	event_watch_init(&s->watch, l, -1, on_signal, s);
	s->fn = fn;
	s->arg = arg;
}

int
event_signal_take(struct event_signal *s, const sigset_t *set, struct err *e)
{
	own_fd int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd == -1)
		return err_sys(e, "signals");
	s->watch.fd = fd;
	if (event_watch_set(&s->watch, EVENT_READ) == -1)
		return err_sys(e, "signals");
	(void)take_fd(&fd);
	s->set = *set;
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
	return 0;
}

void
event_signal_fini(struct event_signal *s)
{
	if (s->watch.what == 0)
		return;
	event_watch_fini(&s->watch);
	(void)close(s->watch.fd);
	(void)pthread_sigmask(SIG_UNBLOCK, &s->set, NULL);
}
