/* SPDX-License-Identifier: ISC */
/* sys/event.h - of kqueue(2) what event_kqueue.c uses, for kqueue.c */

#ifndef DOUBLE_KQUEUE_SYS_EVENT_H
#define DOUBLE_KQUEUE_SYS_EVENT_H

#include <signal.h>
#include <stdint.h>
#include <time.h>

struct kevent {
	uintptr_t	 ident;
	int16_t		 filter;
	uint16_t	 flags;
	uint32_t	 fflags;
	intptr_t	 data;
	void		*udata;
};

#define EVFILT_READ	(-1)
#define EVFILT_WRITE	(-2)
#define EVFILT_SIGNAL	(-6)

#define EV_ADD		0x0001
#define EV_DELETE	0x0002
#define EV_ENABLE	0x0004
#define EV_CLEAR	0x0020
#define EV_ERROR	0x4000
#define EV_EOF		0x8000
#define NOTE_LOWAT	0x0001

#define EV_SET(k, i, fi, fl, ff, d, u)	(*(k) = (struct kevent){	\
	.ident = (i), .filter = (fi), .flags = (uint16_t)(fl),		\
	.fflags = (ff), .data = (d), .udata = (u) })

int	kqueue(void);
int	kevent(int queue, const struct kevent *changes, int nchanges,
	    struct kevent *ret, int nret, const struct timespec *);

#endif
