/* SPDX-License-Identifier: ISC */
/* accel_regs.h - a vCPU's registers, whichever processor it is */

#ifndef ACCEL_ACCEL_REGS_H
#define ACCEL_ACCEL_REGS_H

#include "accel/accel.h"
#include "accel/accel_arm64.h"
#include "accel/accel_x86.h"

union accel_regs {
	struct x86_regs		x86;
	struct arm64_regs	arm64;
};

/* As those of struct accel_x86 and accel_arm64. */
static inline int
accel_get_regs(const struct accel *a, struct accel_vcpu *v,
    union accel_regs *ret, struct err *e)
{
	return a->arm64 != NULL ? a->arm64->get_regs(v, &ret->arm64, e) :
	    a->x86->get_regs(v, &ret->x86, e);
}

static inline int
accel_set_regs(const struct accel *a, struct accel_vcpu *v,
    const union accel_regs *r, struct err *e)
{
	return a->arm64 != NULL ? a->arm64->set_regs(v, &r->arm64, e) :
	    a->x86->set_regs(v, &r->x86, e);
}

#endif
