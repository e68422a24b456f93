/* SPDX-License-Identifier: ISC */
/*
 * rtc.c - the PC's real-time clock and its memory: an MC146818
 *
 * An update never is in progress: the time is worked out when it is read.
 * Who polls the flag does not wait, and a guest that waits for it to rise
 * gives up.
 *
 * The flags of register C are worked out, too, from the moment up to which
 * that was done: no timer runs while no interrupt is wanted.  Timers belong
 * to the main thread, so that a vCPU's thread, which changes what is wanted,
 * wakes it.
 *
 * Process: vmm.  Sandbox: clock_gettime(2).  Needs: nothing.
 * Source: Motorola MC146818A data sheet; IBM PC AT for ports and memory.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/json.h"
#include "lib/util.h"
#include "os/event.h"
#include "vmm/board.h"
#include "vmm/dev/rtc.h"
#include "vmm/memory.h"

#define RTC_PORT	0x70		/* index, data */
#define BYTES		128

enum {
	SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY = 7, MONTH = 8,
	YEAR = 9, REG_A = 10, REG_B = 11, REG_C = 12, REG_D = 13,
	ALARM = 1,		/* of SECONDS, MINUTES, HOURS: the next one */
	BASE_KIB = 0x15,	/* below 1 MiB */
	EXTENDED_KIB = 0x17,	/* above it, at most 64 MiB */
	EXTENDED_KIB_2 = 0x30,
	CENTURY = RTC_CENTURY,
	HIGH_64KIB = 0x34,	/* above 16 MiB, below 4 GiB */
	OVER_64KIB = 0x5b,	/* above 4 GiB, three bytes */
};

#define A_32KHZ		0x26		/* divider on, 1024 Hz */
#define A_UPDATING	0x80
#define A_DIVIDER	0x70
#define A_DIVIDER_ON	0x20
#define A_RATE		0x0f
#define B_SET		0x80		/* the time stands still, to be set */
#define B_PERIODIC	0x40		/* interrupts that are wanted, */
#define B_ALARM		0x20		/* at the bits of C's flags */
#define B_UPDATE	0x10
#define B_WANTED	(B_PERIODIC | B_ALARM | B_UPDATE)
#define B_SQUARE_WAVE	0x08
#define B_BINARY	0x04		/* else decimal digits */
#define B_24H		0x02
#define C_IRQ		0x80		/* one of them came */
#define D_VALID		0x80
#define PM		0x80		/* of HOURS with 12 of them */
#define ALARM_ANY	0xc0		/* every second, minute or hour */

#define DAY_S		86400
#define OFFSET_MAX	(1LL << 40)	/* seconds; any year of 5 digits */
#define WAIT_MAX_US	60000000	/* the host's time may be set */

/* Of the guest's time. */
struct moment {
	int64_t		 s;
	uint32_t	 us;		/* of that second */
};

struct rtc {
	struct rtc_setup setup;
	struct event_timer timer;	/* the main thread's */
	struct moment	 seen;		/* C's flags are right up to it */
	bool		 level;		/* of the interrupt line */
	int64_t		 offset;	/* seconds ahead of the host */
	uint8_t		 index;
	uint8_t		 ram[BYTES];	/* time of B_SET, flags, memory */
};

static uint8_t
encode(const struct rtc *r, int n)
{
	if ((r->ram[REG_B] & B_BINARY) != 0)
		return (uint8_t)n;
	return (uint8_t)(n / 10 << 4 | n % 10);
}

static int
decode(const struct rtc *r, uint8_t v)
{
	if ((r->ram[REG_B] & B_BINARY) != 0)
		return v;
	return (v >> 4) * 10 + (v & 0xf);
}

static uint8_t
encode_hour(const struct rtc *r, int hour)
{
	if ((r->ram[REG_B] & B_24H) != 0)
		return encode(r, hour);
	return (uint8_t)(encode(r, (hour + 11) % 12 + 1) |
	    (hour >= 12 ? PM : 0));
}

static int
decode_hour(const struct rtc *r, uint8_t v)
{
	if ((r->ram[REG_B] & B_24H) != 0)
		return decode(r, v);
	return decode(r, v & ~PM) % 12 + ((v & PM) != 0 ? 12 : 0);
}

/*
 * Seconds.  time(3) may be of the last tick: who reads the clock in the
 * interrupt of its update would find the second before.
 */
static time_t
host_time(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

/* Put the time that is now into the registers. */
static void
show_time(struct rtc *r)
{
	time_t now = host_time() + (time_t)r->offset;
	struct tm t;
	int year;

	if (gmtime_r(&now, &t) == NULL)
		return;
	/* A guest may have set any date, the day before the year 0 too. */
	year = t.tm_year + 1900 < 0 ? 0 : t.tm_year + 1900;
	r->ram[SECONDS] = encode(r, t.tm_sec);
	r->ram[MINUTES] = encode(r, t.tm_min);
	r->ram[HOURS] = encode_hour(r, t.tm_hour);
	r->ram[WEEKDAY] = encode(r, t.tm_wday + 1);
	r->ram[DAY] = encode(r, t.tm_mday);
	r->ram[MONTH] = encode(r, t.tm_mon + 1);
	r->ram[YEAR] = encode(r, year % 100);
	r->ram[CENTURY] = encode(r, year / 100);
}

/* Go on from the time in the registers. */
static void
take_time(struct rtc *r)
{
	struct tm t = {
		.tm_sec = decode(r, r->ram[SECONDS]),
		.tm_min = decode(r, r->ram[MINUTES]),
		.tm_hour = decode_hour(r, r->ram[HOURS]),
		.tm_mday = decode(r, r->ram[DAY]),
		.tm_mon = decode(r, r->ram[MONTH]) - 1,
		.tm_year = decode(r, r->ram[CENTURY]) * 100 +
		    decode(r, r->ram[YEAR]) - 1900,
	};

	r->offset = (int64_t)(timegm(&t) - host_time());
}

/* --- interrupts ---------------------------------------------------------- */

static struct moment
moment_now(const struct rtc *r)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (struct moment){ t.tv_sec + r->offset,
	    (uint32_t)(t.tv_nsec / 1000) };
}

static bool
is_before(const struct moment *a, const struct moment *b)
{
	return a->s != b->s ? a->s < b->s : a->us < b->us;
}

static bool
has_updates(const struct rtc *r)
{
	return (r->ram[REG_B] & B_SET) == 0 &&
	    (r->ram[REG_A] & A_DIVIDER) == A_DIVIDER_ON;
}

/* Of the periodic flag, a second; 0: never. */
static uint32_t
rate_of(const struct rtc *r)
{
	unsigned rate = r->ram[REG_A] & A_RATE;

	if (rate == 0 || (r->ram[REG_A] & A_DIVIDER) != A_DIVIDER_ON)
		return 0;
	/* The two fastest are those of the slower oscillators. */
	return rate <= 2 ? 512U >> rate : 65536U >> rate;
}

/* Periods of a second that are over. */
static uint32_t
periods(const struct moment *m, uint32_t rate)
{
	return (uint32_t)((uint64_t)m->us * rate / 1000000);
}

static bool
alarm_is(const struct rtc *r, unsigned reg, uint8_t value)
{
	uint8_t alarm = r->ram[reg + ALARM];

	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == value;
}

static bool
alarm_has_second(const struct rtc *r)
{
	for (int s = 0; s < 60; s++)
		if (alarm_is(r, SECONDS, encode(r, s)))
			return true;
	return false;
}

/* The first second after 'after' that the alarm is for; false: none is. */
static bool
next_alarm(const struct rtc *r, int64_t after, int64_t *ret)
{
	int64_t t = after + 1;

	if (!alarm_has_second(r))
		return false;
	while (t <= after + DAY_S) {
		int s = (int)((t % DAY_S + DAY_S) % DAY_S);

		if (!alarm_is(r, HOURS, encode_hour(r, s / 3600)))
			t += 3600 - s % 3600;
		else if (!alarm_is(r, MINUTES, encode(r, s / 60 % 60)))
			t += 60 - s % 60;
		else if (!alarm_is(r, SECONDS, encode(r, s % 60)))
			t++;
		else {
			*ret = t;
			return true;
		}
	}
	return false;
}

static void
update_irq(struct rtc *r)
{
	bool level = (r->ram[REG_B] & r->ram[REG_C] & B_WANTED) != 0;

	if (level == r->level)
		return;
	r->level = level;
	board_irq(r->setup.board, RTC_GSI, level);
}

/* Set the flags of what has come since that was done last. */
static void
advance(struct rtc *r)
{
	struct moment now = moment_now(r);
	uint32_t rate = rate_of(r);
	int64_t alarm;

	/* The host's time may have been set. */
	if (is_before(&now, &r->seen))
		r->seen = now;
	if (rate != 0 && (now.s != r->seen.s ||
	    periods(&now, rate) != periods(&r->seen, rate)))
		r->ram[REG_C] |= B_PERIODIC;
	if (has_updates(r) && now.s != r->seen.s) {
		r->ram[REG_C] |= B_UPDATE;
		if (next_alarm(r, r->seen.s, &alarm) && alarm <= now.s)
			r->ram[REG_C] |= B_ALARM;
	}
	r->seen = now;
	update_irq(r);
}

/* Microseconds until something comes that is wanted. */
static uint64_t
wait_us(const struct rtc *r)
{
	const struct moment *now = &r->seen;
	uint64_t wait = WAIT_MAX_US, at;
	uint8_t wanted = r->ram[REG_B];
	uint32_t rate = rate_of(r);
	int64_t alarm;

	if ((wanted & B_PERIODIC) != 0 && rate != 0) {
		at = (periods(now, rate) + 1ULL) * 1000000;
		wait = MIN(wait, (at + rate - 1) / rate - now->us);
	}
	if (!has_updates(r))
		return wait;
	if ((wanted & B_UPDATE) != 0)
		wait = MIN(wait, 1000000ULL - now->us);
	if ((wanted & B_ALARM) != 0 && next_alarm(r, now->s, &alarm))
		wait = MIN(wait, (uint64_t)(alarm - now->s) * 1000000 -
		    now->us);
	return wait;
}

void
rtc_turn(struct rtc *r)
{
	advance(r);
	if ((r->ram[REG_B] & B_WANTED) != 0)
		event_timer_set(&r->timer, wait_us(r));
	else
		event_timer_clear(&r->timer);
}

static void
on_timer(void *arg)
{
	struct rtc *r = arg;

	board_lock(r->setup.board);
	rtc_turn(r);
	board_unlock(r->setup.board);
}

/* What the timer is for may have changed. */
static void
settle(struct rtc *r)
{
	update_irq(r);
	if ((r->ram[REG_B] & B_WANTED) != 0)
		r->setup.wake(r->setup.arg);
}

/* --- registers ------------------------------------------------------------ */

static bool
is_time(unsigned reg)
{
	return reg == CENTURY || reg == WEEKDAY || reg == DAY ||
	    reg == MONTH || reg == YEAR ||
	    (reg <= HOURS && reg % 2 == 0);
}

/* To be told is to be served. */
static uint8_t
read_c(struct rtc *r)
{
	uint8_t flags;

	advance(r);
	flags = r->ram[REG_C] | (r->level ? C_IRQ : 0);
	r->ram[REG_C] = 0;
	update_irq(r);
	return flags;
}

static uint64_t
rtc_read(void *arg, uint64_t offset, unsigned len)
{
	struct rtc *r = arg;

	(void)len;
	if (offset == 0)
		return 0xff;		/* the index cannot be read */
	if (r->index == REG_C)
		return read_c(r);
	if (is_time(r->index) && (r->ram[REG_B] & B_SET) == 0)
		show_time(r);
	return r->ram[r->index];
}

static void
write_time(struct rtc *r, unsigned reg, uint8_t value)
{
	bool set = (r->ram[REG_B] & B_SET) != 0;

	if (!set)
		show_time(r);
	r->ram[reg] = value;
	if (set)
		return;
	take_time(r);
	r->seen = moment_now(r);
}

static void
write_b(struct rtc *r, uint8_t value)
{
	bool was = (r->ram[REG_B] & B_SET) != 0;
	bool is = (value & B_SET) != 0;

	if (!was && is)
		show_time(r);
	r->ram[REG_B] = is ? value & ~B_UPDATE : value;
	if (!was || is)
		return;
	take_time(r);
	r->seen = moment_now(r);
}

static void
rtc_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct rtc *r = arg;
	uint8_t byte = (uint8_t)value;

	(void)len;
	if (offset == 0) {
		r->index = byte % BYTES;	/* bit 7 masks NMIs */
		return;
	}
	/* By the rules of before. */
	advance(r);
	if (is_time(r->index))
		write_time(r, r->index, byte);
	else if (r->index == REG_B)
		write_b(r, byte);
	else if (r->index == REG_A)
		r->ram[REG_A] = byte & ~A_UPDATING;
	else if (r->index != REG_C && r->index != REG_D)
		r->ram[r->index] = byte;
	if (r->index <= REG_B || r->index == CENTURY)
		settle(r);
}

static const struct bus_ops rtc_ops = {
	.name	= "clock",
	.read	= rtc_read,
	.write	= rtc_write,
};

/* A number of units, little-endian, as much as fits. */
static void
put_size(struct rtc *r, unsigned at, unsigned len, uint64_t n)
{
	n = MIN(n, (1ULL << len * 8) - 1);
	for (unsigned i = 0; i < len; i++)
		r->ram[at + i] = (uint8_t)(n >> i * 8);
}

static void
put_memory(struct rtc *r, uint64_t bytes)
{
	uint64_t low = MIN(bytes, MEMORY_LOW_MAX), mib = 1ULL << 20;
	uint64_t above = low > mib ? low - mib : 0;

	put_size(r, BASE_KIB, 2, 639);
	put_size(r, EXTENDED_KIB, 2, above >> 10);
	put_size(r, EXTENDED_KIB_2, 2, above >> 10);
	put_size(r, HIGH_64KIB, 2, low > 16 * mib ? (low - 16 * mib) >> 16 : 0);
	put_size(r, OVER_64KIB, 3, (bytes - low) >> 16);
}

int
rtc_new(struct rtc **ret, const struct rtc_setup *setup, struct err *e)
{
	own_mem struct rtc *r = calloc(1, sizeof(*r));
	struct bus_range range = { RTC_PORT, 2, &rtc_ops, r };

	if (r == NULL)
		return err_sys(e, "clock");
	r->setup = *setup;
	r->ram[REG_A] = A_32KHZ;
	r->ram[REG_B] = B_24H;
	r->ram[REG_D] = D_VALID;
	r->seen = moment_now(r);
	put_memory(r, setup->memory);
	event_timer_init(&r->timer, setup->board->loop, on_timer, r);
	if (bus_add(&setup->board->pio, &range, e) == -1)
		return -1;
	*ret = take(&r);
	return 0;
}

void
rtc_destroy(struct rtc *r)
{
	if (r == NULL)
		return;
	event_timer_clear(&r->timer);
	bus_remove(&r->setup.board->pio, RTC_PORT);
	free(r);
}

/* The timer, if there is one, finds nothing to do. */
void
rtc_reset(struct rtc *r)
{
	r->ram[REG_B] &= (uint8_t)~(B_WANTED | B_SQUARE_WAVE);
	r->ram[REG_C] = 0;
	update_irq(r);
}

json_t *
rtc_save(const struct rtc *r)
{
	return json_pack("{s:I,s:i,s:o,s:I,s:i}", "offset_s",
	    (json_int_t)r->offset, "index", r->index,
	    "ram", json_hex(r->ram, sizeof(r->ram)),
	    "seen_s", (json_int_t)r->seen.s, "seen_us", (int)r->seen.us);
}

/* Seconds; states of before have no 'seen_s', and then nothing is due. */
static int
load_seconds(int64_t *ret, const json_t *o, const char *name, struct err *e)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v) || json_integer_value(v) > OFFSET_MAX ||
	    json_integer_value(v) < -OFFSET_MAX)
		return err_set(e, EINVAL, "clock: %s: must be a number of at "
		    "most %lld", name, OFFSET_MAX);
	*ret = json_integer_value(v);
	return 0;
}

int
rtc_load(struct rtc *r, const json_t *o, struct err *e)
{
	uint64_t index, us = 0;
	int64_t offset;

	if (load_seconds(&offset, o, "offset_s", e) == -1)
		return -1;
	if (json_get_u64(&index, o, "index", 0, BYTES - 1, e) != 1 ||
	    json_get_u64(&us, o, "seen_us", 0, 999999, e) == -1 ||
	    json_get_hex(r->ram, sizeof(r->ram), o, "ram", e) != 1)
		return err_prefix(e, "clock: ");
	r->offset = offset;
	r->index = (uint8_t)index;
	r->seen = moment_now(r);
	if (json_object_get(o, "seen_s") != NULL) {
		if (load_seconds(&r->seen.s, o, "seen_s", e) == -1)
			return -1;
		r->seen.us = (uint32_t)us;
	}
	r->ram[REG_A] &= (uint8_t)~A_UPDATING;
	r->ram[REG_C] &= B_WANTED;
	/* The interrupt chip has a state of its own, the line is new. */
	r->level = false;
	settle(r);
	return 0;
}
