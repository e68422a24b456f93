/* SPDX-License-Identifier: ISC */
/*
 * event_host.h - what event.c asks of a host: watching and waiting
 */

#ifndef OS_EVENT_HOST_H
#define OS_EVENT_HOST_H

#include "os/event.h"

#define EVENT_READY_MAX	64	/* descriptors told of in a turn */

/* A descriptor is ready; watch is NULL when that was ended meanwhile. */
struct event_ready {
	struct event_watch	*watch;
	unsigned		 what;
};

/* A queue to wait on, close-on-exec; -1 with errno. */
int	 event_host_open(void);

/*
 * Change what is watched from w->what to 'what'.  -1 with errno: nothing
 * was changed.
 */
int	 event_host_watch(int queue, struct event_watch *w, unsigned what);

/*
 * Wait for at most 'ms', -1 for ever; returns how many are ready.  Does not
 * fail: a queue that cannot be waited on is the end of the program.
 */
unsigned event_host_wait(int queue, struct event_ready *, unsigned n, int ms);

#endif
