/* SPDX-License-Identifier: ISC */
/*
 * hvf_sysreg.c - system registers that Hypervisor.framework traps
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), ESR_ELx, "ISS
 * encoding for an exception from MSR, MRS", and the registers' own sections,
 * by their names; GIC architecture (IHI 0069), chapter 12, for ICC_*.
 */

#include "hvf_world.h"

/* --- each of them --------------------------------------------------------- */

enum what {
	ZERO,			/* reads 0, writes are lost */
	CONST,			/* reads 0; a write is undefined */
	KEPT,			/* the framework's */
	TIME,			/* time since the VM began; not written */
	UNDEF,			/* there is none */
};

#define REG(op0, op1, crn, crm, op2)	MSR(op0, op1, crn, crm, op2, 0)

static const struct {
	const char	*name;
	uint64_t	 syndrome;
	enum what	 what;
} regs[] = {
	/* Debugger: always trapped, whatever was asked for. */
	{ "OSLAR_EL1", REG(2, 0, 1, 0, 4), ZERO },
	{ "OSDLR_EL1", REG(2, 0, 1, 3, 4), ZERO },
	{ "OSLSR_EL1", REG(2, 0, 1, 1, 4), CONST },
	{ "MDRAR_EL1", REG(2, 0, 1, 0, 0), CONST },
	{ "DBGPRCR_EL1", REG(2, 0, 1, 4, 4), ZERO },
	{ "DBGCLAIMSET_EL1", REG(2, 0, 7, 8, 6), ZERO },
	{ "DBGCLAIMCLR_EL1", REG(2, 0, 7, 9, 6), ZERO },
	/* macOS 26 traps the first; the others when that was asked for. */
	{ "MDCCINT_EL1", REG(2, 0, 0, 2, 0), KEPT },
	{ "MDSCR_EL1", REG(2, 0, 0, 2, 2), KEPT },
	{ "DBGBVR0_EL1", REG(2, 0, 0, 0, 4), KEPT },
	{ "DBGBVR15_EL1", REG(2, 0, 0, 15, 4), KEPT },
	{ "DBGBCR0_EL1", REG(2, 0, 0, 0, 5), KEPT },
	{ "DBGBCR15_EL1", REG(2, 0, 0, 15, 5), KEPT },
	{ "DBGWVR0_EL1", REG(2, 0, 0, 0, 6), KEPT },
	{ "DBGWVR15_EL1", REG(2, 0, 0, 15, 6), KEPT },
	{ "DBGWCR0_EL1", REG(2, 0, 0, 0, 7), KEPT },
	{ "DBGWCR15_EL1", REG(2, 0, 0, 15, 7), KEPT },
	/* A PMU that is not there. */
	{ "PMCR_EL0", REG(3, 3, 9, 12, 0), ZERO },
	{ "PMCNTENSET_EL0", REG(3, 3, 9, 12, 1), ZERO },
	{ "PMCNTENCLR_EL0", REG(3, 3, 9, 12, 2), ZERO },
	{ "PMOVSCLR_EL0", REG(3, 3, 9, 12, 3), ZERO },
	{ "PMSWINC_EL0", REG(3, 3, 9, 12, 4), ZERO },
	{ "PMSELR_EL0", REG(3, 3, 9, 12, 5), ZERO },
	{ "PMCEID0_EL0", REG(3, 3, 9, 12, 6), ZERO },
	{ "PMCEID1_EL0", REG(3, 3, 9, 12, 7), ZERO },
	{ "PMCCNTR_EL0", REG(3, 3, 9, 13, 0), ZERO },
	{ "PMXEVTYPER_EL0", REG(3, 3, 9, 13, 1), ZERO },
	{ "PMXEVCNTR_EL0", REG(3, 3, 9, 13, 2), ZERO },
	{ "PMUSERENR_EL0", REG(3, 3, 9, 14, 0), ZERO },
	{ "PMOVSSET_EL0", REG(3, 3, 9, 14, 3), ZERO },
	{ "PMINTENSET_EL1", REG(3, 0, 9, 14, 1), ZERO },
	{ "PMINTENCLR_EL1", REG(3, 0, 9, 14, 2), ZERO },
	{ "PMEVCNTR0_EL0", REG(3, 3, 14, 8, 0), ZERO },
	{ "PMEVCNTR30_EL0", REG(3, 3, 14, 11, 6), ZERO },
	{ "PMEVTYPER0_EL0", REG(3, 3, 14, 12, 0), ZERO },
	{ "PMEVTYPER30_EL0", REG(3, 3, 14, 15, 6), ZERO },
	{ "PMCCFILTR_EL0", REG(3, 3, 14, 15, 7), ZERO },
	/* Limited ordering. */
	{ "LORSA_EL1", REG(3, 0, 10, 4, 0), ZERO },
	{ "LOREA_EL1", REG(3, 0, 10, 4, 1), ZERO },
	{ "LORN_EL1", REG(3, 0, 10, 4, 2), ZERO },
	{ "LORC_EL1", REG(3, 0, 10, 4, 3), ZERO },
	{ "LORID_EL1", REG(3, 0, 10, 4, 7), ZERO },
	/* The physical counter goes with the virtual one. */
	{ "CNTPCT_EL0", REG(3, 3, 14, 0, 1), TIME },
	/* The host's interrupt controller has these, or no processor. */
	{ "ICC_PMR_EL1", REG(3, 0, 4, 6, 0), UNDEF },
	{ "ICC_SGI1R_EL1", REG(3, 0, 12, 11, 5), UNDEF },
	{ "ICC_IAR1_EL1", REG(3, 0, 12, 12, 0), UNDEF },
	{ "ICC_EOIR1_EL1", REG(3, 0, 12, 12, 1), UNDEF },
	{ "ICC_SRE_EL1", REG(3, 0, 12, 12, 5), UNDEF },
	{ "ICC_IGRPEN1_EL1", REG(3, 0, 12, 12, 7), UNDEF },
	/* Not there: SME, nested virtualization, what makers define. */
	{ "SMCR_EL1", REG(3, 0, 1, 2, 6), UNDEF },
	{ "TPIDR2_EL0", REG(3, 3, 13, 0, 5), UNDEF },
	{ "HCR_EL2", REG(3, 4, 1, 1, 0), UNDEF },
	{ "CNTHCTL_EL2", REG(3, 4, 14, 1, 0), UNDEF },
	{ "S3_7_c15_c15_7", REG(3, 7, 15, 15, 7), UNDEF },
	{ "S3_0_c15_c0_0", REG(3, 0, 15, 0, 0), UNDEF },
	/* The same class has instructions: AT, DC, IC, TLBI. */
	{ "AT S1E1R", REG(1, 0, 7, 8, 0), UNDEF },
	{ "DC CISW", REG(1, 0, 7, 14, 2), UNDEF },
	{ "IC IALLU", REG(1, 0, 7, 5, 0), UNDEF },
	{ "TLBI VMALLE1", REG(1, 0, 8, 7, 0), UNDEF },
	/* op0 0 is PSTATE's and hints: none of them is trapped. */
	{ "S0_0_c0_c0_0", REG(0, 0, 0, 0, 0), UNDEF },
};

#define VBAR	0xffff0000ULL

static hv_sys_reg_t
encoding(uint64_t syndrome)
{
	return HV_SYS_REG(syndrome >> 20 & 3, syndrome >> 14 & 7,
	    syndrome >> 10 & 15, syndrome >> 1 & 15, syndrome >> 17 & 7);
}

/* Read or write it with X<rt>, and see where that ends. */
static void
touch(struct world *w, uint64_t syndrome, bool read, unsigned rt,
    bool undefined)
{
	const hv_vcpu_exit_t exit = fault(syndrome | rt << 5 | read, 0);

	for (unsigned r = 0; r < HV_REG_PC; r++)
		w->f->reg[r] = 0x1234 + r;
	w->f->reg[HV_REG_PC] = PC;
	w->f->reg[HV_REG_CPSR] = ARM64_PSTATE_EL1;
	w->f->sys[HV_SYS_VBAR_EL1] = VBAR;
	fake.now = FAKE_NOW + 24;
	play(w, &exit, 1);
	assert_true(w->f->reg[HV_REG_PC] == (undefined ? VBAR + 0x200 :
	    PC + 4));
	/* Nothing else has changed. */
	for (unsigned r = 0; r < HV_REG_PC; r++)
		if (undefined || !read || r != rt)
			assert_true(w->f->reg[r] == 0x1234 + r);
}

static void
each_read(struct world *w, unsigned i)
{
	uint64_t is = regs[i].what == TIME ? 24 : 0;

	if (regs[i].what == KEPT)
		w->f->sys[encoding(regs[i].syndrome)] = is = 0x5678;
	touch(w, regs[i].syndrome, true, 3, regs[i].what == UNDEF);
	if (regs[i].what != UNDEF)
		assert_true(w->f->reg[3] == is);
}

static void
each_write(struct world *w, unsigned i)
{
	hv_sys_reg_t id = encoding(regs[i].syndrome);

	w->f->sys[id] = 0xabcd;
	touch(w, regs[i].syndrome, false, 7, regs[i].what != ZERO &&
	    regs[i].what != KEPT);
	assert_true(w->f->sys[id] == (regs[i].what == KEPT ? 0x123b :
	    0xabcd));
}

static void
each_register(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(regs); i++) {
		print_message("# %s\n", regs[i].name);
		each_read(&w, i);
		each_write(&w, i);
	}
	end(&w);
}

/* Rt: all general registers, and XZR. */
static void
each_rt(void **state)
{
	const uint64_t mdscr = REG(2, 0, 0, 2, 2);
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned rt = 0; rt < 31; rt++) {
		touch(&w, mdscr, false, rt, false);
		assert_true(w.f->sys[HV_SYS_MDSCR_EL1] == 0x1234 + rt);
		w.f->sys[HV_SYS_MDSCR_EL1] = 0x9000 + rt;
		touch(&w, mdscr, true, rt, false);
		assert_true(w.f->reg[rt] == 0x9000 + rt);
	}
	touch(&w, mdscr, true, HVF_ZERO, false);
	touch(&w, mdscr, false, HVF_ZERO, false);
	assert_true(w.f->sys[HV_SYS_MDSCR_EL1] == 0);
	end(&w);
}

/*
 * "op0==0b11, op1==0, CRn==0, CRm 0 to 7": reads as zero where nothing is
 * assigned, and is read-only; CRm from 8 on is not allocated.
 */
static void
identification(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	w.f->sys[HV_SYS_MIDR_EL1] = 0x610f0000;
	for (unsigned crm = 0; crm < 16; crm++)
		for (unsigned op2 = 0; op2 < 8; op2++) {
			uint64_t s = REG(3, 0, 0, crm, op2), is = 0;
			hv_sys_reg_t id = encoding(s);

			touch(&w, s, true, 3, crm >= 8);
			if (id == HV_SYS_MIDR_EL1 || id == HV_SYS_MPIDR_EL1)
				is = w.f->sys[id];
			assert_true(crm >= 8 || w.f->reg[3] == is);
			touch(&w, s, false, 3, true);
		}
	assert_true(w.f->sys[HV_SYS_MIDR_EL1] == 0x610f0000);
	end(&w);
}

/* --- an undefined instruction -------------------------------------------- */

/* D1.3, "Exception entry": vectors by level and stack pointer; PAN. */
static void
undefined(void **state)
{
	static const struct {
		uint64_t	pstate, sctlr, vector, now;
	} rows[] = {
		{ 0x3c4, 1U << 23, 0x000, 0x3c5 },
		{ 0x3c5, 1U << 23, 0x200, 0x3c5 },
		{ 0x4003c5, 1U << 23, 0x200, 0x4003c5 },
		{ 0x000, 0, 0x400, 0x4003c5 },
		{ 0x60000010, 0, 0x600, 0x4003c5 },
	};
	const hv_vcpu_exit_t exit = fault(MRS(3, 7, 15, 15, 7, 3), 0);
	struct world w;

	(void)state;
	begin(&w, 1);
	w.f->sys[HV_SYS_VBAR_EL1] = 0xffff800010000000;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		w.f->reg[HV_REG_PC] = PC;
		w.f->reg[HV_REG_CPSR] = rows[i].pstate;
		w.f->sys[HV_SYS_SCTLR_EL1] = rows[i].sctlr;
		play(&w, &exit, 1);
		assert_true(w.f->reg[HV_REG_PC] == 0xffff800010000000 +
		    rows[i].vector);
		assert_true(w.f->reg[HV_REG_CPSR] == rows[i].now);
		assert_true(w.f->sys[HV_SYS_ELR_EL1] == PC);
		assert_true(w.f->sys[HV_SYS_SPSR_EL1] == rows[i].pstate);
		assert_true(w.f->sys[HV_SYS_ESR_EL1] == IL);
	}
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_register),
		cmocka_unit_test(each_rt),
		cmocka_unit_test(identification),
		cmocka_unit_test(undefined),
	};

	return unit_run("hvf_sysreg", tests);
}
