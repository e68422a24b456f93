/* SPDX-License-Identifier: ISC */
/*
 * clock.h - the host's clock jumps: it slept, or somebody set it
 *
 * What is slewed does not jump.  clock.c compares, clock_linux.c is told by
 * timerfd_create(2), TFD_TIMER_CANCEL_ON_SET; macOS tells nobody who has not
 * IOKit, so clock_darwin.c has to be asked now and then.
 */

#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define OS_CLOCK_JUMP_NS	1000000000LL	/* what is less is none */
#define OS_CLOCK_TICK_MS	5000		/* where nobody tells */

/* One moment, in nanoseconds. */
struct os_clock_times {
	int64_t	real;		/* since 1970; may be set */
	int64_t	running;	/* stands still while the host sleeps */
	int64_t	passed;		/* goes on then */
};

/* How far they have jumped, nanoseconds. */
struct os_clock_jump {
	int64_t	slept;
	int64_t	set;		/* beyond that; negative: back */
};

struct os_clock {
	/* Readable: look.  -1: look every OS_CLOCK_TICK_MS. */
	int			 fd;
	void			(*read)(struct os_clock_times *);
	struct os_clock_times	 last;
};

/* 'read' is os_clock_read(), or a test's. */
int	os_clock_init(struct os_clock *, void (*read)(struct os_clock_times *),
	    struct err *);
void	os_clock_fini(struct os_clock *);

/* Have they jumped since the last look? */
bool	os_clock_look(struct os_clock *, struct os_clock_jump *ret);

/* The host's own: now; a descriptor or -1 with errno 0, or with another. */
void	os_clock_read(struct os_clock_times *);
int	os_clock_open(void);
void	os_clock_clear(int fd);

#endif
