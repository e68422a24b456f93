/* SPDX-License-Identifier: ISC */
/* num.c - sizes, rates and times as people write them */

#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "lib/num.h"
#include "lib/util.h"

static void
sizes(void **state)
{
	static const struct { const char *text; uint64_t bytes; } good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "512M", 512ULL << 20 },
		{ "1GB", 1ULL << 30 }, { "10GiB", 10ULL << 30 },
		{ "1.5g", 3ULL << 29 }, { "1 KB", 1024 }, { "7b", 7 },
		{ "16383P", 16383ULL << 50 },
	};
	static const char *const bad[] = {
		"", "M", "-1", "1X", "1.M", "1.5.5G", "512MM", "0x10", "1e3",
		"16384P", "99999999999999999999", "1GBB", " 1",
	};
	struct err e;
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		v = 42;
		assert_int_equal(size_parse(&v, good[i].text, &e), 0);
		assert_true(v == good[i].bytes);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		v = 42;
		assert_int_equal(size_parse(&v, bad[i], &e), -1);
		assert_true(v == 42);
	}
}

static void
rates(void **state)
{
	static const struct { const char *text; uint64_t bytes; } good[] = {
		{ "1Gbps", 125000000 }, { "125MB/s", 125ULL << 20 },
		{ "10M", 10ULL << 20 }, { "8kbps", 1000 }, { "1MBps", 1 << 20 },
	};
	struct err e;
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(rate_parse(&v, good[i].text, &e), 0);
		assert_true(v == good[i].bytes);
	}
	assert_int_equal(rate_parse(&v, "fast", &e), -1);
	assert_non_null(strstr(e.text, "fast"));
}

static void
durations(void **state)
{
	static const struct { const char *text; uint64_t ms; } good[] = {
		{ "0", 0 }, { "250ms", 250 }, { "90s", 90000 },
		{ "1h30m", 5400000 }, { "1.5s", 1500 }, { "5m", 300000 },
	};
	static const char *const bad[] = { "", "5", "s", "5m3", "5d", "-1s" };
	struct err e;
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(duration_parse(&v, good[i].text, &e), 0);
		assert_true(v == good[i].ms);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(duration_parse(&v, bad[i], &e), -1);
}

static void
printing(void **state)
{
	char buf[16];

	(void)state;
	assert_string_equal(size_print(buf, sizeof(buf), 1ULL << 30), "1.0 GB");
	assert_string_equal(size_print(buf, sizeof(buf), 0), "0.0 B");
	assert_string_equal(size_print(buf, sizeof(buf), UINT64_MAX),
	    "16.0 EB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(rates),
		cmocka_unit_test(durations),
		cmocka_unit_test(printing),
	};

	return unit_run("num", tests);
}
