/* SPDX-License-Identifier: ISC */
/*
 * walk_arm64.h - where in memory a guest's virtual address is
 *
 * For debuggers, and to read instructions that the processor does not
 * describe: rights and attributes are not looked at.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), chapter D8, "The
 * AArch64 Virtual Memory System Architecture".
 */

#ifndef ACCEL_WALK_ARM64_H
#define ACCEL_WALK_ARM64_H

#include <stdint.h>

struct walk_arm64 {
	uint64_t	 sctlr;			/* of EL1, as all of them */
	uint64_t	 tcr;
	uint64_t	 ttbr[2];
	/* 8 bytes of the guest's memory; false: there is none. */
	_Bool		(*read)(void *arg, uint64_t gpa, uint64_t *ret);
	void		*arg;
};

/* NULL with *gpa, or why there is no address. */
const char *walk_arm64(const struct walk_arm64 *, uint64_t va, uint64_t *gpa);

#endif
