/* SPDX-License-Identifier: ISC */
/* pci_state.c - power on, and what a snapshot keeps of PCI; see pci.h */

#include <errno.h>
#include <string.h>

#include "lib/json.h"
#include "vmm/pci_private.h"

static void
device_reset(struct pci_device *d)
{
	d->intx = false;
	memcpy(d->config, d->fresh, PCI_CONFIG_BYTES);
	pci_settle(d);
	pci_msix_reset(d);
}

void
pci_reset(struct pci *pci)
{
	pci->address = 0;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (pci->slot[i] != NULL)
			device_reset(pci->slot[i]);
}

json_t *
pci_save(struct pci_device *d)
{
	own_json json_t *o = json_object();

	if (o == NULL)
		return NULL;
	pci_msix_collect(d);
	if (json_object_set_new(o, "slot", json_integer(d->slot)) == -1 ||
	    json_object_set_new(o, "config",
	    json_hex(d->config, PCI_CONFIG_BYTES)) == -1 ||
	    json_object_set_new(o, "intx", json_boolean(d->intx)) == -1)
		return NULL;
	if (d->msix.n != 0 && (json_object_set_new(o, "msix",
	    json_hex(d->msix.table, d->msix.n * PCI_MSIX_ENTRY)) == -1 ||
	    json_object_set_new(o, "pending", json_hex(&d->msix.pending,
	    sizeof(d->msix.pending))) == -1))
		return NULL;
	return take(&o);
}

/* Is what the guest cannot write the same here? */
static int
config_check(const struct pci_device *d, const uint8_t *config,
    struct err *e)
{
	for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++) {
		uint8_t mask = d->mask[i];

		if (i == PCI_STATUS)
			mask |= PCI_STATUS_INTX;
		if ((config[i] ^ d->fresh[i]) & ~mask)
			return err_set(e, EINVAL, "%s: another kind of PCI "
			    "device, seen at 0x%02x", d->name, i);
	}
	return 0;
}

/* A member that must be there. */
static int
need(int found, const char *name, struct err *e)
{
	if (found == 0)
		return err_set(e, EINVAL, "%s is missing", name);
	return found == 1 ? 0 : -1;
}

int
pci_load(struct pci_device *d, const json_t *o, struct err *e)
{
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t table[sizeof(d->msix.table)];
	uint64_t pending = 0, slot;
	bool intx;
	size_t len = d->msix.n * PCI_MSIX_ENTRY;

	if (need(json_get_u64(&slot, o, "slot", 0, PCI_SLOTS - 1, e), "slot",
	    e) == -1 ||
	    need(json_get_hex(config, sizeof(config), o, "config", e),
	    "config", e) == -1 ||
	    need(json_get_bool(&intx, o, "intx", e), "intx", e) == -1)
		return -1;
	if (slot != d->slot)
		return err_set(e, EINVAL, "%s: was in PCI slot %u", d->name,
		    (unsigned)slot);
	if (len != 0 &&
	    (need(json_get_hex(table, len, o, "msix", e), "msix", e) == -1 ||
	    need(json_get_hex(&pending, sizeof(pending), o, "pending", e),
	    "pending", e) == -1))
		return -1;
	if (config_check(d, config, e) == -1)
		return -1;
	memcpy(d->config, config, sizeof(config));
	if (len != 0)
		memcpy(d->msix.table, table, len);
	d->msix.pending = pending;
	d->intx = intx;
	pci_settle(d);
	return 0;
}

json_t *
pci_bus_save(struct pci *pci)
{
	own_json json_t *o = json_object();

	if (o == NULL || json_object_set_new(o, "address",
	    json_integer(pci->address)) == -1 ||
	    json_object_set_new(o, "bridge", pci_save(pci->slot[0])) == -1)
		return NULL;
	return take(&o);
}

int
pci_bus_load(struct pci *pci, const json_t *o, struct err *e)
{
	uint64_t address;
	json_t *bridge;

	if (need(json_get_u64(&address, o, "address", 0, UINT32_MAX, e),
	    "address", e) == -1 ||
	    need(json_get_obj(&bridge, o, "bridge", 8, e), "bridge",
	    e) == -1 || pci_load(pci->slot[0], bridge, e) == -1)
		return -1;
	pci->address = (uint32_t)address;
	return 0;
}
