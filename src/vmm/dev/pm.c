/* SPDX-License-Identifier: ISC */
/*
 * pm.c - ACPI's fixed hardware: power button and sleep
 *
 * Only the power button's event comes.  Those of a timer, the global lock, a
 * sleep button and an alarm can be enabled: kernels complain if they cannot.
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: ACPI 6.5, sections 4.8.2.2 (buttons) and 4.8.3 (registers).
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/power.h"

#define BUTTON		0x0100		/* of status and enable */
#define ENABLES		(BUTTON | 0x0621)	/* others that there could be */
#define CONTROL_SCI	0x0001		/* ACPI is on: always */
#define CONTROL_TYPE	0x1c00
#define CONTROL_SLEEP	0x2000		/* now; reads as 0 */
#define SLEEP_TYPE(v)	((v) >> 10 & 7)

struct pm {
	struct board	*board;
	uint16_t	 status, enable, control;
	bool		 level;		/* of the interrupt line */
};

static void
update_irq(struct pm *p)
{
	bool level = (p->status & p->enable) != 0;

	if (level == p->level)
		return;
	p->level = level;
	board_irq(p->board, PM_GSI, level);
}

static uint64_t
pm_read(void *arg, uint64_t offset, unsigned len)
{
	struct pm *p = arg;
	uint64_t all = p->status | (uint64_t)p->enable << 16 |
	    (uint64_t)(p->control | CONTROL_SCI) << 32;

	(void)len;
	return all >> 8 * offset;
}

static void
write_control(struct pm *p, uint16_t value)
{
	p->control = value & CONTROL_TYPE;
	if ((value & CONTROL_SLEEP) != 0 && SLEEP_TYPE(value) == POWER_S5)
		p->board->event(p->board->event_arg, BOARD_POWER_OFF);
}

/* Bytes that are not written are not cleared, and stay as they are. */
static void
pm_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct pm *p = arg;
	uint64_t mask = (1ULL << 8 * len) - 1;		/* 4 bytes at most */
	uint64_t all = (uint64_t)p->enable << 16 |
	    (uint64_t)p->control << 32;

	all = (all & ~(mask << 8 * offset)) | value << 8 * offset;
	p->status &= (uint16_t)~all;
	p->enable = (uint16_t)(all >> 16 & ENABLES);
	if (offset + len > PM_CONTROL)
		write_control(p, (uint16_t)(all >> 32));
	update_irq(p);
}

static const struct bus_ops pm_ops = {
	.name	= "power management",
	.read	= pm_read,
	.write	= pm_write,
};

int
pm_new(struct pm **ret, struct board *board, struct err *e)
{
	own_mem struct pm *p = calloc(1, sizeof(*p));
	struct bus_range range = { PM_PORT, PM_LEN, &pm_ops, p };

	if (p == NULL)
		return err_sys(e, "power management");
	p->board = board;
	if (bus_add(&board->pio, &range, e) == -1)
		return -1;
	*ret = take(&p);
	return 0;
}

void
pm_destroy(struct pm *p)
{
	if (p == NULL)
		return;
	bus_remove(&p->board->pio, PM_PORT);
	free(p);
}

void
pm_power_button(struct pm *p)
{
	p->status |= BUTTON;
	update_irq(p);
}

void
pm_reset(struct pm *p)
{
	p->status = p->enable = p->control = 0;
	update_irq(p);
}

json_t *
pm_save(const struct pm *p)
{
	return json_pack("{s:i,s:i,s:i}", "status", p->status,
	    "enable", p->enable, "control", p->control);
}

int
pm_load(struct pm *p, const json_t *o, struct err *e)
{
	uint64_t status, enable, control;

	if (json_get_u64(&status, o, "status", 0, BUTTON, e) != 1 ||
	    json_get_u64(&enable, o, "enable", 0, ENABLES, e) != 1 ||
	    json_get_u64(&control, o, "control", 0, CONTROL_TYPE, e) != 1)
		return err_prefix(e, "power management");
	p->status = status & BUTTON;
	p->enable = enable & ENABLES;
	p->control = control & CONTROL_TYPE;
	/* The interrupt chip has a state of its own, the line is new. */
	p->level = false;
	update_irq(p);
	return 0;
}
