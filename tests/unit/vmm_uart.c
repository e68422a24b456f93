/* SPDX-License-Identifier: ISC */
/* vmm_uart.c - the serial port, as a driver uses it */

#include "unit.h"
#include "vmm_kit.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

#include "lib/json.h"
#include "vmm/dev/uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

struct world {
	struct kit	 k;
	struct uart	*uart;
	int		 peer;
};

static void
begin(struct world *w)
{
	int sv[2];

	kit_init(&w->k);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sv), 0);
	w->peer = sv[0];
	assert_int_equal(fcntl(w->peer, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(uart_new(&w->uart, &w->k.board, sv[1], NULL), 0);
}

static void
end(struct world *w)
{
	uart_destroy(w->uart);
	if (w->peer != -1)
		(void)close(w->peer);
	kit_fini(&w->k);
}

static unsigned
in(struct world *w, unsigned reg)
{
	return (unsigned)bus_read(&w->k.board.pio, UART_PORT + reg, 1);
}

static void
out(struct world *w, unsigned reg, unsigned value)
{
	bus_write(&w->k.board.pio, UART_PORT + reg, 1, value);
}

static bool
line(struct world *w)
{
	return w->k.vm.level[UART_GSI] != 0;
}

/* The main thread's turns until something is there to read. */
static ssize_t
listen_to(struct world *w, void *to, size_t len)
{
	ssize_t n;

	while ((n = read(w->peer, to, len)) == -1 && errno == EAGAIN)
		(void)event_loop_turn(w->k.board.loop, -1);
	return n;
}

/* How Linux finds out that it is a 16550A. */
static void
probe(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	out(&w, SCR, 0x5a);
	assert_int_equal(in(&w, SCR), 0x5a);
	out(&w, MCR, 0x1a);			/* loop, OUT2, RTS */
	assert_int_equal(in(&w, MSR) & 0xf0, 0x90);
	out(&w, MCR, 0);
	out(&w, IIR, 1);
	assert_int_equal(in(&w, IIR) & 0xc0, 0xc0);
	out(&w, LCR, 0x80);
	out(&w, DATA, 1);
	out(&w, IER, 0);
	assert_int_equal(in(&w, DATA), 1);
	out(&w, LCR, 3);
	out(&w, IER, 0xff);
	assert_int_equal(in(&w, IER), 0x0f);
	assert_int_equal(in(&w, LSR), 0x60);
	end(&w);
}

/* As ddb looks for it: BI and a zero with it, once. */
static void
hears_break(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	out(&w, MCR, 0x08);
	out(&w, IER, 0x05);
	assert_int_equal(write(w.peer, "a", 1), 1);
	kit_turn(&w.k);
	uart_break(w.uart);
	assert_true(line(&w));
	assert_int_equal(in(&w, IIR) & 0x0f, 0x06);
	assert_int_equal(in(&w, LSR), 0x79);
	assert_int_equal(in(&w, LSR), 0x61);
	assert_int_equal(in(&w, IIR) & 0x0f, 0x04);
	assert_int_equal(in(&w, DATA), 0);
	assert_int_equal(in(&w, DATA), 'a');
	assert_int_equal(in(&w, LSR), 0x60);
	assert_false(line(&w));
	/* A FIFO that is cleared has no break either. */
	uart_break(w.uart);
	out(&w, IIR, 0x03);
	assert_int_equal(in(&w, LSR), 0x78);
	end(&w);
}

/* A burst is one write: the reader sees all of it at once. */
static void
burst(void **state)
{
	struct world w;
	char got[200];

	(void)state;
	begin(&w);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(in(&w, LSR) & 0x20, 0x20);
		out(&w, DATA, 'a' + i % 26);
	}
	assert_int_equal(read(w.peer, got, sizeof(got)), -1);
	assert_int_equal(listen_to(&w, got, sizeof(got)), 100);
	assert_int_equal(got[27], 'b');
	end(&w);
}

/* What was sent is not lost when the machine ends. */
static void
last_words(void **state)
{
	struct world w;
	char got[8];

	(void)state;
	begin(&w);
	out(&w, DATA, '!');
	uart_reset(w.uart);
	assert_int_equal(read(w.peer, got, sizeof(got)), 1);
	out(&w, DATA, '?');
	uart_destroy(take(&w.uart));
	assert_int_equal(read(w.peer, got, sizeof(got)), 1);
	end(&w);
}

/*
 * A reader that stops: the transmitter stays busy, the guest's bytes are
 * lost, and when the reader goes on everything else is in order.
 */
static void
slow_reader(void **state)
{
	struct world w;
	char got[65536];
	unsigned sent = 0, seen = 0;
	ssize_t n;

	(void)state;
	begin(&w);
	out(&w, MCR, 8);
	out(&w, IER, 2);
	while ((in(&w, LSR) & 0x20) != 0 && sent < 16 * sizeof(got))
		out(&w, DATA, sent++ & 0x7f);
	assert_true(sent < 16 * sizeof(got));
	out(&w, DATA, 0xff);			/* lost */
	(void)in(&w, IIR);
	assert_false(line(&w));
	while (seen < sent && (n = listen_to(&w, got, sizeof(got))) > 0)
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(got[i], seen++ & 0x7f);
	assert_int_equal(seen, sent);
	assert_true(line(&w));			/* there is room again */
	end(&w);
}

static void
gone_reader(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)close(w.peer);
	w.peer = -1;
	for (unsigned i = 0; i < 100000; i++)
		out(&w, DATA, 'x');
	assert_int_equal(in(&w, LSR) & 0x60, 0x60);
	end(&w);
}

/* Input is not lost, however much at once, and however it is taken. */
static void
input(void **state)
{
	struct world w;
	char bytes[1000];
	unsigned seen = 0;

	(void)state;
	begin(&w);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	out(&w, MCR, 8);
	out(&w, IIR, 1);
	out(&w, IER, 1);
	assert_false(line(&w));
	assert_int_equal(write(w.peer, bytes, sizeof(bytes)), sizeof(bytes));
	kit_turn(&w.k);
	assert_true(line(&w));
	assert_int_equal(in(&w, IIR) & 0xf, 4);
	while ((in(&w, LSR) & 1) != 0)
		assert_int_equal(in(&w, DATA), (uint8_t)bytes[seen++]);
	assert_int_equal(seen, sizeof(bytes));
	assert_false(line(&w));
	assert_int_equal(write(w.peer, "z", 1), 1);
	kit_turn(&w.k);
	assert_int_equal(in(&w, DATA), 'z');
	end(&w);
}

/* The transmitter's interrupt: at its enabling, then after each byte. */
static void
transmit_interrupt(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	out(&w, IER, 2);
	assert_false(line(&w));			/* OUT2 is off */
	out(&w, MCR, 8);
	assert_true(line(&w));
	assert_int_equal(in(&w, IIR) & 0xf, 2);
	assert_false(line(&w));
	assert_int_equal(in(&w, IIR) & 0xf, 1);
	out(&w, DATA, 'x');
	assert_true(line(&w));
	out(&w, IER, 0);
	assert_false(line(&w));
	end(&w);
}

static void
saved(void **state)
{
	struct world w, v;
	json_t *s;

	(void)state;
	begin(&w);
	out(&w, MCR, 8);
	out(&w, IIR, 1);
	out(&w, IER, 1);
	out(&w, SCR, 0x77);
	out(&w, LCR, 3);
	assert_int_equal(write(w.peer, "abc", 3), 3);
	kit_turn(&w.k);
	s = uart_save(w.uart);
	assert_non_null(s);
	end(&w);

	begin(&v);
	assert_int_equal(uart_load(v.uart, s, NULL), 0);
	assert_true(line(&v));
	assert_int_equal(in(&v, SCR), 0x77);
	assert_int_equal(in(&v, DATA), 'a');
	assert_int_equal(in(&v, DATA), 'b');
	assert_int_equal(json_object_set_new(s, "lcr", json_integer(256)), 0);
	assert_int_equal(uart_load(v.uart, s, NULL), -1);
	end(&v);
	json_decref(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe),
		cmocka_unit_test(hears_break),
		cmocka_unit_test(burst),
		cmocka_unit_test(last_words),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(gone_reader),
		cmocka_unit_test(input),
		cmocka_unit_test(transmit_interrupt),
		cmocka_unit_test(saved),
	};

	return unit_run("vmm_uart", tests);
}
