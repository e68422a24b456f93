/* SPDX-License-Identifier: ISC */
/*
 * uart.c - the serial port COM1: a 16550A
 *
 * Process: vmm.  Sandbox, Needs: as wire.c.
 *
 * Source: Texas Instruments PC16550D data sheet, section 8.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/uart.h"
#include "vmm/dev/wire.h"

enum {
	REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR,
	REG_SCR				/* written, IIR is FCR */
};

#define IER_RX		0x01
#define IER_TX		0x02
#define IER_LINE	0x04
#define IER_MASK	0x0f
#define IIR_NONE	0x01
#define IIR_TX		0x02
#define IIR_RX		0x04
#define IIR_LINE	0x06
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define LCR_DLAB	0x80
#define MCR_LOOP	0x10
#define MCR_OUT2	0x08
#define MCR_MASK	0x1f
#define LSR_DR		0x01
#define LSR_BREAK	0x18		/* BI, and FE with it */
#define LSR_TX_EMPTY	0x60		/* holding register and shifter */
#define MSR_UP		0xb0		/* DCD, DSR, CTS */

struct uart {
	struct board	*board;
	struct wire	*wire;
	bool		 plugged;	/* into the bus */

	/* Under the board's lock. */
	uint8_t		 ier, lcr, mcr, scr, dll, dlm;
	bool		 fifo;
	bool		 tx_irq;	/* the transmitter became empty */
	bool		 break_seen;	/* BI, until LSR is read */
	bool		 break_byte;	/* its zero is the next to receive */
	bool		 level;		/* of the interrupt line */
};

/* --- interrupt ---------------------------------------------------------- */

/* Is there a byte to receive? */
static bool
is_ready(const struct uart *u)
{
	return u->break_byte || wire_waiting(u->wire) > 0;
}

/* What IIR shows, by priority. */
static uint8_t
pending(const struct uart *u)
{
	if ((u->ier & IER_LINE) != 0 && u->break_seen)
		return IIR_LINE;
	if ((u->ier & IER_RX) != 0 && is_ready(u))
		return IIR_RX;
	if ((u->ier & IER_TX) != 0 && u->tx_irq)
		return IIR_TX;
	return IIR_NONE;
}

static void
update_irq(struct uart *u)
{
	/* OUT2 gates the line of a PC's serial port. */
	bool level = pending(u) != IIR_NONE && (u->mcr & MCR_OUT2) != 0 &&
	    (u->mcr & MCR_LOOP) == 0;

	if (level == u->level)
		return;
	u->level = level;
	board_irq(u->board, UART_GSI, level);
}

/* Of the wire. */
static void
changed(void *arg, bool room)
{
	struct uart *u = arg;

	u->tx_irq |= room;
	update_irq(u);
}

static void
send_byte(struct uart *u, uint8_t byte)
{
	if (!wire_room(u->wire))
		return;
	wire_send(u->wire, byte);
	u->tx_irq = wire_room(u->wire);
}

/* --- registers ---------------------------------------------------------- */

static uint8_t
read_iir(struct uart *u)
{
	uint8_t iir = pending(u);

	if (iir == IIR_TX)		/* to be told is to be served */
		u->tx_irq = false;
	return iir | (u->fifo ? IIR_FIFO : 0);
}

static uint8_t
read_data(struct uart *u)
{
	if (!u->break_byte)
		return wire_receive(u->wire);
	u->break_byte = false;
	return 0;
}

static uint8_t
read_lsr(struct uart *u)
{
	uint8_t lsr = (wire_room(u->wire) ? LSR_TX_EMPTY : 0) |
	    (is_ready(u) ? LSR_DR : 0) | (u->break_seen ? LSR_BREAK : 0);

	u->break_seen = false;
	return lsr;
}

static uint8_t
read_msr(const struct uart *u)
{
	if ((u->mcr & MCR_LOOP) == 0)
		return MSR_UP;
	/* RTS, DTR, OUT1 and OUT2 come back as CTS, DSR, RI and DCD. */
	return (uint8_t)((u->mcr & 0x02) << 3 | (u->mcr & 0x01) << 5 |
	    (u->mcr & 0x0c) << 4);
}

static uint64_t
uart_read(void *arg, uint64_t offset, unsigned len)
{
	struct uart *u = arg;
	bool dlab = (u->lcr & LCR_DLAB) != 0;
	uint8_t ret = 0;

	(void)len;			/* a register is a byte */
	switch (offset) {
	case REG_DATA:
		ret = dlab ? u->dll : read_data(u);
		break;
	case REG_IER:
		ret = dlab ? u->dlm : u->ier;
		break;
	case REG_IIR:
		ret = read_iir(u);
		break;
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		ret = read_lsr(u);
		break;
	case REG_MSR:
		return read_msr(u);
	case REG_SCR:
		return u->scr;
	}
	update_irq(u);
	return ret;
}

static void
write_data(struct uart *u, uint8_t value)
{
	if ((u->lcr & LCR_DLAB) != 0)
		u->dll = value;
	else if ((u->mcr & MCR_LOOP) == 0)
		send_byte(u, value);
	else
		wire_loop(u->wire, value);
}

static void
write_ier(struct uart *u, uint8_t value)
{
	if ((u->lcr & LCR_DLAB) != 0) {
		u->dlm = value;
		return;
	}
	/* Who begins to wait for an empty transmitter is told at once. */
	if ((value & ~u->ier & IER_TX) != 0)
		u->tx_irq = wire_room(u->wire);
	u->ier = value & IER_MASK;
}

static void
write_fcr(struct uart *u, uint8_t value)
{
	u->fifo = (value & FCR_ENABLE) != 0;
	if ((value & FCR_CLEAR_RX) != 0) {
		u->break_byte = false;
		wire_drop(u->wire);
	}
}

static void
uart_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct uart *u = arg;
	uint8_t byte = (uint8_t)value;

	(void)len;
	switch (offset) {
	case REG_DATA:
		write_data(u, byte);
		break;
	case REG_IER:
		write_ier(u, byte);
		break;
	case REG_IIR:
		write_fcr(u, byte);
		break;
	case REG_LCR:
		u->lcr = byte;
		return;
	case REG_MCR:
		u->mcr = byte & MCR_MASK;
		break;
	case REG_SCR:
		u->scr = byte;
		return;
	}
	update_irq(u);
}

static const struct bus_ops uart_ops = {
	.name	= "serial port",
	.read	= uart_read,
	.write	= uart_write,
};

/* --- life --------------------------------------------------------------- */

int
uart_new(struct uart **ret, struct board *board, int stream, struct err *e)
{
	own_fd int fd = stream;
	OWN(uart_destroy) struct uart *u = calloc(1, sizeof(*u));
	struct wire_setup w = { board, changed, u };
	struct bus_range r = { .base = UART_PORT, .len = 8, .ops = &uart_ops };

	if (u == NULL)
		return err_sys(e, "serial port");
	u->board = board;
	if (wire_new(&u->wire, &w, take_fd(&fd), e) == -1)
		return -1;
	r.arg = u;
	if (bus_add(&board->pio, &r, e) == -1)
		return -1;
	u->plugged = true;
	*ret = take(&u);
	return 0;
}

void
uart_destroy(struct uart *u)
{
	if (u == NULL)
		return;
	if (u->plugged)
		bus_remove(&u->board->pio, UART_PORT);
	wire_destroy(u->wire);
	free(u);
}

void
uart_reset(struct uart *u)
{
	(void)wire_flush(u->wire);
	u->ier = u->lcr = u->mcr = u->scr = u->dll = u->dlm = 0;
	u->fifo = u->tx_irq = u->break_seen = u->break_byte = false;
	update_irq(u);
}

void
uart_break(struct uart *u)
{
	u->break_seen = u->break_byte = true;
	update_irq(u);
}

/* --- state -------------------------------------------------------------- */

/* The registers as they are named in the state. */
struct saved {
	const char	*name;
	size_t		 offset;
};

static const struct saved saved[] = {
	{ "ier", offsetof(struct uart, ier) },
	{ "lcr", offsetof(struct uart, lcr) },
	{ "mcr", offsetof(struct uart, mcr) },
	{ "scr", offsetof(struct uart, scr) },
	{ "dll", offsetof(struct uart, dll) },
	{ "dlm", offsetof(struct uart, dlm) },
};

json_t *
uart_save(struct uart *u)
{
	own_json json_t *o = json_object();

	if (wire_save(u->wire, o, NULL) == -1)
		return NULL;
	for (unsigned i = 0; i < COUNT(saved); i++)
		if (json_object_set_new(o, saved[i].name, json_integer(
		    *((uint8_t *)u + saved[i].offset))) == -1)
			return NULL;
	if (json_object_set_new(o, "fifo", json_boolean(u->fifo)) == -1 ||
	    json_object_set_new(o, "tx_irq", json_boolean(u->tx_irq)) ==
	    -1 || json_object_set_new(o, "break_seen",
	    json_boolean(u->break_seen)) == -1 || json_object_set_new(o,
	    "break_byte", json_boolean(u->break_byte)) == -1)
		return NULL;
	return take(&o);
}

int
uart_load(struct uart *u, const json_t *o, struct err *e)
{
	uint64_t value;

	for (unsigned i = 0; i < COUNT(saved); i++) {
		if (json_get_u64(&value, o, saved[i].name, 0, UINT8_MAX, e) !=
		    1)
			return err_prefix(e, "serial port");
		*((uint8_t *)u + saved[i].offset) = (uint8_t)value;
	}
	if (json_get_bool(&u->fifo, o, "fifo", e) == -1 ||
	    json_get_bool(&u->tx_irq, o, "tx_irq", e) == -1 ||
	    json_get_bool(&u->break_seen, o, "break_seen", e) == -1 ||
	    json_get_bool(&u->break_byte, o, "break_byte", e) == -1 ||
	    wire_load(u->wire, o, e) == -1)
		return err_prefix(e, "serial port");
	/* The interrupt chip has a state of its own, the line is new. */
	u->level = false;
	update_irq(u);
	return 0;
}
