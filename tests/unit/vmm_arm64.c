/* SPDX-License-Identifier: ISC */
/* vmm_arm64.c - serial port, clock and button of arm64, as drivers use them */

#include "unit.h"
#include "vmm_kit.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "lib/json.h"
#include "vmm/dev/pl011.h"
#include "vmm/dev/pl031.h"
#include "vmm/dev/pl061.h"

#define UART	0x9000000ULL
#define RTC	0x9010000ULL
#define GPIO	0x9030000ULL

enum { UART_LINE = 1, GPIO_LINE = 3 };

struct world {
	struct kit	 k;
	struct pl011	*uart;
	struct pl031	*rtc;
	struct pl061	*gpio;
	int		 peer;
};

static void
begin(struct world *w)
{
	struct pl011_setup u = { &w->k.board, UART, UART_LINE };
	struct pl061_setup g = { &w->k.board, GPIO, GPIO_LINE };
	int sv[2];

	kit_init(&w->k);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sv), 0);
	w->peer = sv[0];
	assert_int_equal(fcntl(w->peer, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(pl011_new(&w->uart, &u, sv[1], NULL), 0);
	assert_int_equal(pl031_new(&w->rtc, &w->k.board, RTC, NULL), 0);
	assert_int_equal(pl061_new(&w->gpio, &g, NULL), 0);
}

static void
end(struct world *w)
{
	pl011_destroy(w->uart);
	pl031_destroy(w->rtc);
	pl061_destroy(w->gpio);
	(void)close(w->peer);
	kit_fini(&w->k);
}

static unsigned
in(struct world *w, uint64_t addr)
{
	return (unsigned)bus_read(&w->k.board.mmio, addr, 4);
}

static void
out(struct world *w, uint64_t addr, unsigned value)
{
	bus_write(&w->k.board.mmio, addr, 4, value);
}

static bool
line(struct world *w, unsigned gsi)
{
	return w->k.vm.level[gsi] != 0;
}

/* Linux and OpenBSD find each by what it says it is. */
static void
identity(void **state)
{
	static const struct {
		uint64_t	base;
		unsigned	part;
	} is[] = { { UART, 0x011 }, { RTC, 0x031 }, { GPIO, 0x061 } };
	struct world w;

	(void)state;
	begin(&w);
	for (unsigned i = 0; i < COUNT(is); i++) {
		uint64_t id = is[i].base + 0xfe0;

		assert_int_equal(in(&w, id) | (in(&w, id + 4) & 0xf) << 8,
		    is[i].part);
		assert_int_equal(in(&w, id + 0x10) | in(&w, id + 0x14) << 8 |
		    in(&w, id + 0x18) << 16 | in(&w, id + 0x1c) << 24,
		    0xb105f00d);
	}
	end(&w);
}

/* Each byte that is sent says that there is room for another. */
static void
transmit(void **state)
{
	struct world w;
	char got[8] = "";
	ssize_t n;

	(void)state;
	begin(&w);
	assert_int_equal(in(&w, UART + 0x18) & 0xb0, 0x90);
	out(&w, UART + 0x38, 0x20);		/* the transmitter's */
	assert_false(line(&w, UART_LINE));
	out(&w, UART, 'h');
	assert_true(line(&w, UART_LINE));
	assert_int_equal(in(&w, UART + 0x40), 0x20);
	out(&w, UART + 0x44, 0x20);
	assert_false(line(&w, UART_LINE));
	out(&w, UART, 'i');
	while ((n = read(w.peer, got, sizeof(got))) == -1 && errno == EAGAIN)
		(void)event_loop_turn(w.k.board.loop, -1);
	assert_int_equal(n, 2);
	assert_string_equal(got, "hi");
	end(&w);
}

static void
receive(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	out(&w, UART + 0x38, 0x50);		/* receiver and timeout */
	assert_int_equal(write(w.peer, "abc", 3), 3);
	kit_turn(&w.k);
	assert_true(line(&w, UART_LINE));
	assert_int_equal(in(&w, UART + 0x3c) & 0x50, 0x50);
	for (int c = 'a'; c <= 'c'; c++) {
		assert_int_equal(in(&w, UART + 0x18) & 0x10, 0);
		assert_int_equal(in(&w, UART), c);
	}
	assert_false(line(&w, UART_LINE));
	assert_int_equal(in(&w, UART + 0x18) & 0x10, 0x10);
	assert_int_equal(in(&w, UART), 0);
	out(&w, UART + 0x30, 0x381);		/* loop */
	out(&w, UART, 'x');
	assert_int_equal(in(&w, UART), 'x');
	end(&w);
}

/* It comes as a byte with a flag, and an interrupt of its own. */
static void
hears_break(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	out(&w, UART + 0x38, 0x200);
	assert_int_equal(in(&w, UART + 0x18) & 0x10, 0x10);
	pl011_break(w.uart);
	assert_true(line(&w, UART_LINE));
	assert_int_equal(in(&w, UART + 0x40), 0x200);
	assert_int_equal(in(&w, UART + 0x18) & 0x10, 0);
	assert_int_equal(in(&w, UART), 0x400);
	assert_int_equal(in(&w, UART + 0x18) & 0x10, 0x10);
	out(&w, UART + 0x44, 0x200);
	assert_false(line(&w, UART_LINE));
	end(&w);
}

/* What is written to a register stays within what it has. */
static void
registers(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(in(&w, UART + 0x30), 0x300);
	assert_int_equal(in(&w, UART + 0x34), 0x12);
	for (unsigned reg = 0x20; reg <= 0x48; reg += 4)
		out(&w, UART + reg, UINT32_MAX);
	assert_int_equal(in(&w, UART + 0x24), 0xffff);
	assert_int_equal(in(&w, UART + 0x28), 0x3f);
	assert_int_equal(in(&w, UART + 0x38), 0x7ff);
	assert_int_equal(in(&w, UART + 0x100), 0);
	pl011_reset(w.uart);
	assert_int_equal(in(&w, UART + 0x38), 0);
	assert_int_equal(in(&w, UART + 0x30), 0x300);
	end(&w);
}

/* The host's time, until the guest sets another. */
static void
clock_set(void **state)
{
	struct world w;
	uint32_t now;

	(void)state;
	begin(&w);
	now = (uint32_t)time(NULL);
	assert_in_range(in(&w, RTC), now, now + 5);
	assert_int_equal(in(&w, RTC + 0x0c), 1);
	out(&w, RTC + 0x08, 1000);
	assert_in_range(in(&w, RTC), 1000, 1005);
	end(&w);
}

/* As gpio-keys of Linux: both edges, then a look at the level. */
static void
button(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	out(&w, GPIO + 0x408, 1 << PL061_BUTTON);
	out(&w, GPIO + 0x410, 1 << PL061_BUTTON);
	assert_int_equal(in(&w, GPIO + 0x3fc), 0);
	pl061_press(w.gpio);
	assert_true(line(&w, GPIO_LINE));
	assert_int_equal(in(&w, GPIO + 0x418), 1 << PL061_BUTTON);
	assert_int_equal(in(&w, GPIO + 0x3fc), 1 << PL061_BUTTON);
	assert_int_equal(in(&w, GPIO + (1 << 2)), 0);	/* another one */
	out(&w, GPIO + 0x41c, 1 << PL061_BUTTON);
	assert_false(line(&w, GPIO_LINE));
	while (!line(&w, GPIO_LINE))
		(void)event_loop_turn(w.k.board.loop, -1);
	assert_int_equal(in(&w, GPIO + 0x3fc), 0);
	end(&w);
}

/* By level: the line is as high as the input. */
static void
button_level(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	out(&w, GPIO + 0x404, 1 << PL061_BUTTON);
	out(&w, GPIO + 0x40c, 1 << PL061_BUTTON);
	out(&w, GPIO + 0x410, 1 << PL061_BUTTON);
	assert_false(line(&w, GPIO_LINE));
	pl061_press(w.gpio);
	assert_true(line(&w, GPIO_LINE));
	out(&w, GPIO + 0x41c, 1 << PL061_BUTTON);
	assert_true(line(&w, GPIO_LINE));
	pl061_reset(w.gpio);
	assert_false(line(&w, GPIO_LINE));
	end(&w);
}

/* A machine that was saved goes on where it was. */
static void
saved(void **state)
{
	struct world w, v;
	json_t *u, *r, *g;

	(void)state;
	begin(&w);
	begin(&v);
	out(&w, UART + 0x38, 0x10);
	out(&w, UART + 0x30, 0x381);
	out(&w, UART, 'y');
	out(&w, RTC + 0x08, 5000);
	out(&w, GPIO + 0x410, 0x18);
	u = pl011_save(w.uart);
	r = pl031_save(w.rtc);
	g = pl061_save(w.gpio);
	assert_int_equal(pl011_load(v.uart, u, NULL), 0);
	assert_int_equal(pl031_load(v.rtc, r, NULL), 0);
	assert_int_equal(pl061_load(v.gpio, g, NULL), 0);
	assert_true(line(&v, UART_LINE));
	assert_int_equal(in(&v, UART), 'y');
	assert_in_range(in(&v, RTC), 5000, 5005);
	assert_int_equal(in(&v, GPIO + 0x410), 0x18);
	(void)json_object_del(u, "cr");
	(void)json_object_del(r, "match");
	(void)json_object_del(g, "ie");
	assert_int_equal(pl011_load(v.uart, u, NULL), -1);
	assert_int_equal(pl031_load(v.rtc, r, NULL), -1);
	assert_int_equal(pl061_load(v.gpio, g, NULL), -1);
	json_decref(u);
	json_decref(r);
	json_decref(g);
	end(&v);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity),
		cmocka_unit_test(transmit),
		cmocka_unit_test(receive),
		cmocka_unit_test(hears_break),
		cmocka_unit_test(registers),
		cmocka_unit_test(clock_set),
		cmocka_unit_test(button),
		cmocka_unit_test(button_level),
		cmocka_unit_test(saved),
	};

	return unit_run("vmm_arm64", tests);
}
