/* SPDX-License-Identifier: ISC */
/*
 * pl011.c - the serial port of an arm64 machine; see pl011.h
 *
 * A transmitter that sends at once: the interrupt that tells of room comes
 * with each byte.  The one that tells of received bytes comes with the first
 * of them, as the timeout of the receiver does.
 *
 * Process: vmm.  Sandbox, Needs: as wire.c.
 * Source: Arm PrimeCell UART (PL011), DDI 0183, chapter 3.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/pl011.h"
#include "vmm/dev/wire.h"

#define LEN		0x1000

enum {
	REG_DR = 0x00, REG_RSR = 0x04, REG_FR = 0x18, REG_ILPR = 0x20,
	REG_IBRD = 0x24, REG_FBRD = 0x28, REG_LCR_H = 0x2c, REG_CR = 0x30,
	REG_IFLS = 0x34, REG_IMSC = 0x38, REG_RIS = 0x3c, REG_MIS = 0x40,
	REG_ICR = 0x44, REG_DMACR = 0x48, REG_ID = 0xfe0,
};

#define FR_UP		0x07		/* CTS, DSR, DCD */
#define FR_RX_EMPTY	0x10
#define FR_TX_FULL	0x20
#define FR_RX_FULL	0x40
#define FR_TX_EMPTY	0x80
#define CR_LOOP		0x80
#define CR_RESET	0x300		/* transmitter and receiver are on */
#define IFLS_RESET	0x12
#define INT_RX		0x10
#define INT_TX		0x20
#define INT_TIMEOUT	0x40
#define INT_BREAK	0x200
#define DR_BREAK	0x400
#define INT_MASK	0x7ff

struct pl011 {
	struct pl011_setup	 setup;
	struct wire		*wire;
	bool			 plugged;	/* into the bus */

	/* Under the board's lock. */
	uint32_t		 ilpr, ibrd, fbrd, lcr, cr, ifls, imsc, dmacr;
	bool			 tx_irq;	/* there is room, and it was
						   not acknowledged */
	bool			 break_byte;	/* is the next to receive */
	bool			 break_irq;	/* not acknowledged yet */
	bool			 level;		/* of the interrupt line */
};

/* The registers that only keep what is written, and how much of it. */
static const struct kept {
	const char	*name;
	unsigned	 reg;
	size_t		 offset;
	uint32_t	 mask;
} kept[] = {
	{ "ilpr", REG_ILPR, offsetof(struct pl011, ilpr), 0xff },
	{ "ibrd", REG_IBRD, offsetof(struct pl011, ibrd), 0xffff },
	{ "fbrd", REG_FBRD, offsetof(struct pl011, fbrd), 0x3f },
	{ "lcr", REG_LCR_H, offsetof(struct pl011, lcr), 0xff },
	{ "cr", REG_CR, offsetof(struct pl011, cr), 0xff87 },
	{ "ifls", REG_IFLS, offsetof(struct pl011, ifls), 0x3f },
	{ "imsc", REG_IMSC, offsetof(struct pl011, imsc), INT_MASK },
	{ "dmacr", REG_DMACR, offsetof(struct pl011, dmacr), 0x7 },
};

static uint32_t *
kept_at(struct pl011 *u, const struct kept *k)
{
	return (uint32_t *)((uint8_t *)u + k->offset);
}

static const struct kept *
find_kept(uint64_t reg)
{
	for (unsigned i = 0; i < COUNT(kept); i++)
		if (kept[i].reg == reg)
			return &kept[i];
	return NULL;
}

/* --- interrupt ----------------------------------------------------------- */

static bool
is_ready(const struct pl011 *u)
{
	return u->break_byte || wire_waiting(u->wire) > 0;
}

static uint32_t
raw(const struct pl011 *u)
{
	return (is_ready(u) ? INT_RX | INT_TIMEOUT : 0) |
	    (u->tx_irq ? INT_TX : 0) | (u->break_irq ? INT_BREAK : 0);
}

static void
update_irq(struct pl011 *u)
{
	bool level = (raw(u) & u->imsc) != 0;

	if (level == u->level)
		return;
	u->level = level;
	board_irq(u->setup.board, u->setup.gsi, level);
}

/* Of the wire. */
static void
changed(void *arg, bool room)
{
	struct pl011 *u = arg;

	u->tx_irq |= room;
	update_irq(u);
}

/* --- registers ----------------------------------------------------------- */

static uint32_t
flags(const struct pl011 *u)
{
	unsigned n = wire_waiting(u->wire);

	return FR_UP | (is_ready(u) ? 0 : FR_RX_EMPTY) |
	    (n == WIRE_IN_MAX ? FR_RX_FULL : 0) |
	    (wire_room(u->wire) ? FR_TX_EMPTY : FR_TX_FULL);
}

/* A byte and what is wrong with it. */
static uint32_t
read_data(struct pl011 *u)
{
	uint32_t ret = u->break_byte ? DR_BREAK : wire_receive(u->wire);

	u->break_byte = false;
	update_irq(u);
	return ret;
}

static uint64_t
pl011_read(void *arg, uint64_t offset, unsigned len)
{
	static const uint8_t id[] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0,
	    0x05, 0xb1 };
	struct pl011 *u = arg;
	const struct kept *k = find_kept(offset);

	(void)len;			/* a register is a word */
	if (k != NULL)
		return *kept_at(u, k);
	if (offset >= REG_ID && offset % 4 == 0)
		return id[(offset - REG_ID) / 4];
	switch (offset) {
	case REG_DR:
		return read_data(u);
	case REG_FR:
		return flags(u);
	case REG_RIS:
		return raw(u);
	case REG_MIS:
		return raw(u) & u->imsc;
	}
	return 0;
}

static void
write_data(struct pl011 *u, uint8_t byte)
{
	if ((u->cr & CR_LOOP) != 0)
		wire_loop(u->wire, byte);
	else
		wire_send(u->wire, byte);
	u->tx_irq = wire_room(u->wire);
}

static void
pl011_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct pl011 *u = arg;
	const struct kept *k = find_kept(offset);

	(void)len;
	if (k != NULL)
		*kept_at(u, k) = (uint32_t)value & k->mask;
	else if (offset == REG_DR)
		write_data(u, (uint8_t)value);
	else if (offset == REG_ICR) {
		u->tx_irq = u->tx_irq && (value & INT_TX) == 0;
		u->break_irq = u->break_irq && (value & INT_BREAK) == 0;
	}
	update_irq(u);
}

static const struct bus_ops pl011_ops = {
	.name	= "serial port",
	.read	= pl011_read,
	.write	= pl011_write,
};

/* --- life ---------------------------------------------------------------- */

static void
power_on(struct pl011 *u)
{
	for (unsigned i = 0; i < COUNT(kept); i++)
		*kept_at(u, &kept[i]) = 0;
	u->cr = CR_RESET;
	u->ifls = IFLS_RESET;
	u->tx_irq = u->break_byte = u->break_irq = false;
}

int
pl011_new(struct pl011 **ret, const struct pl011_setup *s, int stream,
    struct err *e)
{
	own_fd int fd = stream;
	OWN(pl011_destroy) struct pl011 *u = calloc(1, sizeof(*u));
	struct wire_setup w = { s->board, changed, u };
	struct bus_range r = { s->addr, LEN, &pl011_ops, u };

	if (u == NULL)
		return err_sys(e, "serial port");
	u->setup = *s;
	power_on(u);
	if (wire_new(&u->wire, &w, take_fd(&fd), e) == -1 ||
	    bus_add(&s->board->mmio, &r, e) == -1)
		return -1;
	u->plugged = true;
	*ret = take(&u);
	return 0;
}

void
pl011_destroy(struct pl011 *u)
{
	if (u == NULL)
		return;
	if (u->plugged)
		bus_remove(&u->setup.board->mmio, u->setup.addr);
	wire_destroy(u->wire);
	free(u);
}

void
pl011_reset(struct pl011 *u)
{
	(void)wire_flush(u->wire);
	power_on(u);
	update_irq(u);
}

void
pl011_break(struct pl011 *u)
{
	u->break_byte = u->break_irq = true;
	update_irq(u);
}

/* --- state --------------------------------------------------------------- */

json_t *
pl011_save(struct pl011 *u)
{
	own_json json_t *o = json_object();

	if (wire_save(u->wire, o, NULL) == -1 ||
	    json_object_set_new(o, "tx_irq", json_boolean(u->tx_irq)) ==
	    -1 || json_object_set_new(o, "break_byte",
	    json_boolean(u->break_byte)) == -1 || json_object_set_new(o,
	    "break_irq", json_boolean(u->break_irq)) == -1)
		return NULL;
	for (unsigned i = 0; i < COUNT(kept); i++)
		if (json_object_set_new(o, kept[i].name,
		    json_integer(*kept_at(u, &kept[i]))) == -1)
			return NULL;
	return take(&o);
}

int
pl011_load(struct pl011 *u, const json_t *o, struct err *e)
{
	uint64_t value;

	for (unsigned i = 0; i < COUNT(kept); i++) {
		if (json_get_u64(&value, o, kept[i].name, 0, kept[i].mask,
		    e) != 1)
			return err_prefix(e, "serial port");
		*kept_at(u, &kept[i]) = (uint32_t)value;
	}
	if (json_get_bool(&u->tx_irq, o, "tx_irq", e) == -1 ||
	    json_get_bool(&u->break_byte, o, "break_byte", e) == -1 ||
	    json_get_bool(&u->break_irq, o, "break_irq", e) == -1 ||
	    wire_load(u->wire, o, e) == -1)
		return err_prefix(e, "serial port");
	/* The interrupt controller has a state of its own, the line is new. */
	u->level = false;
	update_irq(u);
	return 0;
}
