/* SPDX-License-Identifier: ISC */
/* clock.c - jumps of a clock that is made up, and the host's */

#include "unit.h"

#include "os/clock.h"

#define S	INT64_C(1000000000)

static struct os_clock_times times;

static void
made_up(struct os_clock_times *ret)
{
	*ret = times;
}

/* Go on by so many nanoseconds, and ask. */
static bool
later(struct os_clock *c, int64_t running, int64_t slept, int64_t set,
    struct os_clock_jump *ret)
{
	times.running += running;
	times.passed += running + slept;
	times.real += running + slept + set;
	return os_clock_look(c, ret);
}

static void
jumps(void **state)
{
	struct os_clock_jump j;
	struct os_clock c;

	(void)state;
	times = (struct os_clock_times){ 1700000000 * S, 5 * S, 7 * S };
	assert_int_equal(os_clock_init(&c, made_up, NULL), 0);
	assert_false(later(&c, 0, 0, 0, &j));
	assert_false(later(&c, 3600 * S, 0, 0, &j));

	/* The host has slept; told once. */
	assert_true(later(&c, 5 * S, 3600 * S, 0, &j));
	assert_int_equal(j.slept, 3600 * S);
	assert_int_equal(j.set, 0);
	assert_false(later(&c, 5 * S, 0, 0, &j));
	assert_int_equal(j.slept, 0);

	/* Somebody sets it, forth and back; both at once. */
	assert_true(later(&c, 5 * S, 0, 90 * S, &j));
	assert_int_equal(j.set, 90 * S);
	assert_true(later(&c, 5 * S, 0, -90 * S, &j));
	assert_int_equal(j.set, -90 * S);
	assert_int_equal(j.slept, 0);
	assert_true(later(&c, 1, 8 * 3600 * S, -3600 * S, &j));
	assert_int_equal(j.slept, 8 * 3600 * S);
	assert_int_equal(j.set, -3600 * S);
	/* A sleep that a clock without a battery knows nothing of. */
	assert_true(later(&c, 1, 60 * S, -60 * S, &j));

	/* Slewed for a day, 500 parts of a million: no jump. */
	for (unsigned i = 0; i < 86400 / 5; i++)
		assert_false(later(&c, 5 * S, 0, 5 * S / 2000, &j));
	assert_false(later(&c, 5 * S, 0, OS_CLOCK_JUMP_NS - 1, &j));
	assert_false(later(&c, 5 * S, OS_CLOCK_JUMP_NS - 1, 0, &j));
	assert_true(later(&c, 5 * S, OS_CLOCK_JUMP_NS, 0, &j));
	os_clock_fini(&c);
	os_clock_fini(&c);
}

static void
host(void **state)
{
	struct os_clock_times a, b;
	struct os_clock c;

	(void)state;
	assert_int_equal(os_clock_init(&c, os_clock_read, NULL), 0);
	os_clock_read(&a);
	os_clock_read(&b);
	assert_true(b.running >= a.running && b.passed >= a.passed);
	assert_true(a.passed > 0 && a.real > 1700000000 * S);
	if (c.fd != -1)
		os_clock_clear(c.fd);	/* nothing was told: no waiting */
	os_clock_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jumps),
		cmocka_unit_test(host),
	};

	return unit_run("clock", tests);
}
