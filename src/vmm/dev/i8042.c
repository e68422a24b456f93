/* SPDX-License-Identifier: ISC */
/*
 * i8042.c - what is left of the keyboard controller: its reset line
 *
 * There is no keyboard.  Status reads as an absent controller's, all ones,
 * but for "input buffer full": a kernel that is about to pulse the reset
 * line waits for that bit to clear, and would wait through 65,536 exits.
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: IBM PS/2 Hardware Interface Technical Reference, keyboard and
 * auxiliary device controller.
 */

#include <stddef.h>

#include "vmm/board.h"
#include "vmm/dev/i8042.h"

#define I8042_PORT	0x64
#define STATUS_FULL	0x02
#define PULSE		0xf0		/* the lines whose bits are clear */
#define PULSE_RESET	0x01

static uint64_t
i8042_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return 0xff & ~STATUS_FULL;
}

static void
i8042_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct board *board = arg;

	(void)offset;
	(void)len;
	if ((value & PULSE) == PULSE && (value & PULSE_RESET) == 0)
		board->event(board->event_arg, BOARD_RESET);
}

static const struct bus_ops i8042_ops = {
	.name	= "keyboard controller",
	.read	= i8042_read,
	.write	= i8042_write,
};

int
i8042_add(struct board *board, struct err *e)
{
	struct bus_range r = { I8042_PORT, 1, &i8042_ops, board };

	return bus_add(&board->pio, &r, e);
}
