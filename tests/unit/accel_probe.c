/* SPDX-License-Identifier: ISC */
/* accel_probe.c - the judgement of a KVM, on clocks of our own */

#include <string.h>

#include "unit.h"
#include "accel/probe.h"

/* A machine: what a round costs, what entering costs, in nanoseconds. */
struct machine {
	double		 guest_round, native_round;
	uint64_t	 enter;
	uint64_t	 spent;		/* in the guest, over all loops */
	uint32_t	 longest;	/* rounds asked of the guest */
	int		 fails;
};

static int
guest(uint64_t *ns, void *arg, uint32_t rounds, struct err *e)
{
	struct machine *m = arg;

	if (m->fails)
		return err_set(e, EIO, "no such luck");
	*ns = m->enter + (uint64_t)(m->guest_round * rounds);
	m->spent += *ns;
	m->longest = rounds > m->longest ? rounds : m->longest;
	return 0;
}

static int
native(uint64_t *ns, void *arg, uint32_t rounds, struct err *e)
{
	struct machine *m = arg;

	(void)e;
	*ns = 20 + (uint64_t)(m->native_round * rounds);
	return 0;
}

static int
judge(struct machine *m, unsigned *slowdown, struct err *e)
{
	struct accel_clock c = { guest, native, m };

	*slowdown = 0;
	return accel_judge(slowdown, &c, e);
}

static void
good(void **state)
{
	struct machine silicon = { .guest_round = 0.3, .native_round = 0.3,
	    .enter = 1200 };
	struct machine nested = { .guest_round = 4, .native_round = 4,
	    .enter = 900000 };
	struct machine slow = { .guest_round = 3, .native_round = 0.3,
	    .enter = 5000 };
	unsigned slowdown;
	struct err e;

	(void)state;
	assert_int_equal(judge(&silicon, &slowdown, &e), 0);
	assert_int_equal(slowdown, 1);
	/* Entering is dear, the loop is not: no reason to refuse. */
	assert_int_equal(judge(&nested, &slowdown, &e), 0);
	assert_int_equal(slowdown, 1);
	assert_int_equal(judge(&slow, &slowdown, &e), 0);
	assert_in_range(slowdown, 9, 11);
	/* Nobody waits long for a good answer either. */
	assert_true(silicon.spent < 50000000);
	assert_true(nested.spent < 50000000);
	assert_true(slow.spent < 50000000);
}

static void
interpreted(void **state)
{
	struct machine m = { .guest_round = 960, .native_round = 0.4,
	    .enter = 30000 };
	unsigned slowdown;
	struct err e;

	(void)state;
	assert_int_equal(judge(&m, &slowdown, &e), -1);
	assert_non_null(strstr(e.text, "interpreted: 24"));
	/* It was found out by short loops. */
	assert_true(m.longest <= 2001);
	assert_true(m.spent < 20000000);
}

/* Near the bound, on both sides. */
static void
bound(void **state)
{
	struct machine over = { .guest_round = 16.5, .native_round = 0.4,
	    .enter = 1000 };
	struct machine under = { .guest_round = 15.5, .native_round = 0.4,
	    .enter = 1000 };
	unsigned slowdown;
	struct err e;

	(void)state;
	assert_int_equal(judge(&over, &slowdown, &e), -1);
	assert_int_equal(judge(&under, &slowdown, &e), 0);
	assert_in_range(slowdown, 37, 40);
}

static void
clock_fails(void **state)
{
	struct machine m = { .fails = 1 };
	unsigned slowdown;
	struct err e;

	(void)state;
	assert_int_equal(judge(&m, &slowdown, &e), -1);
	assert_string_equal(e.text, "no such luck");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(interpreted),
		cmocka_unit_test(bound),
		cmocka_unit_test(clock_fails),
	};

	return unit_run("accel_probe", tests);
}
