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
	unsigned	 woken;
};

static void
woken(void *arg)
{
	((struct world *)arg)->woken++;
}

static void
begin(struct world *w, uint64_t memory)
{
	struct rtc_setup s = { &w->k.board, memory, woken, w };

	kit_init(&w->k);
	w->woken = 0;
	assert_int_equal(rtc_new(&w->rtc, &s, NULL), 0);
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

/* --- interrupts ----------------------------------------------------------- */

/* The main thread's: woken, then its loop until the line is up. */
static void
wait_irq(struct world *w)
{
	assert_true(w->woken > 0);
	rtc_turn(w->rtc);
	while (w->k.vm.level[RTC_GSI] == 0)
		(void)event_loop_turn(w->k.board.loop, -1);
}

/* Without interrupts the flags come all the same, when they are looked at. */
static void
flags(void **state)
{
	struct world w;
	unsigned c = 0;

	(void)state;
	begin(&w, 64 << 20);
	set(&w, 1, 0xff);
	set(&w, 3, 0xff);
	set(&w, 5, 0xff);
	while ((c & 0x70) != 0x70)
		c |= get(&w, 12);
	assert_int_equal(c, 0x70);
	assert_int_equal(w.k.vm.level[RTC_GSI], 0);
	assert_int_equal(w.woken, 0);
	/* No rate, or no divider: no periods. */
	set(&w, 10, 0x20);
	(void)get(&w, 12);
	while ((c = get(&w, 12)) == 0)
		continue;
	assert_int_equal(c, 0x30);
	set(&w, 10, 0x76);
	(void)get(&w, 12);
	assert_int_equal(get(&w, 12), 0);
	/* That the time is in an update cannot be said by a guest. */
	set(&w, 10, 0xa6);
	assert_int_equal(get(&w, 10), 0x26);
	end(&w);
}

/* Each of the three is told by register C, which ends it. */
static void
interrupts(void **state)
{
	static const unsigned kinds[] = { 0x40, 0x20, 0x10 };
	struct world w;
	unsigned c;

	(void)state;
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		begin(&w, 64 << 20);
		set(&w, 1, 0xc0);
		set(&w, 3, 0xff);
		set(&w, 5, 0xff);
		set(&w, 10, 0x2f);		/* twice a second */
		set(&w, 11, 0x02 | kinds[i]);
		for (unsigned n = 0; n < (i == 0 ? 2 : 1); n++) {
			wait_irq(&w);
			c = get(&w, 12);
			assert_int_equal(c & (0x80 | kinds[i]),
			    0x80 | kinds[i]);
			assert_int_equal(w.k.vm.level[RTC_GSI], 0);
			assert_int_equal(get(&w, 12) & 0x80, 0);
		}
		/* One that is not wanted any more is none. */
		wait_irq(&w);
		set(&w, 11, 0x02);
		assert_int_equal(w.k.vm.level[RTC_GSI], 0);
		set(&w, 11, 0x02 | kinds[i]);
		assert_int_equal(w.k.vm.level[RTC_GSI], 1);
		rtc_reset(w.rtc);
		assert_int_equal(w.k.vm.level[RTC_GSI], 0);
		assert_int_equal(get(&w, 11), 0x02);
		end(&w);
	}
}

/* While the time is set nothing updates it. */
static void
stands_still(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 64 << 20);
	set(&w, 1, 0xff);
	set(&w, 3, 0xff);
	set(&w, 5, 0xff);
	set(&w, 11, 0x80 | 0x70 | 0x02);
	assert_int_equal(get(&w, 11), 0x80 | 0x60 | 0x02);
	(void)get(&w, 12);
	set(&w, 10, 0x2f);
	for (unsigned n = 0; n < 3; n++) {
		wait_irq(&w);
		assert_int_equal(get(&w, 12), 0xc0);
	}
	end(&w);
}

/* The state of a clock that was looked at 'ago' seconds before. */
static json_t *
state_of(struct world *w, int64_t ago)
{
	json_t *s = rtc_save(w->rtc);

	assert_non_null(s);
	assert_int_equal(json_object_set_new(s, "seen_s", json_integer(
	    json_integer_value(json_object_get(s, "seen_s")) - ago)), 0);
	return s;
}

static unsigned
written(unsigned b, int n)
{
	return (unsigned)((b & 4) != 0 ? n : n / 10 << 4 | n % 10);
}

/*
 * A VM that was asleep from two hours ago on: it is told of the alarm of one
 * hour ago, not of one three hours ago; in all ways of writing the time.
 */
static void
alarm_passed(void **state)
{
	static const unsigned ways[] = { 0x02, 0x00, 0x06, 0x04 };

	(void)state;
	for (unsigned i = 0; i < COUNT(ways) * 2; i++) {
		unsigned b = ways[i / 2], hour;
		time_t at = time(NULL) - (i % 2 == 0 ? 3600 : 3 * 3600);
		struct world w, v;
		struct tm t;
		json_t *s;

		gmtime_r(&at, &t);
		hour = written(b, (b & 2) != 0 ? t.tm_hour :
		    (t.tm_hour + 11) % 12 + 1);
		if ((b & 2) == 0 && t.tm_hour >= 12)
			hour |= 0x80;
		begin(&w, 64 << 20);
		set(&w, 11, b | 0x20);
		set(&w, 1, written(b, t.tm_sec));
		set(&w, 3, written(b, t.tm_min));
		set(&w, 5, hour);
		(void)get(&w, 12);
		s = state_of(&w, 2 * 3600);
		begin(&v, 64 << 20);
		assert_int_equal(rtc_load(v.rtc, s, NULL), 0);
		assert_int_equal(v.woken, 1);
		rtc_turn(v.rtc);
		assert_int_equal(v.k.vm.level[RTC_GSI], i % 2 == 0);
		assert_int_equal(get(&v, 12) & 0xa0, i % 2 == 0 ? 0xa0 : 0);
		end(&v);
		end(&w);
		json_decref(s);
	}
}

/* Alarms of no time never come; times beyond all years are refused. */
static void
lies(void **state)
{
	static const unsigned regs[] = { 1, 3, 5 };
	struct world w;
	json_t *s;

	(void)state;
	begin(&w, 64 << 20);
	set(&w, 11, 0x22);
	for (unsigned i = 0; i < COUNT(regs); i++) {
		for (unsigned k = 0; k < COUNT(regs); k++)
			set(&w, regs[k], k == i ? 0x7f : 0xff);
		s = state_of(&w, 1000000000);
		assert_int_equal(rtc_load(w.rtc, s, NULL), 0);
		rtc_turn(w.rtc);
		assert_int_equal(get(&w, 12) & 0x20, 0);
		json_decref(s);
	}
	s = state_of(&w, -1000000000);
	assert_int_equal(rtc_load(w.rtc, s, NULL), 0);
	rtc_turn(w.rtc);
	assert_int_equal(w.k.vm.level[RTC_GSI], 0);
	json_object_set_new(s, "offset_s", json_integer(INT64_MAX));
	assert_int_equal(rtc_load(w.rtc, s, NULL), -1);
	json_object_set_new(s, "offset_s", json_integer(0));
	json_object_set_new(s, "seen_s", json_integer(INT64_MIN));
	assert_int_equal(rtc_load(w.rtc, s, NULL), -1);
	/* States that know nothing of it. */
	json_object_del(s, "seen_s");
	json_object_del(s, "seen_us");
	assert_int_equal(rtc_load(w.rtc, s, NULL), 0);
	json_decref(s);
	end(&w);
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
		cmocka_unit_test(flags),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(stands_still),
		cmocka_unit_test(alarm_passed),
		cmocka_unit_test(lies),
	};

	return unit_run("vmm_rtc", tests);
}
