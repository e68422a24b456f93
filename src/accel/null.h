/* SPDX-License-Identifier: ISC */
/* null.h - what the files of the null accelerator share */

#ifndef ACCEL_NULL_H
#define ACCEL_NULL_H

#include "accel/accel_null.h"

struct accel_vcpu {
	unsigned		 id;
	unsigned		 next;		/* step of the script */
	bool			 reading;	/* the step before is a read */
	uint8_t			 data[NULL_DATA_MAX];
	struct x86_regs		 regs;
};

/* Counts an NMI; keeps what a debugger asked for. */
void	null_count_nmi(unsigned cpu);
void	null_keep_debug(unsigned cpu, const struct x86_debug *);

/* As after power on. */
void	null_reset_regs(struct accel_vcpu *);

extern const struct accel_x86 null_x86;

#endif
