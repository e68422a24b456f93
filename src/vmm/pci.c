/* SPDX-License-Identifier: ISC */
/* pci.c - the bus and configuration space; see pci.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/power.h"
#include "vmm/map.h"
#include "vmm/memory.h"
#include "vmm/pci_private.h"

#define CONFIG_PORTS	0xcf8		/* address, data: 4 bytes each */
#define CONFIG_ENABLE	0x80000000U	/* of the address */

unsigned
pci_intx_gsi(unsigned slot)
{
	return map.line[slot % MAP_LINES];
}

uint16_t
pci_intx_lines(void)
{
	unsigned all = 0;

	for (unsigned i = 0; i < MAP_LINES; i++)
		all |= 1U << map.line[i];
	return (uint16_t)all;
}

bool
pci_intx_is(unsigned gsi)
{
	return gsi < 16 && (pci_intx_lines() & 1U << gsi) != 0;
}

/* --- bytes of the configuration space ----------------------------------- */

uint32_t
pci_get(const struct pci_device *d, unsigned offset, unsigned len)
{
	uint32_t v = 0;

	memcpy(&v, d->config + offset, len);
	return v;
}

void
pci_put(uint8_t *space, unsigned offset, unsigned len, uint32_t value)
{
	memcpy(space + offset, &value, len);
}

uint8_t *
pci_config(struct pci_device *d)
{
	return d->config;
}

/* The line of the slot is what its devices want together. */
static void
intx_settle(struct pci_device *d)
{
	unsigned n = d->slot % MAP_LINES;
	uint32_t bit = 1U << d->slot, old = d->pci->line[n];
	bool high = d->intx && !pci_msix_on(d) &&
	    !(pci_get(d, PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX);

	if (d->intx)
		d->config[PCI_STATUS] |= PCI_STATUS_INTX;
	else
		d->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTX;
	d->pci->line[n] = high ? old | bit : old & ~bit;
	if ((old != 0) != (d->pci->line[n] != 0) &&
	    !d->pci->board->msi_only)
		board_irq(d->pci->board, map.line[n], old == 0);
}

void
pci_intx(struct pci_device *d, bool level)
{
	if (d->intx == level)
		return;
	d->intx = level;
	intx_settle(d);
}

void
pci_settle(struct pci_device *d)
{
	pci_bar_settle(d);
	pci_msix_settle(d);
	intx_settle(d);
}

/* --- the two ways to it ------------------------------------------------- */

/* [reg, +len) of a slot; what is not there is all ones. */
static uint64_t
config_read(struct pci *pci, unsigned slot, unsigned reg, unsigned len)
{
	struct pci_device *d = pci->slot[slot];
	uint64_t v = 0;

	if (d == NULL)
		return UINT64_MAX;
	if (d->setup.config_read != NULL && !pci_shown(d))
		d->setup.config_read(d->setup.arg, reg, len);
	for (unsigned i = 0; i < len && reg + i < PCI_CONFIG_BYTES; i++)
		v |= (uint64_t)d->config[reg + i] << (i * 8);
	return v;
}

static void
config_write(struct pci *pci, unsigned slot, unsigned reg, unsigned len,
    uint64_t value)
{
	struct pci_device *d = pci->slot[slot];
	uint8_t byte, mask;

	if (d == NULL)
		return;
	for (unsigned i = 0; i < len && reg + i < PCI_CONFIG_BYTES; i++) {
		mask = d->mask[reg + i];
		byte = (uint8_t)(value >> (i * 8));
		d->config[reg + i] = (uint8_t)((d->config[reg + i] & ~mask) |
		    (byte & mask));
	}
	pci_settle(d);
	if (d->setup.config_write != NULL)
		d->setup.config_write(d->setup.arg, reg, len);
}

/*
 * Configuration mechanism 1 (PCI 3.0, section 3.2.2.3.2): only a write of
 * 32 bits sets the address; data may be read and written in parts.
 */
static uint64_t
ports_read(void *arg, uint64_t offset, unsigned len)
{
	struct pci *pci = arg;
	unsigned reg = (pci->address & 0xfc) + (offset & 3);

	if (offset + len <= 4)
		return pci->address >> (offset * 8);
	if (offset < 4 || !(pci->address & CONFIG_ENABLE) ||
	    (pci->address & 0xff0700) != 0)
		return UINT64_MAX;
	return config_read(pci, pci->address >> 11 & 31, reg, len);
}

static void
ports_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct pci *pci = arg;
	unsigned reg = (pci->address & 0xfc) + (offset & 3);

	if (offset == POWER_RESET_CONTROL - CONFIG_PORTS && len == 1)
		power_control(pci->board, (uint8_t)value);
	if (offset == 0 && len == 4)
		pci->address = (uint32_t)value & 0x80fffffc;
	if (offset < 4 || !(pci->address & CONFIG_ENABLE) ||
	    (pci->address & 0xff0700) != 0)
		return;
	config_write(pci, pci->address >> 11 & 31, reg, len, value);
}

static const struct bus_ops ports_ops = {
	.name	= "PCI configuration ports",
	.read	= ports_read,
	.write	= ports_write,
};

/* PCI Express 4.0, section 7.2.2: bus 0, so 8 functions of 32 devices. */
static uint64_t
ecam_read(void *arg, uint64_t offset, unsigned len)
{
	if ((offset & 0x7000) != 0)
		return UINT64_MAX;
	return config_read(arg, (unsigned)(offset >> 15), offset & 0xfff,
	    len);
}

static void
ecam_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	if ((offset & 0x7000) == 0)
		config_write(arg, (unsigned)(offset >> 15), offset & 0xfff,
		    len, value);
}

static const struct bus_ops ecam_ops = {
	.name	= "PCI configuration space",
	.read	= ecam_read,
	.write	= ecam_write,
};

/* --- devices ------------------------------------------------------------ */

/* The header as the device's identity makes it. */
static void
header_init(struct pci_device *d)
{
	const struct pci_identity *id = &d->setup.id;
	uint16_t command = PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX;
	uint8_t *c = d->config;

	pci_put(c, PCI_VENDOR, 2, id->vendor);
	pci_put(c, PCI_DEVICE, 2, id->device);
	pci_put(c, PCI_REVISION, 1, id->revision);
	pci_put(c, PCI_CLASS, 3, id->class);
	pci_put(c, PCI_SUBVENDOR, 2, id->subvendor);
	pci_put(c, PCI_SUBDEVICE, 2, id->subdevice);
	pci_put(d->mask, PCI_CACHE_LINE, 1, 0xff);
	pci_put(d->mask, PCI_INT_LINE, 1, 0xff);
	/* A pin whose line nobody has makes Linux give the device up. */
	if (d->slot != 0 && !d->pci->board->msi_only) {
		pci_put(c, PCI_INT_LINE, 1, pci_intx_gsi(d->slot));
		pci_put(c, PCI_INT_PIN, 1, 1);
	}
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (d->setup.bar[i].len != 0)
			command |= d->setup.bar[i].pio ? PCI_COMMAND_IO :
			    PCI_COMMAND_MEMORY;
	pci_put(d->mask, PCI_COMMAND, 2, command);
	if (d->setup.decode)
		pci_put(c, PCI_COMMAND, 2, command &
		    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	d->cap_free = PCI_HEADER_END;
}

int
pci_capability(struct pci_device *d, const struct pci_cap *cap, struct err *e)
{
	unsigned at = d->cap_free;

	if (cap->len > PCI_CONFIG_BYTES - at)
		return err_set(e, ENOSPC, "%s: no room for another capability",
		    d->name);
	memcpy(d->config + at, cap->bytes, cap->len);
	d->config[at + 1] = 0;
	if (cap->mask != NULL)
		memcpy(d->mask + at, cap->mask, cap->len);
	if (d->cap_last == 0)
		d->config[PCI_CAPABILITIES] = (uint8_t)at;
	else
		d->config[d->cap_last + 1] = (uint8_t)at;
	d->config[PCI_STATUS] |= PCI_STATUS_CAPS;
	d->cap_last = at;
	d->cap_free = (at + cap->len + 3) & ~3U;
	memcpy(d->fresh, d->config, PCI_CONFIG_BYTES);
	return (int)at;
}

/* The slot that was asked for, or a free one. */
static int
slot_find(const struct pci *pci, const struct pci_setup *s, struct err *e)
{
	if (s->slot >= PCI_SLOTS)
		return err_set(e, EINVAL, "%s: no PCI slot %d", s->name,
		    s->slot);
	if (s->slot >= 0 && pci->slot[s->slot] != NULL)
		return err_set(e, EEXIST, "%s: PCI slot %d is taken by %s",
		    s->name, s->slot, pci->slot[s->slot]->name);
	if (s->slot >= 0)
		return s->slot;
	for (int i = 0; i < PCI_SLOTS; i++)
		if (pci->slot[i] == NULL)
			return i;
	return err_set(e, ENOSPC, "%s: all %d PCI slots are taken", s->name,
	    PCI_SLOTS);
}

int
pci_add(struct pci_device **ret, struct pci *pci, const struct pci_setup *s,
    struct err *e)
{
	own_mem struct pci_device *d = NULL;
	int slot = slot_find(pci, s, e);

	if (slot == -1)
		return -1;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return err_sys(e, "%s", s->name);
	d->pci = pci;
	d->slot = (unsigned)slot;
	d->config = pci_show_slot(pci, d->slot, true);
	d->setup = *s;
	(void)snprintf(d->name, sizeof(d->name), "%s", s->name);
	d->setup.name = d->name;
	header_init(d);
	pci->slot[slot] = d;
	if (pci_msix_init(d, e) == -1 || pci_bar_init(d, e) == -1) {
		pci->slot[slot] = NULL;
		(void)pci_show_slot(pci, d->slot, false);
		return -1;
	}
	memcpy(d->fresh, d->config, PCI_CONFIG_BYTES);
	pci_settle(d);
	*ret = take(&d);
	return 0;
}

void
pci_remove(struct pci_device *d)
{
	if (d == NULL)
		return;
	pci_intx(d, false);
	pci_bar_off(d);
	pci_msix_fini(d);
	d->pci->slot[d->slot] = NULL;
	(void)pci_show_slot(d->pci, d->slot, false);
	free(d);
}

unsigned
pci_slot(const struct pci_device *d)
{
	return d->slot;
}

uint32_t
pci_slots(const struct pci *pci)
{
	uint32_t set = 0;

	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (pci->slot[i] != NULL)
			set |= 1U << i;
	return set;
}

struct pci_device *
pci_find(struct pci *pci, const char *name)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (pci->slot[i] != NULL &&
		    strcmp(pci->slot[i]->name, name) == 0)
			return pci->slot[i];
	return NULL;
}

/* --- the bus ------------------------------------------------------------ */

/* OpenBSD's own number for the bridge of its VMs: every system knows it. */
static const struct pci_setup bridge = {
	.name	= "host bridge",
	.slot	= 0,
	.id	= { .vendor = 0x0b5d, .device = 0x0666, .class = 0x060000 },
};

int
pci_new(struct pci **ret, struct board *board, struct err *e)
{
	struct pci *pci = calloc(1, sizeof(*pci));
	struct pci_device *d;

	if (pci == NULL)
		return err_sys(e, "PCI");
	pci->board = board;
	if (pci_show_init(pci, e) == -1)
		goto no_space;
	if (bus_add(&board->pio, &(struct bus_range){
	    .base = CONFIG_PORTS, .len = 8, .ops = &ports_ops, .arg = pci },
	    e) == -1)
		goto no_ports;
	if (bus_add(&board->mmio, &(struct bus_range){
	    .base = map.ecam, .len = MEMORY_ECAM_LEN, .ops = &ecam_ops,
	    .arg = pci }, e) == -1)
		goto no_ecam;
	if (pci_add(&d, pci, &bridge, e) == -1)
		goto no_bridge;
	*ret = pci;
	return 0;
no_bridge:
	bus_remove(&board->mmio, map.ecam);
no_ecam:
	bus_remove(&board->pio, CONFIG_PORTS);
no_ports:
	pci_show_fini(pci);
no_space:
	free(pci);
	return -1;
}

void
pci_destroy(struct pci *pci)
{
	if (pci == NULL)
		return;
	pci_remove(pci->slot[0]);
	bus_remove(&pci->board->mmio, map.ecam);
	bus_remove(&pci->board->pio, CONFIG_PORTS);
	pci_show_fini(pci);
	free(pci);
}
