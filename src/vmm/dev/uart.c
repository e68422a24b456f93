/* SPDX-License-Identifier: ISC */
/*
 * uart.c - the serial port COM1: a 16550A
 *
 * Sending.  Bytes gather in 'out'.  The first of them sets an alarm, and
 * the main thread writes all that is there when it rings; a vCPU's thread
 * writes only when OUT_BURST bytes wait.  While OUT_MAX wait (the reader has
 * stopped) the transmitter is busy, and what is sent nevertheless is lost,
 * as on a wire.
 *
 * Receiving.  The FIFO is filled by the main thread when the stream becomes
 * readable, which is told by edges, and by the guest's own read of the byte
 * that makes room: so no thread has to tell the other to watch the stream.
 *
 * Process: vmm.  Sandbox: read(2) and write(2) of descriptors it holds.
 * Needs: a stream.
 *
 * Source: Texas Instruments PC16550D data sheet, section 8.
 */

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/dev/uart.h"

#define IN_MAX		16		/* the receiver's FIFO */
#define OUT_MAX		16384		/* bytes that wait to be written */
#define OUT_BURST	4096
#define OUT_DELAY_MS	4		/* well below what a person sees */

enum {
	REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR,
	REG_SCR				/* written, IIR is FCR */
};

#define IER_RX		0x01
#define IER_TX		0x02
#define IER_MASK	0x0f
#define IIR_NONE	0x01
#define IIR_TX		0x02
#define IIR_RX		0x04
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define LCR_DLAB	0x80
#define MCR_LOOP	0x10
#define MCR_OUT2	0x08
#define MCR_MASK	0x1f
#define LSR_DR		0x01
#define LSR_TX_EMPTY	0x60		/* holding register and shifter */
#define MSR_UP		0xb0		/* DCD, DSR, CTS */

struct uart {
	struct board	*board;
	int		 stream;
	int		 alarm;
	struct event	*readable;
	struct event	*writable;
	struct event	*ring;

	/* Under the board's lock. */
	uint8_t		 ier, lcr, mcr, scr, dll, dlm;
	bool		 fifo;
	bool		 tx_irq;	/* the transmitter became empty */
	bool		 level;		/* of the interrupt line */
	bool		 armed;		/* the alarm */
	bool		 plugged;	/* into the bus */
	bool		 gone;		/* nobody is at the other end */
	bool		 rest;		/* the stream may have more input */
	uint8_t		 in[IN_MAX];
	unsigned	 in_len;
	uint8_t		 out[OUT_MAX];
	unsigned	 out_len;
};

/* --- interrupt ---------------------------------------------------------- */

static bool
transmitter_free(const struct uart *u)
{
	return u->out_len < OUT_MAX;
}

/* What IIR shows, by priority. */
static uint8_t
pending(const struct uart *u)
{
	if ((u->ier & IER_RX) != 0 && u->in_len > 0)
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

/* --- sending ------------------------------------------------------------ */

/* Write what waits, as far as the stream takes it. */
static void
drain(struct uart *u)
{
	bool was_full = !transmitter_free(u);
	ssize_t n;

	if (u->out_len == 0)
		return;
	do
		n = write(u->stream, u->out, u->out_len);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == -1) {			/* send into the void from now on */
		u->gone = true;
		n = u->out_len;
	}
	u->out_len -= (unsigned)n;
	memmove(u->out, u->out + n, u->out_len);
	u->tx_irq |= was_full;
}

static void
send_byte(struct uart *u, uint8_t byte)
{
	if (!transmitter_free(u))
		return;			/* lost, see above */
	if (!u->gone)
		u->out[u->out_len++] = byte;
	if (u->out_len > 0 && u->out_len % OUT_BURST == 0)
		drain(u);
	if (u->out_len > 0 && !u->armed) {
		u->armed = true;
		os_alarm_set(u->alarm, OUT_DELAY_MS);
	}
	u->tx_irq = transmitter_free(u);
}

static void
ring_cb(evutil_socket_t fd, short what, void *arg)
{
	struct uart *u = arg;

	(void)what;
	board_lock(u->board);
	os_alarm_clear(fd);
	u->armed = false;
	drain(u);
	update_irq(u);
	board_unlock(u->board);
}

static void
writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct uart *u = arg;

	(void)fd;
	(void)what;
	board_lock(u->board);
	/* What is on its way to a burst need not be cut in two. */
	if (!u->armed || !transmitter_free(u))
		drain(u);
	update_irq(u);
	board_unlock(u->board);
}

/* --- receiving ---------------------------------------------------------- */

/* Take in what there is room for. */
static void
fill(struct uart *u)
{
	ssize_t n;

	while (u->in_len < IN_MAX) {
		n = read(u->stream, u->in + u->in_len, IN_MAX - u->in_len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)		/* later, or never more */
			return;
		u->in_len += (unsigned)n;
	}
	u->rest = true;
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct uart *u = arg;

	(void)fd;
	(void)what;
	board_lock(u->board);
	fill(u);
	update_irq(u);
	board_unlock(u->board);
}

static uint8_t
receive_byte(struct uart *u)
{
	uint8_t byte;

	if (u->in_len == 0)
		return 0;
	byte = u->in[0];
	memmove(u->in, u->in + 1, --u->in_len);
	if (u->in_len == 0 && u->rest) {
		u->rest = false;
		fill(u);
	}
	return byte;
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
		ret = dlab ? u->dll : receive_byte(u);
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
		return (transmitter_free(u) ? LSR_TX_EMPTY : 0) |
		    (u->in_len > 0 ? LSR_DR : 0);
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
	else if (u->in_len < IN_MAX)
		u->in[u->in_len++] = value;
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
		u->tx_irq = transmitter_free(u);
	u->ier = value & IER_MASK;
}

static void
write_fcr(struct uart *u, uint8_t value)
{
	u->fifo = (value & FCR_ENABLE) != 0;
	if ((value & FCR_CLEAR_RX) == 0)
		return;
	u->in_len = 0;
	if (u->rest) {
		u->rest = false;
		fill(u);
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

static struct event *
watch(struct uart *u, int fd, short what, event_callback_fn cb)
{
	struct event *ev = event_new(u->board->base, fd,
	    (short)(what | EV_PERSIST), cb, u);

	if (ev != NULL && event_add(ev, NULL) == 0)
		return ev;
	if (ev != NULL)
		event_free(ev);
	return NULL;
}

static int
watch_all(struct uart *u, struct err *e)
{
	u->readable = watch(u, u->stream, EV_READ | EV_ET, readable_cb);
	u->writable = watch(u, u->stream, EV_WRITE | EV_ET, writable_cb);
	u->ring = watch(u, u->alarm, EV_READ, ring_cb);
	if (u->readable == NULL || u->writable == NULL || u->ring == NULL)
		return err_set(e, EINVAL, "serial port: its stream cannot be "
		    "watched");
	return 0;
}

int
uart_new(struct uart **ret, struct board *board, int stream, struct err *e)
{
	own_fd int fd = stream;
	OWN(uart_destroy) struct uart *u = calloc(1, sizeof(*u));
	struct bus_range r = { .base = UART_PORT, .len = 8, .ops = &uart_ops };

	if (u == NULL)
		return err_sys(e, "serial port");
	u->board = board;
	u->stream = take_fd(&fd);
	u->alarm = os_alarm(e);
	if (u->alarm == -1)
		return -1;
	if (fd_nonblock(u->stream, 1) == -1)
		return err_sys(e, "serial port");
	if (watch_all(u, e) == -1)
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
	struct event *events[3];

	if (u == NULL)
		return;
	drain(u);
	if (u->plugged)
		bus_remove(&u->board->pio, UART_PORT);
	events[0] = u->readable;
	events[1] = u->writable;
	events[2] = u->ring;
	for (unsigned i = 0; i < COUNT(events); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	if (u->alarm != -1)
		(void)close(u->alarm);
	(void)close(u->stream);
	free(u);
}

void
uart_reset(struct uart *u)
{
	drain(u);
	u->ier = u->lcr = u->mcr = u->scr = u->dll = u->dlm = 0;
	u->fifo = u->tx_irq = false;
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
	own_json json_t *o = json_object(), *in = json_array();

	drain(u);
	for (unsigned i = 0; i < COUNT(saved); i++)
		if (json_object_set_new(o, saved[i].name, json_integer(
		    *((uint8_t *)u + saved[i].offset))) == -1)
			return NULL;
	for (unsigned i = 0; i < u->in_len; i++)
		if (json_array_append_new(in, json_integer(u->in[i])) == -1)
			return NULL;
	if (json_object_set(o, "in", in) == -1 ||
	    json_object_set_new(o, "fifo", json_boolean(u->fifo)) == -1 ||
	    json_object_set_new(o, "tx_irq", json_boolean(u->tx_irq)) == -1)
		return NULL;
	return take(&o);
}

static int
load_input(struct uart *u, const json_t *in, struct err *e)
{
	json_int_t byte;

	u->in_len = (unsigned)json_array_size(in);
	for (unsigned i = 0; i < u->in_len; i++) {
		byte = json_integer_value(json_array_get(in, i));
		if (byte < 0 || byte > UINT8_MAX)
			return err_set(e, EINVAL, "in: not a byte");
		u->in[i] = (uint8_t)byte;
	}
	return 0;
}

int
uart_load(struct uart *u, const json_t *o, struct err *e)
{
	json_t *in = NULL;
	uint64_t value;

	for (unsigned i = 0; i < COUNT(saved); i++) {
		if (json_get_u64(&value, o, saved[i].name, 0, UINT8_MAX, e) !=
		    1)
			return err_prefix(e, "serial port");
		*((uint8_t *)u + saved[i].offset) = (uint8_t)value;
	}
	if (json_get_bool(&u->fifo, o, "fifo", e) == -1 ||
	    json_get_bool(&u->tx_irq, o, "tx_irq", e) == -1 ||
	    json_get_arr(&in, o, "in", IN_MAX, e) == -1 ||
	    (in != NULL && load_input(u, in, e) == -1))
		return err_prefix(e, "serial port");
	/* The interrupt chip has a state of its own, the line is new. */
	u->level = false;
	update_irq(u);
	return 0;
}
