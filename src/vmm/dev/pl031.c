/* SPDX-License-Identifier: ISC */
/*
 * pl031.c - the real-time clock of an arm64 machine; see pl031.h
 *
 * Process: vmm.  Sandbox: clock_gettime(2).  Needs: nothing.
 * Source: Arm PrimeCell Real Time Clock (PL031), DDI 0224, chapter 3.
 */

#include <stdlib.h>
#include <time.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/pl031.h"

#define LEN		0x1000

enum {
	REG_DR = 0x00, REG_MR = 0x04, REG_LR = 0x08, REG_CR = 0x0c,
	REG_IMSC = 0x10, REG_ID = 0xfe0,
};

struct pl031 {
	struct board	*board;
	uint64_t	 addr;
	uint32_t	 offset;	/* seconds ahead of the host */
	uint32_t	 match, load, mask;
};

static uint32_t
now(void)
{
	return (uint32_t)time(NULL);
}

static uint64_t
pl031_read(void *arg, uint64_t offset, unsigned len)
{
	static const uint8_t id[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0,
	    0x05, 0xb1 };
	const struct pl031 *r = arg;

	(void)len;			/* a register is a word */
	if (offset >= REG_ID && offset % 4 == 0)
		return id[(offset - REG_ID) / 4];
	switch (offset) {
	case REG_DR:
		return now() + r->offset;
	case REG_MR:
		return r->match;
	case REG_LR:
		return r->load;
	case REG_CR:
		return 1;		/* it runs, always */
	case REG_IMSC:
		return r->mask;
	}
	return 0;
}

static void
pl031_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct pl031 *r = arg;

	(void)len;
	switch (offset) {
	case REG_MR:
		r->match = (uint32_t)value;
		break;
	case REG_LR:
		r->load = (uint32_t)value;
		r->offset = r->load - now();
		break;
	case REG_IMSC:
		r->mask = (uint32_t)value & 1;
		break;
	}
}

static const struct bus_ops pl031_ops = {
	.name	= "clock",
	.read	= pl031_read,
	.write	= pl031_write,
};

int
pl031_new(struct pl031 **ret, struct board *board, uint64_t addr,
    struct err *e)
{
	own_mem struct pl031 *r = calloc(1, sizeof(*r));
	struct bus_range range = { addr, LEN, &pl031_ops, r };

	if (r == NULL)
		return err_sys(e, "clock");
	r->board = board;
	r->addr = addr;
	if (bus_add(&board->mmio, &range, e) == -1)
		return -1;
	*ret = take(&r);
	return 0;
}

void
pl031_destroy(struct pl031 *r)
{
	if (r == NULL)
		return;
	bus_remove(&r->board->mmio, r->addr);
	free(r);
}

json_t *
pl031_save(const struct pl031 *r)
{
	return json_pack("{s:I,s:I,s:I,s:I}", "offset",
	    (json_int_t)r->offset, "match", (json_int_t)r->match, "load",
	    (json_int_t)r->load, "mask", (json_int_t)r->mask);
}

int
pl031_load(struct pl031 *r, const json_t *o, struct err *e)
{
	const struct {
		const char	*name;
		uint32_t	*at;
	} words[] = {
		{ "offset", &r->offset }, { "match", &r->match },
		{ "load", &r->load }, { "mask", &r->mask },
	};
	uint64_t value;

	for (unsigned i = 0; i < COUNT(words); i++) {
		if (json_get_u64(&value, o, words[i].name, 0, UINT32_MAX,
		    e) != 1)
			return err_prefix(e, "clock");
		*words[i].at = (uint32_t)value;
	}
	return 0;
}
