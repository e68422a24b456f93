/* SPDX-License-Identifier: ISC */
/*
 * power.h - sleep and reset registers
 *
 * Ports of the board's own, described to guests by the FADT.
 */

#ifndef VMM_DEV_POWER_H
#define VMM_DEV_POWER_H

#include <stdint.h>

#include "lib/err.h"

#define POWER_PORT		0x600
#define POWER_CONTROL		0	/* offsets: sleep control, */
#define POWER_STATUS		1	/* sleep status, */
#define POWER_RESET		2	/* reset */

#define POWER_S5		5	/* the sleep type that is off */
#define POWER_RESET_VALUE	1

/* Where a real mode program goes for a reset: ffff:0000. */
#define POWER_VECTOR		0xffff0ULL

#define POWER_RESET_CONTROL	0xcf9	/* of PC chipsets, see below */
#define POWER_CONTROL_A		0x92	/* reset and line A20 of a PS/2 */

struct board;
struct memory;

int	power_add(struct board *, struct err *);

/*
 * A byte for the reset control register, which lies amid the ports of PCI
 * configuration: pci.c passes it on, and where there is no PCI bus
 * power_add_control() listens.
 */
void	power_control(struct board *, uint8_t);
int	power_add_control(struct board *, struct err *);

/*
 * Put at the reset vector what little of a BIOS is needed there: Linux goes
 * that way when it is told of no other, and when ACPI has no fixed hardware
 * and there is no EFI.
 */
int	power_write_vector(struct memory *, struct err *);

#endif
