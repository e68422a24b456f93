/* SPDX-License-Identifier: ISC */
/*
 * accel_arm64.h - what accelerators of arm64 machines have besides
 *
 * Registers, for loaders and debuggers.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), chapter B1 and
 * section C5.2.
 */

#ifndef ACCEL_ACCEL_ARM64_H
#define ACCEL_ACCEL_ARM64_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct accel_vcpu;

#define ARM64_XREGS	31		/* X0 to X30 */

/* PSTATE: EL1 with its own stack pointer, interrupts and aborts masked. */
#define ARM64_PSTATE_EL1	0x3c5

struct arm64_regs {
	uint64_t	x[ARM64_XREGS];
	uint64_t	sp;		/* the one that PSTATE selects */
	uint64_t	pc;
	uint64_t	pstate;
};

/* Where the interrupt controller (a GICv3) is in the guest's memory. */
struct arm64_gic {
	uint64_t	distributor;
	uint64_t	redistributors;	/* one behind the other */
	uint64_t	its;		/* of messages */
	/* Or a frame, which makes them shared interrupts. */
	uint64_t	frame;
	uint32_t	frame_first;	/* their first interrupt id */
	uint32_t	frame_count;
};

/* Calls are as those of struct accel. */
struct accel_arm64 {
	bool	frame;		/* messages go to a frame, not an ITS */
	bool	stolen;		/* tells guests of stolen time, if it can */
	int	(*get_regs)(struct accel_vcpu *, struct arm64_regs *ret,
		    struct err *);				/* [vcpu] */
	int	(*set_regs)(struct accel_vcpu *, const struct arm64_regs *,
		    struct err *);				/* [vcpu] */
};

#endif
