/* SPDX-License-Identifier: ISC */
/*
 * pm.h - ACPI's fixed hardware: power button and sleep
 *
 * For guests that firmware boots.  The BIOS leaves them 8259s with its own
 * vectors and a timer that ticks; a kernel that finds no fixed hardware takes
 * it that there are none, and meets an exception's vector instead.  ACPI is
 * on from the beginning: there is no SMI to ask for it.  There is no timer
 * either: SeaBIOS would wait for disks by reading it, an exit each time, where
 * now it reads the processor's.
 */

#ifndef VMM_DEV_PM_H
#define VMM_DEV_PM_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define PM_PORT		0x610
enum {
	PM_EVENT	= 0,	/* status and enable, 16 bits each */
	PM_CONTROL	= 4,	/* 16 bits */
	PM_LEN		= 6,
};
#define PM_GSI		9	/* SCI: a level */

struct board;
struct pm;

int	pm_new(struct pm **ret, struct board *, struct err *);
void	pm_destroy(struct pm *);
OWN_DEFINE(struct pm, pm_destroy);

/* Board locked: the button is pressed; as after power on. */
void	pm_power_button(struct pm *);
void	pm_reset(struct pm *);

/* The caller owns the state; NULL: out of memory. */
json_t	*pm_save(const struct pm *);
int	 pm_load(struct pm *, const json_t *, struct err *);

#endif
