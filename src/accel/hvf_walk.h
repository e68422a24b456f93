/* SPDX-License-Identifier: ISC */
/*
 * hvf_walk.h - where in memory a guest's virtual address is
 *
 * Only to read instructions that the processor does not describe: rights
 * and attributes are not looked at, it has done that.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), chapter D8, "The
 * AArch64 Virtual Memory System Architecture".
 */

#ifndef ACCEL_HVF_WALK_H
#define ACCEL_HVF_WALK_H

#include <stdint.h>

struct hvf_walk {
	uint64_t	 sctlr;			/* of EL1, as all of them */
	uint64_t	 tcr;
	uint64_t	 ttbr[2];
	/* 8 bytes of the guest's memory; false: there is none. */
	_Bool		(*read)(void *arg, uint64_t gpa, uint64_t *ret);
	void		*arg;
};

/* NULL with *gpa, or why there is no address. */
const char *hvf_walk(const struct hvf_walk *, uint64_t va, uint64_t *gpa);

#endif
