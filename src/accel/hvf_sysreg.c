/* SPDX-License-Identifier: ISC */
/*
 * hvf_sysreg.c - system registers that are trapped
 *
 * Those that the framework leaves to us although every kernel touches them.
 * Any other does not exist: the guest gets an undefined instruction.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), ESR_ELx, "ISS
 * encoding for an exception from MSR, MRS"; D1.3, "Exception
 * entry".
 */

#include "accel/hvf.h"
#include "lib/util.h"

#define ISS_READ	1U

/* What is done with it. */
typedef uint64_t sysreg_fn(struct accel_vcpu *, hv_sys_reg_t, bool read,
    uint64_t value);

static uint64_t
zero(struct accel_vcpu *c, hv_sys_reg_t reg, bool read, uint64_t value)
{
	(void)c;
	(void)reg;
	(void)read;
	(void)value;
	return 0;
}

/* The framework has it, and only traps it; or a debugger. */
static uint64_t
forward(struct accel_vcpu *c, hv_sys_reg_t reg, bool read, uint64_t value)
{
	if (read)
		return hvf_own_get(c, reg);
	hvf_own_set(c, reg, value);
	return 0;
}

static uint64_t
counter(struct accel_vcpu *c, hv_sys_reg_t reg, bool read, uint64_t value)
{
	(void)reg;
	(void)read;
	(void)value;
	return mach_absolute_time() - c->vm->offset;
}

/* Fields of an encoding that a row looks at. */
#define ALL	0xffffU
#define NO_OP2	0xfff8U		/* any op2 */
#define NO_CRM	0xff87U		/* any CRm */
#define PMEV	0xffc0U		/* CRm 8 to 15, any op2 */
#define RANGE	0xffc0U		/* CRm 0 to 7, any op2 */

static const struct {
	uint16_t	 mask;
	hv_sys_reg_t	 reg;
	bool		 write;		/* may be written */
	sysreg_fn	*fn;
} table[] = {
	/* debugger: there are no locks; breakpoints are kept */
	{ ALL,	  HV_SYS_REG(2, 0, 1, 0, 0),  false, zero },	/* MDRAR */
	{ ALL,	  HV_SYS_REG(2, 0, 1, 0, 4),  true,  zero },	/* OSLAR */
	{ ALL,	  HV_SYS_REG(2, 0, 1, 1, 4),  false, zero },	/* OSLSR */
	{ ALL,	  HV_SYS_REG(2, 0, 1, 3, 4),  true,  zero },	/* OSDLR */
	{ ALL,	  HV_SYS_REG(2, 0, 1, 4, 4),  true,  zero },	/* DBGPRCR */
	{ NO_CRM, HV_SYS_REG(2, 0, 7, 0, 6),  true,  zero },	/* DBGCLAIM */
	{ ALL,	  HV_SYS_MDCCINT_EL1,	      true,  forward },
	{ ALL,	  HV_SYS_MDSCR_EL1,	      true,  forward },
	{ NO_CRM, HV_SYS_DBGBVR_EL1(0),	      true,  forward },
	{ NO_CRM, HV_SYS_DBGBCR_EL1(0),	      true,  forward },
	{ NO_CRM, HV_SYS_DBGWVR_EL1(0),	      true,  forward },
	{ NO_CRM, HV_SYS_DBGWCR_EL1(0),	      true,  forward },
	/* counters of events: ID_AA64DFR0 says that there are none */
	{ NO_OP2, HV_SYS_REG(3, 0, 9, 14, 0), true,  zero },	/* PMINTEN */
	{ NO_OP2, HV_SYS_REG(3, 3, 9, 12, 0), true,  zero },	/* PMCR .. */
	{ NO_OP2, HV_SYS_REG(3, 3, 9, 13, 0), true,  zero },	/* PMCCNTR */
	{ NO_OP2, HV_SYS_REG(3, 3, 9, 14, 0), true,  zero },	/* PMUSERENR */
	{ PMEV,	  HV_SYS_REG(3, 3, 14, 8, 0), true,  zero },	/* PMEV */
	/* limited ordering: none, by ID_AA64MMFR1 */
	{ NO_OP2, HV_SYS_REG(3, 0, 10, 4, 0), true,  zero },	/* LORC .. */
	/* time */
	{ ALL,	  HV_SYS_REG(3, 3, 14, 0, 1), false, counter },	/* CNTPCT */
	/* identification: what has no meaning yet reads as zero */
	{ ALL,	  HV_SYS_MIDR_EL1,	      false, forward },
	{ ALL,	  HV_SYS_MPIDR_EL1,	      false, forward },
	{ RANGE,  HV_SYS_REG(3, 0, 0, 0, 0),  false, zero },
};

/* Bits of a syndrome. */
#define FIELD(iss, lo, bits)	((iss) >> (lo) & ((1U << (bits)) - 1))

static hv_sys_reg_t
encoding(uint32_t iss)
{
	return HV_SYS_REG(FIELD(iss, 20, 2), FIELD(iss, 14, 3),
	    FIELD(iss, 10, 4), FIELD(iss, 1, 4), FIELD(iss, 17, 3));
}

static sysreg_fn *
lookup(hv_sys_reg_t reg, bool read)
{
	for (unsigned i = 0; i < COUNT(table); i++)
		if ((reg & table[i].mask) == table[i].reg)
			return read || table[i].write ? table[i].fn : NULL;
	return NULL;
}

/* --- exceptions of the guest --------------------------------------------- */

#define ESR_UNKNOWN	(1U << 25)	/* class 0, a 32-bit instruction */
#define SCTLR_SPAN	(1U << 23)	/* exceptions leave PAN as it is */
#define PSTATE_PAN	(1U << 22)
#define PSTATE_NRW	(1U << 4)
#define PSTATE_EL	0xcU
#define PSTATE_SP	1U
#define PSTATE_EXCEPTION ARM64_PSTATE_EL1

/* Offset in the vector table, by what was running. */
static uint64_t
vector(uint64_t pstate)
{
	if ((pstate & PSTATE_NRW) != 0)
		return 0x600;
	if ((pstate & PSTATE_EL) == 0)
		return 0x400;
	return (pstate & PSTATE_SP) != 0 ? 0x200 : 0;
}

void
hvf_inject(struct accel_vcpu *c, uint32_t esr)
{
	uint64_t pstate = hvf_get(c, HV_REG_CPSR), now = PSTATE_EXCEPTION;

	if ((hvf_get_sys(c, HV_SYS_SCTLR_EL1) & SCTLR_SPAN) == 0)
		now |= PSTATE_PAN;
	else
		now |= pstate & PSTATE_PAN;
	hvf_set_sys(c, HV_SYS_ESR_EL1, esr);
	hvf_set_sys(c, HV_SYS_ELR_EL1, hvf_get(c, HV_REG_PC));
	hvf_set_sys(c, HV_SYS_SPSR_EL1, pstate);
	hvf_set(c, HV_REG_PC, hvf_get_sys(c, HV_SYS_VBAR_EL1) +
	    vector(pstate));
	hvf_set(c, HV_REG_CPSR, now);
	c->finished = true;
}

bool
hvf_sysreg(struct accel_vcpu *c, struct accel_exit *x)
{
	uint32_t iss = (uint32_t)c->exit->exception.syndrome;
	bool read = (iss & ISS_READ) != 0;
	hv_sys_reg_t reg = encoding(iss);
	unsigned rt = FIELD(iss, 5, 5);
	sysreg_fn *fn = lookup(reg, read);
	uint64_t value;

	(void)x;
	if (fn == NULL) {
		hvf_inject(c, ESR_UNKNOWN);
		return false;
	}
	value = read || rt == HVF_ZERO ? 0 : hvf_get(c, rt);
	value = fn(c, reg, read, value);
	if (read && rt != HVF_ZERO)
		hvf_set(c, rt, value);
	hvf_advance(c);
	return false;
}
