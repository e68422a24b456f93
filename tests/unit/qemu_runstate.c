/* SPDX-License-Identifier: ISC */
/* qemu_runstate.c - every run state of QEMU is in the table */

#include <string.h>

#include "unit.h"
#include "lib/util.h"
#include "qemu/runstate.h"

/* RunState of qapi/run-state.json, QEMU 7.2, in its order. */
static const char *const all[] = { "debug", "inmigrate", "internal-error",
    "io-error", "paused", "postmigrate", "prelaunch", "finish-migrate",
    "restore-vm", "running", "save-vm", "shutdown", "suspended", "watchdog",
    "guest-panicked", "colo", "preconfig" };

static void
complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		const struct run_state *r = run_state_find(all[i]);

		assert_string_equal(r->word, all[i]);
		assert_int_not_equal(r->kind, RUN_UNKNOWN);
		assert_true(strlen(r->meaning) > 0);
		/* One word means that the guest runs, and no other. */
		assert_int_equal(r->kind == RUN_RUNNING,
		    strcmp(all[i], "running") == 0);
	}
}

static void
unknown(void **state)
{
	static const char *const bad[] = { "", "Running", "running ", "x" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(run_state_find(bad[i])->kind, RUN_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete),
		cmocka_unit_test(unknown),
	};

	return unit_run("qemu_runstate", tests);
}
