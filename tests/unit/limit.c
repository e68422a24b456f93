/* SPDX-License-Identifier: ISC */
/* limit.c - token buckets, by a clock of our own */

#include "unit.h"
#include "viod/limit.h"

#define SECOND	1000000ULL

/* Pass requests of 'units' for 'seconds'; how many units did? */
static uint64_t
run(struct limit *l, uint64_t units, uint64_t *now, unsigned seconds)
{
	uint64_t end = *now + seconds * SECOND, passed = 0, wait;

	while (*now < end) {
		wait = limit_wait(l, *now);
		if (wait != 0) {
			assert_true(wait <= SECOND);
			*now += wait;
			continue;
		}
		limit_take(l, units);
		passed += units;
		*now += 3;	/* a request takes time too */
	}
	return passed;
}

static void
rate_holds(void **state)
{
	static const struct { uint64_t rate, units; } cases[] = {
		{ 100, 1 }, { 400, 1 }, { 100000, 1 },
		{ 1 << 20, 4096 }, { 100 << 20, 1 << 20 },
		{ 1000, 4096 },			/* larger than the bucket */
		{ 1ULL << 40, 1ULL << 30 },
	};
	struct limit l;
	uint64_t now = 77, passed, ideal;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		limit_init(&l, cases[i].rate, now);
		passed = run(&l, cases[i].units, &now, 60);
		ideal = cases[i].rate * 60;
		/* The bucket and one request more, nothing beyond. */
		assert_true(passed <= ideal + cases[i].rate / 10 +
		    2 * cases[i].units);
		assert_true(passed + 2 * cases[i].units >= ideal * 99 / 100);
	}
}

static void
burst(void **state)
{
	struct limit l;
	uint64_t now = 0;

	(void)state;
	limit_init(&l, 1000, now);
	/* A tenth of a second's worth at once, then no more. */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(limit_wait(&l, now), 0);
		limit_take(&l, 1);
	}
	assert_int_not_equal(limit_wait(&l, now), 0);
	/* An idle hour saves no more than the bucket. */
	now += 3600 * SECOND;
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(limit_wait(&l, now), 0);
		limit_take(&l, 1);
	}
	assert_int_not_equal(limit_wait(&l, now), 0);
}

static void
extremes(void **state)
{
	struct limit l;
	uint64_t now = 5;

	(void)state;
	limit_init(&l, 0, now);			/* none */
	limit_take(&l, UINT64_MAX);
	assert_int_equal(limit_wait(&l, now), 0);
	limit_init(&l, UINT64_MAX, now);	/* as good as none */
	limit_take(&l, UINT64_MAX);
	assert_int_equal(limit_wait(&l, now), 0);
	limit_init(&l, 1, now);
	limit_take(&l, UINT64_MAX);		/* a debt of ages */
	assert_int_equal(limit_wait(&l, now), SECOND);
	assert_int_equal(limit_wait(&l, 4), SECOND);	/* back in time */
	assert_int_equal(limit_wait(&l, UINT64_MAX), SECOND);
	limit_init(&l, LIMIT_RATE_MAX, now);
	limit_take(&l, UINT64_MAX);
	assert_int_equal(limit_wait(&l, UINT64_MAX), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_holds),
		cmocka_unit_test(burst),
		cmocka_unit_test(extremes),
	};

	return unit_run("limit", tests);
}
