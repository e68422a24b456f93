/* SPDX-License-Identifier: ISC */
/*
 * rtc.c - the PC's real-time clock and its memory: an MC146818
 *
 * An update never is in progress: the time is worked out when it is read.
 * Who polls the flag does not wait, and a guest that waits for it to rise
 * gives up.
 *
 * Process: vmm.  Sandbox: clock_gettime(2).  Needs: nothing.
 * Source: Motorola MC146818A data sheet; IBM PC AT for ports and memory.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/rtc.h"
#include "vmm/memory.h"

#define RTC_PORT	0x70		/* index, data */
#define BYTES		128

enum {
	SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY = 7, MONTH = 8,
	YEAR = 9, REG_A = 10, REG_B = 11, REG_C = 12, REG_D = 13,
	BASE_KIB = 0x15,	/* below 1 MiB */
	EXTENDED_KIB = 0x17,	/* above it, at most 64 MiB */
	EXTENDED_KIB_2 = 0x30,
	CENTURY = RTC_CENTURY,
	HIGH_64KIB = 0x34,	/* above 16 MiB, below 4 GiB */
	OVER_64KIB = 0x5b,	/* above 4 GiB, three bytes */
};

#define A_32KHZ		0x26		/* divider on, 1024 Hz */
#define B_SET		0x80		/* the time stands still, to be set */
#define B_BINARY	0x04		/* else decimal digits */
#define B_24H		0x02
#define C_NOTHING	0x00
#define D_VALID		0x80
#define PM		0x80		/* of HOURS with 12 of them */

struct rtc {
	struct board	*board;
	int64_t		 offset;	/* seconds ahead of the host */
	uint8_t		 index;
	uint8_t		 ram[BYTES];	/* time of B_SET, and the memory */
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

/* Put the time that is now into the registers. */
static void
show_time(struct rtc *r)
{
	time_t now = time(NULL) + (time_t)r->offset;
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

	r->offset = (int64_t)(timegm(&t) - time(NULL));
}

static bool
is_time(unsigned reg)
{
	return reg == CENTURY || reg == WEEKDAY || reg == DAY ||
	    reg == MONTH || reg == YEAR ||
	    (reg <= HOURS && reg % 2 == 0);
}

static uint64_t
rtc_read(void *arg, uint64_t offset, unsigned len)
{
	struct rtc *r = arg;

	(void)len;
	if (offset == 0)
		return 0xff;		/* the index cannot be read */
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
	if (!set)
		take_time(r);
}

static void
write_b(struct rtc *r, uint8_t value)
{
	bool was = (r->ram[REG_B] & B_SET) != 0;
	bool is = (value & B_SET) != 0;

	if (!was && is)
		show_time(r);
	r->ram[REG_B] = value;
	if (was && !is)
		take_time(r);
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
	if (is_time(r->index))
		write_time(r, r->index, byte);
	else if (r->index == REG_B)
		write_b(r, byte);
	else if (r->index != REG_C && r->index != REG_D)
		r->ram[r->index] = byte;
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
rtc_new(struct rtc **ret, struct board *board, uint64_t memory, struct err *e)
{
	own_mem struct rtc *r = calloc(1, sizeof(*r));
	struct bus_range range = { RTC_PORT, 2, &rtc_ops, r };

	if (r == NULL)
		return err_sys(e, "clock");
	r->board = board;
	r->ram[REG_A] = A_32KHZ;
	r->ram[REG_B] = B_24H;
	r->ram[REG_C] = C_NOTHING;
	r->ram[REG_D] = D_VALID;
	put_memory(r, memory);
	if (bus_add(&board->pio, &range, e) == -1)
		return -1;
	*ret = take(&r);
	return 0;
}

void
rtc_destroy(struct rtc *r)
{
	if (r == NULL)
		return;
	bus_remove(&r->board->pio, RTC_PORT);
	free(r);
}

json_t *
rtc_save(const struct rtc *r)
{
	return json_pack("{s:I,s:i,s:o}", "offset_s", (json_int_t)r->offset,
	    "index", r->index, "ram", json_hex(r->ram, sizeof(r->ram)));
}

int
rtc_load(struct rtc *r, const json_t *o, struct err *e)
{
	const json_t *offset = json_object_get(o, "offset_s");
	uint64_t index;

	if (!json_is_integer(offset))
		return err_set(e, EINVAL, "clock: offset_s: must be a number");
	if (json_get_u64(&index, o, "index", 0, BYTES - 1, e) != 1 ||
	    json_get_hex(r->ram, sizeof(r->ram), o, "ram", e) != 1)
		return err_prefix(e, "clock: ");
	r->offset = json_integer_value(offset);
	r->index = (uint8_t)index;
	return 0;
}
