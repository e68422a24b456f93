/* SPDX-License-Identifier: ISC */
/* vmm_rtc.c - the clock, as BIOSes and kernels read and set it */

#include "unit.h"
#include "vmm_kit.h"

#include <time.h>

#include "lib/json.h"
#include "vmm/dev/rtc.h"

struct world {
	struct kit	 k;
	struct rtc	*rtc;
};

static void
begin(struct world *w, uint64_t memory)
{
	kit_init(&w->k);
	assert_int_equal(rtc_new(&w->rtc, &w->k.board, memory, NULL), 0);
}

static void
end(struct world *w)
{
	rtc_destroy(w->rtc);
	kit_fini(&w->k);
}

static unsigned
get(struct world *w, unsigned reg)
{
	bus_write(&w->k.board.pio, 0x70, 1, reg);
	return (unsigned)bus_read(&w->k.board.pio, 0x71, 1);
}

static void
set(struct world *w, unsigned reg, unsigned value)
{
	bus_write(&w->k.board.pio, 0x70, 1, reg);
	bus_write(&w->k.board.pio, 0x71, 1, value);
}

static int
bcd(unsigned v)
{
	assert_true((v & 0xf) < 10 && v >> 4 < 10);
	return (int)((v >> 4) * 10 + (v & 0xf));
}

static time_t
guest_time(struct world *w)
{
	struct tm t = {
		.tm_sec = bcd(get(w, 0)), .tm_min = bcd(get(w, 2)),
		.tm_hour = bcd(get(w, 4)), .tm_mday = bcd(get(w, 7)),
		.tm_mon = bcd(get(w, 8)) - 1,
		.tm_year = bcd(get(w, 0x32)) * 100 + bcd(get(w, 9)) - 1900,
	};

	return timegm(&t);
}

/* The guest's clock is 'ahead' seconds of ours, give or take the reading. */
static void
assert_ahead(struct world *w, time_t ahead)
{
	time_t t = guest_time(w) - ahead - time(NULL);

	/* Read over the turn of a minute it may be one off: again. */
	if (t < -1 || t > 1)
		t = guest_time(w) - ahead - time(NULL);
	assert_in_range(t + 1, 0, 2);
}

static void
read_time(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 64 << 20);
	assert_int_equal(get(&w, 10) & 0x80, 0);	/* no update */
	assert_int_equal(get(&w, 13), 0x80);
	assert_ahead(&w, 0);
	end(&w);
}

/* 2012-02-03 16:05:06, in the four ways of writing it. */
static void
set_time(void **state)
{
	static const struct {
		unsigned b, hour, year, century;
	} ways[] = {
		{ 0x02, 0x16, 0x12, 0x20 },	/* decimal, 24 hours */
		{ 0x00, 0x84, 0x12, 0x20 },
		{ 0x06, 16, 12, 20 },		/* binary */
		{ 0x04, 0x84, 12, 20 },
	};
	struct tm t = { .tm_year = 112, .tm_mon = 1, .tm_mday = 3,
	    .tm_hour = 16, .tm_min = 5, .tm_sec = 6 };
	struct world w;

	(void)state;
	for (unsigned i = 0; i < COUNT(ways); i++) {
		begin(&w, 64 << 20);
		set(&w, 11, 0x80 | ways[i].b);
		set(&w, 0, 6);
		set(&w, 2, 5);
		set(&w, 4, ways[i].hour);
		set(&w, 7, 3);
		set(&w, 8, 2);
		set(&w, 9, ways[i].year);
		set(&w, 0x32, ways[i].century);
		assert_int_equal(get(&w, 0), 6);	/* it stands still */
		set(&w, 11, ways[i].b);
		assert_int_equal(get(&w, 4), ways[i].hour);
		set(&w, 11, 0x02);
		assert_ahead(&w, timegm(&t) - time(NULL));
		end(&w);
	}
}

/* Years before 1900, and the one before all that can be written. */
static void
old_years(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 64 << 20);
	set(&w, 11, 0x82);
	set(&w, 7, 1);
	set(&w, 8, 1);
	set(&w, 9, 0x06);
	set(&w, 0x32, 0x00);
	set(&w, 11, 0x02);
	assert_int_equal(get(&w, 9), 0x06);
	assert_int_equal(get(&w, 0x32), 0);
	set(&w, 11, 0x82);
	set(&w, 8, 0);
	set(&w, 9, 0);
	set(&w, 11, 0x02);
	assert_int_equal(get(&w, 8), 0x12);
	assert_int_equal(get(&w, 9), 0);
	assert_int_equal(get(&w, 0x32), 0);
	end(&w);
}

static void
memory_size(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 64 << 20);
	assert_int_equal(get(&w, 0x15) | get(&w, 0x16) << 8, 639);
	assert_int_equal(get(&w, 0x17) | get(&w, 0x18) << 8, 64512);
	assert_int_equal(get(&w, 0x34) | get(&w, 0x35) << 8, 48 * 16);
	end(&w);
	begin(&w, 5ULL << 30);
	assert_int_equal(get(&w, 0x17) | get(&w, 0x18) << 8, 0xffff);
	assert_int_equal(get(&w, 0x34) | get(&w, 0x35) << 8, 0xbf00);
	assert_int_equal(get(&w, 0x5b) | get(&w, 0x5c) << 8 |
	    get(&w, 0x5d) << 16, 0x8000);
	end(&w);
}

/* The clock of a restored VM goes on with the host's. */
static void
saved(void **state)
{
	struct world w, v;
	json_t *s;

	(void)state;
	begin(&w, 64 << 20);
	set(&w, 0x40, 0x99);
	set(&w, 9, 0x01);
	set(&w, 0x32, 0x21);
	s = rtc_save(w.rtc);
	assert_non_null(s);
	begin(&v, 64 << 20);
	assert_int_equal(rtc_load(v.rtc, s, NULL), 0);
	assert_int_equal(get(&v, 0x40), 0x99);
	assert_ahead(&v, guest_time(&w) - time(NULL));
	assert_int_equal(json_object_set_new(s, "ram", json_string("12")), 0);
	assert_int_equal(rtc_load(v.rtc, s, NULL), -1);
	end(&v);
	end(&w);
	json_decref(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_time),
		cmocka_unit_test(set_time),
		cmocka_unit_test(old_years),
		cmocka_unit_test(memory_size),
		cmocka_unit_test(saved),
	};

	return unit_run("vmm_rtc", tests);
}
