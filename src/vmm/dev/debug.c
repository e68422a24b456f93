/* SPDX-License-Identifier: ISC */
/*
 * debug.c - ports by which a guest says how it fares; see debug.h
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: QEMU, docs/specs/pvpanic.rst.
 */

#include <stdlib.h>

#include "lib/util.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/dev/debug.h"

#define PANICKED	0x01

struct debug {
	struct board	*board;
	uint64_t	 reached_us;
	bool		 panic;
};

static uint64_t
zero_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return 0;
}

static void
exit_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct debug *d = arg;

	(void)offset;
	(void)len;
	(void)value;
	d->board->event(d->board->event_arg, BOARD_POWER_OFF);
}

/* What the port knows. */
static uint64_t
panic_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return PANICKED;
}

static void
panic_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct debug *d = arg;

	(void)offset;
	(void)len;
	if ((value & PANICKED) != 0)
		d->board->event(d->board->event_arg, BOARD_PANIC);
}

static void
timer_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct debug *d = arg;

	(void)offset;
	(void)len;
	(void)value;
	if (d->reached_us == 0)
		d->reached_us = os_now_us();
}

static const struct bus_ops exit_ops = { "exit", zero_read, exit_write };
static const struct bus_ops panic_ops = { "panic", panic_read, panic_write };
static const struct bus_ops timer_ops = { "timer", zero_read, timer_write };

int
debug_new(struct debug **ret, struct board *board, bool panic, struct err *e)
{
	OWN(debug_destroy) struct debug *d = calloc(1, sizeof(*d));
	struct bus_range ports[] = {
		{ DEBUG_EXIT_PORT, 1, &exit_ops, d },
		{ DEBUG_TIMER_PORT, 1, &timer_ops, d },
		{ DEBUG_PANIC_PORT, 1, &panic_ops, d },
	};

	if (d == NULL)
		return err_sys(e, "debug ports");
	d->board = board;
	d->panic = panic;
	for (unsigned i = 0; i < (panic ? COUNT(ports) : 2U); i++)
		if (bus_add(&board->pio, &ports[i], e) == -1)
			return -1;
	*ret = take(&d);
	return 0;
}

void
debug_destroy(struct debug *d)
{
	if (d == NULL)
		return;
	bus_remove(&d->board->pio, DEBUG_EXIT_PORT);
	bus_remove(&d->board->pio, DEBUG_TIMER_PORT);
	if (d->panic)
		bus_remove(&d->board->pio, DEBUG_PANIC_PORT);
	free(d);
}

uint64_t
debug_reached_us(const struct debug *d)
{
	return d->reached_us;
}
