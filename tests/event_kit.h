/* SPDX-License-Identifier: ISC */
/* event_kit.h - an event loop, for tests */

#ifndef EVENT_KIT_H
#define EVENT_KIT_H

#include <stdlib.h>

#include "os/event.h"

static inline struct event_loop *
kit_loop(void)
{
	struct event_loop *ret = NULL;
	struct err e;

	if (event_loop_new(&ret, &e) == -1)
		abort();
	return ret;
}

/* Turn it until nothing is ready any more. */
static inline void
kit_settle(struct event_loop *loop)
{
	while (event_loop_turn(loop, 0))
		continue;
}

#endif
