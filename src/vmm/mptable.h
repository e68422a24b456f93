/* SPDX-License-Identifier: ISC */
/*
 * mptable.h - the board as the MultiProcessor Specification describes it
 *
 * For kernels without ACPI: processors, the I/O APIC and who is wired to it.
 */

#ifndef VMM_MPTABLE_H
#define VMM_MPTABLE_H

#include <stdbool.h>

#include "lib/err.h"

/* A paragraph of the BIOS area, where every kernel looks. */
#define MPTABLE_ADDR	0xf0000ULL

struct memory;

int	mptable_write(struct memory *, unsigned cpus, bool pci, struct err *);

#endif
