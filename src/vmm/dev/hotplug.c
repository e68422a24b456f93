/* SPDX-License-Identifier: ISC */
/*
 * hotplug.c - registers by which a guest takes in and gives up PCI devices
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: ACPI 6.5, section 6.3 (device insertion, removal, and status
 * objects).
 */

#include <errno.h>
#include <stdlib.h>

#include "lib/json.h"
#include "vmm/acpi.h"
#include "vmm/board.h"
#include "vmm/dev/hotplug.h"
#include "vmm/pci.h"

struct hotplug {
	struct hotplug_setup	setup;
	uint32_t		changed;
};

static uint64_t
hotplug_read(void *arg, uint64_t offset, unsigned len)
{
	struct hotplug *h = arg;
	uint32_t ret = h->changed;

	if (offset != HOTPLUG_CHANGED || len != 4)
		return 0;
	h->changed = 0;
	return ret;
}

static void
hotplug_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct hotplug *h = arg;

	if (offset == HOTPLUG_EJECT && len == 4 && value < PCI_SLOTS)
		h->setup.ejected(h->setup.arg, (unsigned)value);
}

static const struct bus_ops hotplug_ops = {
	.name	= "hot-plug",
	.read	= hotplug_read,
	.write	= hotplug_write,
};

int
hotplug_new(struct hotplug **ret, const struct hotplug_setup *s,
    struct err *e)
{
	own_mem struct hotplug *h = calloc(1, sizeof(*h));
	struct bus_range r = { HOTPLUG_PORT, HOTPLUG_LEN, &hotplug_ops, h };

	if (h == NULL)
		return err_sys(e, "hot-plug");
	h->setup = *s;
	if (bus_add(&s->board->pio, &r, e) == -1)
		return -1;
	*ret = take(&h);
	return 0;
}

void
hotplug_destroy(struct hotplug *h)
{
	if (h == NULL)
		return;
	bus_remove(&h->setup.board->pio, HOTPLUG_PORT);
	free(h);
}

static void
change(struct hotplug *h, unsigned bit)
{
	h->changed |= 1U << bit;
	acpi_notify(h->setup.board, ACPI_GSI_PCI);
}

void
hotplug_look(struct hotplug *h)
{
	change(h, 0);
}

void
hotplug_request(struct hotplug *h, unsigned slot)
{
	change(h, slot);
}

void
hotplug_reset(struct hotplug *h)
{
	h->changed = 0;
}

json_t *
hotplug_save(const struct hotplug *h)
{
	return json_pack("{s:I}", "changed", (json_int_t)h->changed);
}

int
hotplug_load(struct hotplug *h, const json_t *o, struct err *e)
{
	uint64_t changed;

	if (json_get_u64(&changed, o, "changed", 0, UINT32_MAX, e) != 1)
		return err_set(e, EINVAL, "hotplug: not a state of it");
	h->changed = (uint32_t)changed;
	return 0;
}
