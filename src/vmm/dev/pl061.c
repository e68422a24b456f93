/* SPDX-License-Identifier: ISC */
/*
 * pl061.c - eight inputs of an arm64 machine; see pl061.h
 *
 * A driver of buttons looks at the input some milliseconds after the edge:
 * the button stays down for longer.
 *
 * Process: vmm.  Sandbox: a timer.  Needs: nothing.
 * Source: Arm PrimeCell GPIO (PL061), DDI 0190, chapter 3.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/dev/pl061.h"

#define LEN		0x1000
#define PRESS_US	100000

enum {
	DATA_END = 0x400,	/* addresses are masks until here */
	REG_DIR = 0x400, REG_IS = 0x404, REG_IBE = 0x408, REG_IEV = 0x40c,
	REG_IE = 0x410, REG_RIS = 0x414, REG_MIS = 0x418, REG_IC = 0x41c,
	REG_AFSEL = 0x420, REG_ID = 0xfe0,
};

struct pl061 {
	struct pl061_setup	 setup;
	struct event_timer	 release;
	bool			 plugged;	/* into the bus */

	/* Under the board's lock; a bit an input. */
	uint8_t			 in;		/* what is high */
	uint8_t			 out;		/* what the guest wrote */
	uint8_t			 dir, is, ibe, iev, ie, afsel;
	uint8_t			 edges;		/* that were seen */
	bool			 level;		/* of the interrupt line */
};

static const struct kept {
	const char	*name;
	unsigned	 reg;
	size_t		 offset;
} kept[] = {
	{ "dir", REG_DIR, offsetof(struct pl061, dir) },
	{ "is", REG_IS, offsetof(struct pl061, is) },
	{ "ibe", REG_IBE, offsetof(struct pl061, ibe) },
	{ "iev", REG_IEV, offsetof(struct pl061, iev) },
	{ "ie", REG_IE, offsetof(struct pl061, ie) },
	{ "afsel", REG_AFSEL, offsetof(struct pl061, afsel) },
	/* Only in the state. */
	{ "in", UINT_MAX, offsetof(struct pl061, in) },
	{ "out", UINT_MAX, offsetof(struct pl061, out) },
	{ "edges", UINT_MAX, offsetof(struct pl061, edges) },
};

static uint8_t *
kept_at(struct pl061 *g, const struct kept *k)
{
	return (uint8_t *)g + k->offset;
}

static const struct kept *
find_kept(uint64_t reg)
{
	for (unsigned i = 0; i < COUNT(kept); i++)
		if (kept[i].reg == reg)
			return &kept[i];
	return NULL;
}

/* Inputs that interrupt by their level, and those that have by an edge. */
static uint8_t
raw(const struct pl061 *g)
{
	uint8_t levels = g->is & (uint8_t)~(g->in ^ g->iev);

	return levels | (g->edges & (uint8_t)~g->is);
}

static void
update_irq(struct pl061 *g)
{
	bool level = (raw(g) & g->ie) != 0;

	if (level == g->level)
		return;
	g->level = level;
	board_irq(g->setup.board, g->setup.gsi, level);
}

static void
set_input(struct pl061 *g, unsigned n, bool high)
{
	uint8_t bit = (uint8_t)(1U << n);

	if (((g->in & bit) != 0) == high)
		return;
	g->in ^= bit;
	if ((g->ibe & bit) != 0 || ((g->iev & bit) != 0) == high)
		g->edges |= bit;
	update_irq(g);
}

static void
release(void *arg)
{
	struct pl061 *g = arg;

	board_lock(g->setup.board);
	set_input(g, PL061_BUTTON, false);
	board_unlock(g->setup.board);
}

void
pl061_press(struct pl061 *g)
{
	set_input(g, PL061_BUTTON, true);
	event_timer_set(&g->release, PRESS_US);
}

/* --- registers ----------------------------------------------------------- */

static uint64_t
pl061_read(void *arg, uint64_t offset, unsigned len)
{
	static const uint8_t id[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0,
	    0x05, 0xb1 };
	struct pl061 *g = arg;
	const struct kept *k = find_kept(offset);

	(void)len;			/* a register is a word */
	if (offset < DATA_END)
		return ((g->in & (uint8_t)~g->dir) | (g->out & g->dir)) &
		    offset >> 2;
	if (k != NULL)
		return *kept_at(g, k);
	if (offset >= REG_ID && offset % 4 == 0)
		return id[(offset - REG_ID) / 4];
	if (offset == REG_RIS)
		return raw(g);
	return offset == REG_MIS ? raw(g) & g->ie : 0;
}

static void
pl061_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct pl061 *g = arg;
	const struct kept *k = find_kept(offset);
	uint8_t byte = (uint8_t)value, mask = (uint8_t)(offset >> 2);

	(void)len;
	if (offset < DATA_END)
		g->out = (uint8_t)((g->out & ~mask) | (byte & mask));
	else if (k != NULL)
		*kept_at(g, k) = byte;
	else if (offset == REG_IC)
		g->edges &= (uint8_t)~byte;
	update_irq(g);
}

static const struct bus_ops pl061_ops = {
	.name	= "GPIO",
	.read	= pl061_read,
	.write	= pl061_write,
};

/* --- life ---------------------------------------------------------------- */

int
pl061_new(struct pl061 **ret, const struct pl061_setup *s, struct err *e)
{
	OWN(pl061_destroy) struct pl061 *g = calloc(1, sizeof(*g));
	struct bus_range r = { s->addr, LEN, &pl061_ops, g };

	if (g == NULL)
		return err_sys(e, "GPIO");
	g->setup = *s;
	event_timer_init(&g->release, s->board->loop, release, g);
	if (bus_add(&s->board->mmio, &r, e) == -1)
		return -1;
	g->plugged = true;
	*ret = take(&g);
	return 0;
}

void
pl061_destroy(struct pl061 *g)
{
	if (g == NULL)
		return;
	event_timer_clear(&g->release);
	if (g->plugged)
		bus_remove(&g->setup.board->mmio, g->setup.addr);
	free(g);
}

void
pl061_reset(struct pl061 *g)
{
	for (unsigned i = 0; i < COUNT(kept); i++)
		*kept_at(g, &kept[i]) = 0;
	update_irq(g);
}

/* --- state --------------------------------------------------------------- */

json_t *
pl061_save(const struct pl061 *g)
{
	own_json json_t *o = json_object();

	for (unsigned i = 0; i < COUNT(kept); i++)
		if (json_object_set_new(o, kept[i].name, json_integer(
		    *((const uint8_t *)g + kept[i].offset))) == -1)
			return NULL;
	return take(&o);
}

int
pl061_load(struct pl061 *g, const json_t *o, struct err *e)
{
	uint64_t value;

	for (unsigned i = 0; i < COUNT(kept); i++) {
		if (json_get_u64(&value, o, kept[i].name, 0, UINT8_MAX, e) !=
		    1)
			return err_prefix(e, "GPIO");
		*kept_at(g, &kept[i]) = (uint8_t)value;
	}
	g->level = false;
	set_input(g, PL061_BUTTON, false);
	update_irq(g);
	return 0;
}
