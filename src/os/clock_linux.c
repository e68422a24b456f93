/* SPDX-License-Identifier: ISC */
/* clock_linux.c - when Linux's clock jumps; see clock.h */

#include <sys/timerfd.h>

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "lib/own.h"
#include "os/clock.h"

#define NEVER	8000000000	/* seconds since 1970: 2223 */

static int64_t
now_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

void
os_clock_read(struct os_clock_times *ret)
{
	ret->running = now_ns(CLOCK_MONOTONIC);
	ret->passed = now_ns(CLOCK_BOOTTIME);
	ret->real = now_ns(CLOCK_REALTIME);
}

/* A timer that is cancelled by what it is about, and armed still. */
int
os_clock_open(void)
{
	static const struct itimerspec never = { .it_value.tv_sec = NEVER };
	own_fd int fd = timerfd_create(CLOCK_REALTIME,
	    TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd == -1 || timerfd_settime(fd, TFD_TIMER_ABSTIME |
	    TFD_TIMER_CANCEL_ON_SET, &never, NULL) == -1)
		return -1;
	return take_fd(&fd);
}

void
os_clock_clear(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
}
