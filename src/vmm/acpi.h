/* SPDX-License-Identifier: ISC */
/*
 * acpi.h - the board as ACPI describes it
 *
 * Hardware-reduced: no SCI, no PM timer, no SMI.  Events (power button, new
 * devices, a new identity) are edges on lines of their own, told apart by a
 * generic event device; sleep and reset are registers of dev/power.c.  A
 * guest has the fewest exits this way.
 *
 * After firmware it is the fixed hardware of dev/pm.c that has the power
 * button and sleep: a kernel then takes over the 8259s and the timer from the
 * BIOS.  Other events are the same device's.
 */

#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * The tables, the first of which is the one that is searched for; behind
 * them 16 bytes that are another number in each copy of the VM.
 */
#define ACPI_LEN		0xf010ULL	/* bytes in all */
#define ACPI_GENID		0xf000ULL	/* offset */
#define ACPI_GENID_LEN		16
#define ACPI_RSDP_LEN		36

/* Where they are without firmware, which would put them elsewhere. */
#define ACPI_ADDR		0xe0000ULL

/* Lines above those of ISA and PCI. */
enum acpi_gsi {
	ACPI_GSI_BUTTON	= 16,
	ACPI_GSI_PCI	= 17,
	ACPI_GSI_GENID	= 18,
	ACPI_GSI_CPU	= 19,	/* one comes or shall go */
};

struct board;
struct memory;

struct acpi_setup {
	struct memory	*memory;
	uint64_t	 addr;		/* gpa of ACPI_LEN bytes */
	unsigned	 cpus;		/* that are there */
	unsigned	 cpus_max;	/* that can be; 0: no more than these */
	bool		 pci;
	uint32_t	 slots;		/* of PCI that are taken, a bit each */
	bool		 serial;
	bool		 pvpanic;
	bool		 pic;		/* there are 8259s */
	bool		 fixed;		/* not hardware-reduced: dev/pm.h */
};

/* Write the tables. */
int	acpi_write(const struct acpi_setup *, struct err *);

/* The first of those at addr, for a copy of it. */
void	acpi_rsdp(uint64_t addr, uint8_t ret[ACPI_RSDP_LEN]);

/*
 * Give the VM whose tables are at addr a new identity; the guest is told by
 * ACPI_GSI_GENID.
 */
void	acpi_new_genid(struct memory *, uint64_t addr);

/* Tell the guest that something happened; the board is locked. */
void	acpi_notify(struct board *, enum acpi_gsi);

#endif
