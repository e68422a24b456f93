/* SPDX-License-Identifier: ISC */
/* runstate.c - what QEMU's run states mean for a VM; see runstate.h */

#include <stddef.h>
#include <string.h>

#include "lib/util.h"
#include "qemu/runstate.h"

static const struct run_state states[] = {
	{ "colo", RUN_BROKEN, "replicated elsewhere, never asked for" },
	{ "debug", RUN_PAUSED, "stopped by a debugger" },
	{ "finish-migrate", RUN_PAUSED, "paused to finish a migration" },
	{ "guest-panicked", RUN_OVER, "guest panicked" },
	{ "inmigrate", RUN_STARTING, "waiting for a migration" },
	{ "internal-error", RUN_BROKEN, "internal error of QEMU" },
	{ "io-error", RUN_PAUSED, "stopped by an I/O error" },
	{ "paused", RUN_PAUSED, "paused" },
	{ "postmigrate", RUN_PAUSED, "paused after a migration" },
	{ "preconfig", RUN_STARTING, "not configured yet" },
	{ "prelaunch", RUN_STARTING, "not started yet" },
	{ "restore-vm", RUN_STARTING, "restoring a snapshot" },
	{ "running", RUN_RUNNING, "running" },
	{ "save-vm", RUN_PAUSED, "paused to save a snapshot" },
	{ "shutdown", RUN_OVER, "guest powered off" },
	{ "suspended", RUN_PAUSED, "suspended by the guest" },
	{ "watchdog", RUN_PAUSED, "stopped by a watchdog" },
};

const struct run_state *
run_state_find(const char *word)
{
	static const struct run_state unknown = { "unknown", RUN_UNKNOWN,
	    "in a run state that is not known" };

	for (size_t i = 0; i < COUNT(states); i++)
		if (strcmp(states[i].word, word) == 0)
			return &states[i];
	return &unknown;
}
