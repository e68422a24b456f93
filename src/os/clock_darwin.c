/* SPDX-License-Identifier: ISC */
/* clock_darwin.c - what macOS's clocks say; see clock.h */

#include <errno.h>
#include <time.h>

#include "os/clock.h"

/* mach_absolute_time() and mach_continuous_time(), in nanoseconds. */
void
os_clock_read(struct os_clock_times *ret)
{
	ret->running = (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
	ret->passed = (int64_t)clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
	ret->real = (int64_t)clock_gettime_nsec_np(CLOCK_REALTIME);
}

int
os_clock_open(void)
{
	errno = 0;
	return -1;
}

void
os_clock_clear(int fd)
{
	(void)fd;
}
