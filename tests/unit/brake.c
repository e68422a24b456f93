/* SPDX-License-Identifier: ISC */
/* brake.c - how often a guest may reboot */

#include "unit.h"
#include "chapi/brake.h"
#include "lib/util.h"

#define S	1000000ULL

static void
reboots(void **state)
{
	static const struct {
		uint64_t	after[6];	/* us since the last begin */
		unsigned	last;		/* which is refused; 6: none */
	} rows[] = {
		{ { 0, 0, 0 }, 2 },
		{ { S, S, S }, 2 },
		{ { 6 * S - 1, 6 * S - 1, 6 * S - 1 }, 2 },
		{ { 6 * S, 6 * S, 6 * S, 6 * S, 6 * S, 6 * S }, 6 },
		{ { S, S, 6 * S, S, S, 6 * S }, 6 },
		{ { S, 7 * S, S, S, S }, 4 },
		{ { 3600 * S, S, S, S }, 3 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t now = 1234567 * S;
		struct brake b;
		unsigned n;

		brake_release(&b, now);
		for (n = 0; n < COUNT(rows[i].after); n++) {
			now += rows[i].after[n];
			if (!brake_reboot(&b, now))
				break;
		}
		assert_int_equal(n, rows[i].last);
	}
}

/* What is not the guest's doing lets go. */
static void
released(void **state)
{
	struct brake b;

	(void)state;
	brake_release(&b, S);
	for (unsigned i = 0; i < 10; i++) {
		assert_true(brake_reboot(&b, S));
		assert_true(brake_reboot(&b, S));
		brake_release(&b, S);
	}
	assert_true(brake_reboot(&b, S));
	assert_true(brake_reboot(&b, S));
	assert_false(brake_reboot(&b, S));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reboots),
		cmocka_unit_test(released),
	};

	return unit_run("brake", tests);
}
