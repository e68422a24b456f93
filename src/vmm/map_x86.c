/* SPDX-License-Identifier: ISC */
/* map_x86.c - the address map of the x86-64 board; memory.h draws it */

#include "vmm/map.h"
#include "vmm/memory.h"

const struct map map = {
	.low		= 0,
	.low_max	= MEMORY_LOW_MAX,
	.high		= MEMORY_HIGH,
	.max		= MEMORY_MAX,
	.pci		= MEMORY_PCI,
	.pci_end	= MEMORY_PCI_END,
	.pci64		= MEMORY_PCI64,
	.pci64_end	= MEMORY_PCI64 + MEMORY_PCI64_LEN,
	.ecam		= MEMORY_ECAM,
	/* Below 16, so that guests without an IOAPIC driver have them too. */
	.line		= { 5, 10, 11, 12 },
};
