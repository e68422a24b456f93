/* SPDX-License-Identifier: ISC */
/* state.c - what a state of the framework's means; see state.h */

#include <stddef.h>

#include "lib/util.h"
#include "vz/state.h"

static const struct state states[] = {
	{ STATE_STOPPED, "stopped", STATE_SHUTDOWN },
	{ 1, "running", STATE_RUNNING },
	{ 2, "paused", STATE_PAUSED },
	{ STATE_ERROR, "error", STATE_SHUTDOWN },
	{ 4, "starting", STATE_CHANGING },
	{ 5, "pausing", STATE_CHANGING },
	{ 6, "resuming", STATE_CHANGING },
	{ 7, "stopping", STATE_CHANGING },
	{ 8, "saving", STATE_CHANGING },
	{ 9, "restoring", STATE_CHANGING },
};

const struct state *
state_find(long number)
{
	static const struct state unknown = { -1, "unknown", STATE_UNKNOWN };

	for (size_t i = 0; i < COUNT(states); i++)
		if (states[i].number == number)
			return &states[i];
	return &unknown;
}
