/* SPDX-License-Identifier: ISC */
/*
 * acpi.h - the board as ACPI describes it
 *
 * Hardware-reduced: no SCI, no PM timer, no SMI.  Events (power button, new
 * devices, a new identity) are edges on lines of their own, told apart by a
 * generic event device; sleep and reset are registers of dev/power.c.  A
 * guest has the fewest exits this way.
 */

#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/* Tables fill the firmware area from here on, below the MP table. */
#define ACPI_ADDR		0xe0000ULL
#define ACPI_ADDR_END		0xf0000ULL

/* Lines above those of ISA and PCI. */
enum acpi_gsi {
	ACPI_GSI_BUTTON	= 16,
	ACPI_GSI_PCI	= 17,
	ACPI_GSI_GENID	= 18,
};

struct board;
struct memory;

struct acpi_setup {
	struct memory	*memory;
	unsigned	 cpus;
	bool		 pci;
	bool		 serial;
	bool		 pvpanic;
	bool		 pic;		/* there are 8259s */
	uint64_t	 genid;		/* gpa of the identity; 0: none */
};

/* Write the tables; *rsdp is where they begin. */
int	acpi_write(const struct acpi_setup *, uint64_t *rsdp, struct err *);

/* Tell the guest that something happened; the board is locked. */
void	acpi_notify(struct board *, enum acpi_gsi);

#endif
