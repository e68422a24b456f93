/* SPDX-License-Identifier: ISC */
/*
 * power.c - sleep and reset registers
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: ACPI 6.5, sections 4.8.3.7 (sleep control and status) and 4.8.3.6
 * (reset); Intel 82371SB data sheet, reset control register; IBM PS/2
 * Hardware Interface Technical Reference, system control port A.
 */

#include <errno.h>
#include <string.h>

#include "vmm/board.h"
#include "vmm/dev/power.h"
#include "vmm/memory.h"

#define CONTROL_RESET	0x04		/* now; others say which kind */
#define A_RESET		0x01		/* bits of system control port A */
#define A_LINE_20	0x02
#define SLEEP_ENABLE	0x20
#define SLEEP_TYPE(v)	((v) >> 2 & 7)

static uint64_t
power_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return 0;
}

static void
power_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct board *board = arg;

	(void)len;
	if (offset == POWER_CONTROL && (value & SLEEP_ENABLE) != 0 &&
	    SLEEP_TYPE(value) == POWER_S5)
		board->event(board->event_arg, BOARD_POWER_OFF);
	if (offset == POWER_RESET && value == POWER_RESET_VALUE)
		board->event(board->event_arg, BOARD_RESET);
}

static const struct bus_ops power_ops = {
	.name	= "power",
	.read	= power_read,
	.write	= power_write,
};

void
power_control(struct board *board, uint8_t value)
{
	if ((value & CONTROL_RESET) != 0)
		board->event(board->event_arg, BOARD_RESET);
}

static void
control_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	(void)offset;
	(void)len;
	power_control(arg, (uint8_t)value);
}

static const struct bus_ops control_ops = {
	.name	= "reset control",
	.read	= power_read,
	.write	= control_write,
};

int
power_add_control(struct board *board, struct err *e)
{
	struct bus_range r = { POWER_RESET_CONTROL, 1, &control_ops, board };

	return bus_add(&board->pio, &r, e);
}

/* Address line 20 always is a line as any other. */
static uint64_t
control_a_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return A_LINE_20;
}

static void
control_a_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct board *board = arg;

	(void)offset;
	(void)len;
	if ((value & A_RESET) != 0)
		board->event(board->event_arg, BOARD_RESET);
}

static const struct bus_ops control_a_ops = {
	.name	= "system control port A",
	.read	= control_a_read,
	.write	= control_a_write,
};

int
power_add(struct board *board, struct err *e)
{
	struct bus_range r = { POWER_PORT, 3, &power_ops, board };
	struct bus_range a = { POWER_CONTROL_A, 1, &control_a_ops, board };

	if (bus_add(&board->pio, &a, e) == -1)
		return -1;
	return bus_add(&board->pio, &r, e);
}

int
power_write_vector(struct memory *memory, struct err *e)
{
	static const uint8_t code[] = {
		0xb0, POWER_RESET_VALUE,		/* mov VALUE, %al */
		0xba, (POWER_PORT + POWER_RESET) & 0xff,
		(POWER_PORT + POWER_RESET) >> 8,	/* mov PORT, %dx */
		0xee,					/* out %al, (%dx) */
		0xf4, 0xeb, 0xfd,			/* hlt, for ever */
	};
	void *at = memory_at(memory, POWER_VECTOR, sizeof(code));

	if (at == NULL)
		return err_set(e, ENOMEM, "no memory for the reset vector");
	memcpy(at, code, sizeof(code));
	return 0;
}
