/* SPDX-License-Identifier: ISC */
/* map_arm64.c - the address map of the arm64 board; map_arm64.h draws it */

#include "vmm/map.h"
#include "vmm/map_arm64.h"

const struct map map = {
	.low		= ARM64_RAM,
	.low_max	= ARM64_RAM_MAX,
	.max		= ARM64_RAM_MAX,
	.pci		= ARM64_PCI,
	.pci_end	= ARM64_PCI_END,
	.ecam		= ARM64_ECAM,
	.line		= { ARM64_GSI_PCI, ARM64_GSI_PCI + 1,
			    ARM64_GSI_PCI + 2, ARM64_GSI_PCI + 3 },
};
