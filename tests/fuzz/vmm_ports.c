/* SPDX-License-Identifier: ISC */
/*
 * vmm_ports.c - fuzz target: the board's ports
 *
 * Serial port, clock, keyboard controller, debugging, power and hot-plug
 * registers, read and written at any width; what the serial port's other
 * end does; states saved and loaded.
 */

#include <sys/socket.h>

#include <fcntl.h>

#include "vmm_kit.h"
#include "vmm/dev/debug.h"
#include "vmm/dev/hotplug.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/power.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct input {
	const uint8_t	*at;
	size_t		 left;
};

struct world {
	struct kit	 k;
	struct uart	*uart;
	struct rtc	*rtc;
	bool		 woken;
	struct pm	*pm;
	struct debug	*debug;
	struct hotplug	*hotplug;
	int		 fd;		/* the serial port's other end */
};

static uint64_t
take_int(struct input *in, size_t len)
{
	uint64_t v = 0;

	len = MIN(len, in->left);
	memcpy(&v, in->at, len);
	in->at += len;
	in->left -= len;
	return v;
}

static void
ejected(void *arg, unsigned slot)
{
	(void)arg;
	if (slot >= PCI_SLOTS)
		abort();
}

static void
woken(void *arg)
{
	((struct world *)arg)->woken = true;
}

static void
build(struct world *w)
{
	struct hotplug_setup s = { &w->k.board, ejected, NULL };
	struct rtc_setup clock = { &w->k.board, KIT_MEMORY, woken, w };
	int sv[2];

	kit_init(&w->k);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		abort();
	w->fd = sv[1];
	(void)fcntl(w->fd, F_SETFL, O_NONBLOCK);
	if (uart_new(&w->uart, &w->k.board, sv[0], NULL) == -1 ||
	    rtc_new(&w->rtc, &clock, NULL) == -1 ||
	    pm_new(&w->pm, &w->k.board, NULL) == -1 ||
	    debug_new(&w->debug, &w->k.board, true, NULL) == -1 ||
	    hotplug_new(&w->hotplug, &s, NULL) == -1 ||
	    i8042_add(&w->k.board, NULL) == -1 ||
	    power_add(&w->k.board, NULL) == -1)
		abort();
}

static void
take_down(struct world *w)
{
	struct bus *pio = &w->k.board.pio;

	uart_destroy(w->uart);
	rtc_destroy(w->rtc);
	pm_destroy(w->pm);
	debug_destroy(w->debug);
	hotplug_destroy(w->hotplug);
	/* Those that stay as long as their board. */
	while (pio->nranges > 0)
		bus_remove(pio, pio->ranges[0].base);
	(void)close(w->fd);
	kit_fini(&w->k);
}

static void
save_load(struct world *w)
{
	json_t *u = uart_save(w->uart), *r = rtc_save(w->rtc);
	json_t *p = pm_save(w->pm);

	if (u == NULL || uart_load(w->uart, u, NULL) == -1 ||
	    r == NULL || rtc_load(w->rtc, r, NULL) == -1 ||
	    p == NULL || pm_load(w->pm, p, NULL) == -1)
		abort();
	json_decref(u);
	json_decref(r);
	json_decref(p);
}

static void
other_end(struct world *w, unsigned how)
{
	char buf[128];

	memset(buf, (int)how, sizeof(buf));
	if (how & 1)
		(void)!read(w->fd, buf, sizeof(buf));
	else
		(void)!write(w->fd, buf, how >> 1);
	kit_turn(&w->k);
}

static void
one(struct world *w, struct input *in)
{
	static const struct {
		uint16_t	base, n;
	} where[] = {
		{ UART_PORT, 8 }, { UART_PORT, 8 }, { 0x70, 2 }, { 0x60, 5 },
		{ DEBUG_EXIT_PORT, 1 }, { DEBUG_PANIC_PORT, 2 },
		{ POWER_PORT, 4 }, { HOTPLUG_PORT, HOTPLUG_LEN },
		{ PM_PORT, PM_LEN + 2 },
	};
	uint8_t op = (uint8_t)take_int(in, 1), n = (uint8_t)take_int(in, 1);
	uint16_t port = (uint16_t)(where[n % COUNT(where)].base +
	    (n >> 3) % where[n % COUNT(where)].n);
	unsigned len = 1U << (op >> 4) % 3;

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		bus_write(&w->k.board.pio, port, len, take_int(in, len));
		break;
	case 3:
	case 4:
		(void)bus_read(&w->k.board.pio, port, len);
		break;
	case 5:
		other_end(w, n);
		break;
	case 6:
		save_load(w);
		break;
	case 7:
		if (n & 1)
			hotplug_request(w->hotplug, n >> 3);
		else if (n & 2)
			uart_reset(w->uart);
		else if (n & 4)
			pm_power_button(w->pm);
		else
			hotplug_look(w->hotplug);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static struct world w;

	memset(&w, 0, sizeof(w));
	build(&w);
	while (in.left > 0)
		one(&w, &in);
	take_down(&w);
	return 0;
}
