/* SPDX-License-Identifier: ISC */
/*
 * debug_arm64.h - a debugger's points as the registers of an arm64 processor
 *
 * These functions look at nothing but their arguments.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), sections D2.8 and
 * D2.10 (breakpoints, watchpoints) and D24.3 (DBGBCR, DBGWCR).
 */

#ifndef ACCEL_DEBUG_ARM64_H
#define ACCEL_DEBUG_ARM64_H

#include <stdint.h>

#include "accel/accel.h"

#define DEBUG_ARM64_MAX	16	/* registers of a kind; processors have fewer */

/* Kinds, in the order of op2 in the registers' encodings, from 4 on. */
enum debug_arm64_kind {
	DEBUG_BVR, DEBUG_BCR, DEBUG_WVR, DEBUG_WCR, DEBUG_KINDS
};

struct debug_arm64 {
	uint64_t	reg[DEBUG_KINDS][DEBUG_ARM64_MAX];
};

/* -1, ENOSPC: the processor has not as many; *ret is untouched then. */
int	debug_arm64_points(struct debug_arm64 *ret,
	    const struct accel_debug *, unsigned breaks, unsigned watches,
	    struct err *);

/*
 * Which watchpoints an access met, a bit each.  The address that is told is
 * one of the access: it may begin before what is watched.
 */
unsigned debug_arm64_hits(const struct accel_debug *, uint64_t far);

#endif
