/* SPDX-License-Identifier: ISC */
/*
 * hvf_debug.c - a debugger on Hypervisor.framework
 *
 * The framework is the one of hvf_kit.h.  Source: Arm Architecture Reference
 * Manual (DDI 0487), chapter D2 and the registers' own sections, by their
 * names.
 */

#include "hvf_world.h"

#include "lib/json.h"

#define BREAKPOINT	EC(0x30)
#define STEP		(EC(0x32) | 0x22)
#define WATCHPOINT	EC(0x34)
#define BRK(imm)	(EC(0x3c) | (imm))

#define MDSCR_SS	1ULL
#define MDSCR_TDCC	(1ULL << 12)
#define MDSCR_KDE	(1ULL << 13)
#define MDSCR_MDE	(1ULL << 15)
#define PSTATE_SS	(1ULL << 21)

#define BVR(n)		HV_SYS_DBGBVR_EL1(n)
#define BCR(n)		HV_SYS_DBGBCR_EL1(n)
#define WVR(n)		HV_SYS_DBGWVR_EL1(n)
#define WCR(n)		HV_SYS_DBGWCR_EL1(n)
#define BCR_ON		0x1e7U		/* E, PMC: EL1 and EL0, BAS: all */

static void
debug(struct world *w, const struct accel_debug *d)
{
	struct err e;

	if (accel_hvf.debug(w->c, d, &e) == -1)
		fail_msg("%s", e.text);
}

/* The guest debugs itself. */
static void
guests_own(struct world *w)
{
	w->f->sys[BVR(0)] = 0xaa0;
	w->f->sys[BCR(0)] = 0x1e5;
	w->f->sys[WVR(3)] = 0xbb0;
	w->f->sys[WCR(3)] = 0x1ff5;
	w->f->sys[HV_SYS_MDSCR_EL1] = MDSCR_KDE | MDSCR_TDCC;
	w->f->reg[HV_REG_CPSR] = ARM64_PSTATE_EL1;
}

static void
assert_own(const struct world *w)
{
	assert_true(w->f->sys[BVR(0)] == 0xaa0);
	assert_true(w->f->sys[BCR(0)] == 0x1e5);
	assert_true(w->f->sys[WVR(3)] == 0xbb0);
	assert_true(w->f->sys[WCR(3)] == 0x1ff5);
	assert_true(w->f->sys[HV_SYS_MDSCR_EL1] == (MDSCR_KDE | MDSCR_TDCC));
	assert_true(w->f->reg[HV_REG_CPSR] == ARM64_PSTATE_EL1);
}

/* --- what the processor is told ------------------------------------------- */

/* DBGBCR: BAS, PMC, E; DBGWCR: BAS, LSC, PAC, E; values extend bit 52. */
static const struct {
	struct accel_point	point;
	hv_sys_reg_t		value, control;
	uint64_t		is_value, is_control;
} points[] = {
	{ { 0xffff800010000004, 1, ACCEL_POINT_EXECUTE }, BVR(0), BCR(0),
	    0xffff800010000004, BCR_ON },
	{ { 0x1007, 1, ACCEL_POINT_EXECUTE }, BVR(0), BCR(0), 0x1004,
	    BCR_ON },
	{ { 0x0012345678901234, 1, ACCEL_POINT_EXECUTE }, BVR(0), BCR(0),
	    0xfff2345678901234, BCR_ON },
	{ { 0x2000, 8, ACCEL_POINT_WRITE }, WVR(0), WCR(0), 0x2000, 0x1ff7 },
	{ { 0x2004, 4, ACCEL_POINT_READ }, WVR(0), WCR(0), 0x2000, 0x1e0f },
	{ { 0x2006, 2, ACCEL_POINT_ACCESS }, WVR(0), WCR(0), 0x2000,
	    0x181f },
	{ { 0xffff000000002007, 1, ACCEL_POINT_WRITE }, WVR(0), WCR(0),
	    0xffff000000002000, 0x1017 },
};

static void
told(void **state)
{
	const struct accel_debug off = { .on = false };
	struct world w;

	(void)state;
	begin(&w, 1);
	guests_own(&w);
	for (unsigned i = 0; i < COUNT(points); i++) {
		const struct accel_debug d = { .on = true, .npoints = 1,
		    .point = { points[i].point } };

		debug(&w, &d);
		assert_true(w.f->trapped[0] && w.f->trapped[1]);
		assert_true(w.f->sys[points[i].value] == points[i].is_value);
		assert_true(w.f->sys[points[i].control] ==
		    points[i].is_control);
		/* The guest's are off, and its step is; no more changes. */
		assert_true(w.f->sys[WCR(3)] == 0);
		assert_true(w.f->sys[HV_SYS_MDSCR_EL1] == (MDSCR_MDE |
		    MDSCR_TDCC));
		assert_true(w.f->reg[HV_REG_CPSR] == ARM64_PSTATE_EL1);
	}
	debug(&w, &off);
	assert_false(w.f->trapped[0] || w.f->trapped[1]);
	assert_own(&w);
	/* Off again is nothing. */
	debug(&w, &off);
	assert_own(&w);
	end(&w);
}

/* ID_AA64DFR0_EL1: 6 breakpoints and 4 watchpoints. */
static void
too_many(void **state)
{
	static const struct {
		enum accel_point_kind	kind;
		unsigned		most;
	} rows[] = {
		{ ACCEL_POINT_EXECUTE, 6 },
		{ ACCEL_POINT_WRITE, 4 },
	};
	struct err e;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		struct accel_debug d = { .on = true };

		for (unsigned n = 0; n <= rows[i].most; n++)
			d.point[n] = (struct accel_point){ 0x1000 + 8 * n, 1,
			    rows[i].kind };
		d.npoints = rows[i].most;
		debug(&w, &d);
		d.npoints++;
		d.step = true;
		assert_int_equal(accel_hvf.debug(w.c, &d, &e), -1);
		assert_int_equal(e.num, ENOSPC);
		assert_string_equal(e.text, "the processor has only 6 "
		    "breakpoints and 4 watchpoints");
		/* What was asked for before holds. */
		assert_true((w.f->sys[HV_SYS_MDSCR_EL1] & MDSCR_SS) == 0);
		assert_true(w.f->sys[i == 0 ? BVR(5) : WVR(3)] == 0x1000 +
		    8 * (rows[i].most - 1));
	}
	end(&w);
}

/* --- exits ---------------------------------------------------------------- */

/* FAR tells an address of the access, which may begin before the point. */
static const struct {
	uint64_t	syndrome, far;
	unsigned	hits;
} exits[] = {
	{ BREAKPOINT | 0x22, 0, 0 },
	{ STEP, 0, 0 },
	{ WATCHPOINT | 0x22, 0x2000, 1U << 1 },
	{ WATCHPOINT | 0x22, 0x2003, 1U << 1 },
	{ WATCHPOINT | 0x22, 0x2004, 1U << 2 },
	{ WATCHPOINT | 0x22, 0x1ff8, 1U << 1 | 1U << 2 },
	{ WATCHPOINT | 0x22, 0x9000, 0 },
	{ BRK(7), 0, 0 },
};

static void
each_exit(void **state)
{
	struct accel_debug d = { .on = true, .breaks = true, .npoints = 3,
	    .point = { { 0x1000, 1, ACCEL_POINT_EXECUTE },
	    { 0x2000, 4, ACCEL_POINT_WRITE },
	    { 0x2004, 1, ACCEL_POINT_ACCESS } } };
	struct accel_exit x;
	hv_vcpu_exit_t exit;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(exits); i++) {
		exit = fault(exits[i].syndrome, exits[i].far);
		/* Nobody has asked. */
		d.on = false;
		debug(&w, &d);
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_BROKEN);
		assert_non_null(strstr(x.text, "unknown exception"));
		d.on = true;
		debug(&w, &d);
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_DEBUG);
		assert_int_equal(x.hits, exits[i].hits);
		assert_true(w.f->reg[HV_REG_PC] == PC);
	}
	end(&w);
}

/* BRK is the guest's, as it was before: D1.3, ESR_EL1 with its comment. */
static void
guests_brk(void **state)
{
	const struct accel_debug d = { .on = true };
	const hv_vcpu_exit_t exit = fault(BRK(0x800), 0);
	struct world w;

	(void)state;
	begin(&w, 1);
	debug(&w, &d);
	w.f->reg[HV_REG_CPSR] = ARM64_PSTATE_EL1;
	w.f->sys[HV_SYS_VBAR_EL1] = 0xffff800010000000;
	play(&w, &exit, 1);
	assert_true(w.f->reg[HV_REG_PC] == 0xffff800010000200);
	assert_true(w.f->sys[HV_SYS_ELR_EL1] == PC);
	assert_true(w.f->sys[HV_SYS_ESR_EL1] == BRK(0x800));
	end(&w);
}

/* --- steps ---------------------------------------------------------------- */

/* D2.12, "Software Step exceptions": MDSCR_EL1.SS and PSTATE.SS. */
static void
step(struct world *w)
{
	const struct accel_debug d = { .on = true, .step = true };

	debug(w, &d);
	assert_true((w->f->sys[HV_SYS_MDSCR_EL1] & MDSCR_SS) != 0);
	assert_true((w->f->reg[HV_REG_CPSR] & PSTATE_SS) != 0);
}

/* What is done for the guest; PC as the framework leaves it. */
static const struct {
	uint64_t	syndrome;
	uint64_t	next;		/* where the step ends */
} done[] = {
	{ WFI | 1, PC + 4 },
	{ HVC, PC },
	{ HVC | 1, PC },
	{ SMC, PC + 4 },
	{ MRS(3, 3, 14, 0, 1, 3), PC + 4 },
	{ MRS(3, 7, 15, 15, 7, 3), 0xffff0000 + 0x200 },
	{ ABORT | CM | WNR, PC + 4 },
	{ BRK(1), 0xffff0000 + 0x200 },
};

static void
stepped(void **state)
{
	const hv_vcpu_exit_t kicked = { .reason = HV_EXIT_CANCELED };
	hv_vcpu_exit_t script[2] = { kicked };
	struct world w;

	(void)state;
	begin(&w, 1);
	guests_own(&w);
	w.f->sys[HV_SYS_VBAR_EL1] = 0xffff0000;
	for (unsigned i = 0; i < COUNT(done); i++) {
		w.f->reg[HV_REG_PC] = PC;
		w.f->reg[HV_REG_CPSR] = ARM64_PSTATE_EL1;
		w.f->reg[HV_REG_X0] = 0x84000000;
		step(&w);
		/* What ends a run for others' sake is no step. */
		script[1] = fault(done[i].syndrome, 0);
		hvf_script(0, script, 2);
		assert_int_equal(run(&w).why, ACCEL_EXIT_DEBUG);
		assert_true(w.f->reg[HV_REG_PC] == done[i].next);
		assert_true((w.f->reg[HV_REG_CPSR] & PSTATE_SS) == 0);
	}
	end(&w);
}

/* A load is done when the board has answered, a pair when both are. */
static void
stepped_load(void **state)
{
	const uint32_t ldp = 0x29400861;	/* ldp w1, w2, [x3] */
	const hv_vcpu_exit_t one = fault(ABORT | ISV, DEVICE);
	const hv_vcpu_exit_t pair = fault(ABORT, DEVICE);
	struct world w;

	(void)state;
	begin(&w, 1);
	step(&w);
	hvf_script(0, &one, 1);
	assert_int_equal(run(&w).why, ACCEL_EXIT_MMIO);
	assert_int_equal(run(&w).why, ACCEL_EXIT_DEBUG);
	assert_true(w.f->reg[HV_REG_PC] == PC + 4);
	memcpy(hvf_ram + (PC - RAM), &ldp, sizeof(ldp));
	w.f->reg[HV_REG_PC] = PC;
	w.f->reg[3] = DEVICE;
	step(&w);
	hvf_script(0, &pair, 1);
	assert_int_equal(run(&w).why, ACCEL_EXIT_MMIO);
	assert_int_equal(run(&w).why, ACCEL_EXIT_MMIO);
	assert_int_equal(run(&w).why, ACCEL_EXIT_DEBUG);
	assert_true(w.f->reg[HV_REG_PC] == PC + 4);
	end(&w);
}

/* Who goes on has no step left. */
static void
no_step_left(void **state)
{
	const struct accel_debug on = { .on = true }, off = { .on = false };
	const hv_vcpu_exit_t exit = fault(WFI | 1, 0);
	struct world w;

	(void)state;
	begin(&w, 1);
	guests_own(&w);
	play(&w, &exit, 1);
	step(&w);
	debug(&w, &on);
	assert_true((w.f->sys[HV_SYS_MDSCR_EL1] & MDSCR_SS) == 0);
	assert_true((w.f->reg[HV_REG_CPSR] & PSTATE_SS) == 0);
	play(&w, &exit, 1);
	step(&w);
	debug(&w, &off);
	assert_own(&w);
	play(&w, &exit, 1);
	end(&w);
}

/* A call that ends the machine is no step of the next one. */
static void
stepped_off(void **state)
{
	const struct accel_debug d = { .on = true };
	const hv_vcpu_exit_t off = fault(HVC, 0), wfe = fault(WFI | 1, 0);
	struct world w;

	(void)state;
	begin(&w, 1);
	step(&w);
	w.f->reg[HV_REG_X0] = 0x84000008;
	hvf_script(0, &off, 1);
	assert_int_equal(run(&w).why, ACCEL_EXIT_OFF);
	assert_int_equal(accel_hvf.vm_reset(w.vm, NULL), 0);
	assert_int_equal(accel_hvf.vcpu_reset(w.c, NULL), 0);
	hvf_script(0, &wfe, 1);
	accel_hvf.vcpu_kick(w.c);
	assert_int_equal(run(&w).why, ACCEL_EXIT_KICK);
	debug(&w, &d);
	end(&w);
}

/* --- the guest's own ------------------------------------------------------ */

/* It reads and writes its own, and gets them back. */
static void
guest_looks(void **state)
{
	const struct accel_debug on = { .on = true, .npoints = 1,
	    .point = { { 0x1000, 1, ACCEL_POINT_EXECUTE } } };
	const struct accel_debug off = { .on = false };
	const hv_vcpu_exit_t look[] = { fault(MRS(2, 0, 0, 0, 4, 1), 0),
	    fault(MRS(2, 0, 0, 2, 2, 2), 0) };
	const hv_vcpu_exit_t change[] = { fault(MSR(2, 0, 0, 0, 4, 3), 0),
	    fault(MSR(2, 0, 0, 2, 0, 3), 0) };
	struct world w;

	(void)state;
	begin(&w, 1);
	guests_own(&w);
	debug(&w, &on);
	play(&w, look, COUNT(look));
	assert_true(w.f->reg[1] == 0xaa0);
	assert_true(w.f->reg[2] == (MDSCR_KDE | MDSCR_TDCC));
	w.f->reg[3] = 0xcc0;
	play(&w, change, COUNT(change));
	assert_true(w.f->sys[BVR(0)] == 0x1000);
	/* MDCCINT_EL1 is nobody else's. */
	assert_true(w.f->sys[HV_SYS_MDCCINT_EL1] == 0xcc0);
	debug(&w, &off);
	assert_true(w.f->sys[BVR(0)] == 0xcc0);
	end(&w);
}

/* Snapshots have the guest's, and leave the debugger's where they are. */
static void
snapshot(void **state)
{
	const struct accel_debug on = { .on = true, .npoints = 1,
	    .point = { { 0x1000, 1, ACCEL_POINT_EXECUTE } } };
	const struct accel_debug off = { .on = false };
	own_json json_t *plain = NULL, *debugged = NULL;
	struct world w;

	(void)state;
	begin(&w, 1);
	guests_own(&w);
	assert_non_null(plain = accel_hvf.vcpu_save(w.c, NULL));
	debug(&w, &on);
	assert_non_null(debugged = accel_hvf.vcpu_save(w.c, NULL));
	assert_true(json_equal(plain, debugged));
	assert_int_equal(accel_hvf.vcpu_reset(w.c, NULL), 0);
	assert_true(w.f->sys[BVR(0)] == 0x1000 && w.f->sys[BCR(0)] ==
	    BCR_ON);
	assert_int_equal(accel_hvf.vcpu_load(w.c, plain, NULL), 0);
	assert_true(w.f->sys[BVR(0)] == 0x1000);
	debug(&w, &off);
	assert_own(&w);
	end(&w);
}

/* --- registers, addresses ------------------------------------------------- */

/* C5.2, SPSel: the stack pointer is the one that runs. */
static void
registers(void **state)
{
	static const struct {
		uint64_t	pstate;
		hv_sys_reg_t	sp;
	} rows[] = {
		{ 0x3c5, HV_SYS_SP_EL1 }, { 0x3c4, HV_SYS_SP_EL0 },
		{ 0, HV_SYS_SP_EL0 },
	};
	struct arm64_regs r;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		w.f->sys[HV_SYS_SP_EL0] = w.f->sys[HV_SYS_SP_EL1] = 0;
		w.f->sys[rows[i].sp] = 0x1230;
		w.f->reg[HV_REG_CPSR] = rows[i].pstate;
		assert_int_equal(accel_hvf.arm64->get_regs(w.c, &r, NULL),
		    0);
		assert_true(r.sp == 0x1230);
		/* The one that will run. */
		w.f->reg[HV_REG_CPSR] = 0;
		r.sp = 0x4560;
		assert_int_equal(accel_hvf.arm64->set_regs(w.c, &r, NULL),
		    0);
		assert_true(w.f->sys[rows[i].sp] == 0x4560);
		assert_true(w.f->sys[HV_SYS_SP_EL0] +
		    w.f->sys[HV_SYS_SP_EL1] - 0x4560 <= 0x1230);
	}
	end(&w);
}

/* D8.2; without an MMU an address is what it says. */
static void
translate(void **state)
{
	uint64_t gpa = 0;
	struct err e;
	struct world w;

	(void)state;
	begin(&w, 1);
	assert_int_equal(accel_hvf.translate(w.c, RAM + 4, &gpa, NULL), 0);
	assert_true(gpa == RAM + 4);
	w.f->sys[HV_SYS_SCTLR_EL1] = 1;
	w.f->sys[HV_SYS_TCR_EL1] = 0x2b5193519;
	w.f->sys[HV_SYS_TTBR0_EL1] = w.f->sys[HV_SYS_TTBR1_EL1] = RAM;
	((uint64_t *)(void *)hvf_ram)[1] = RAM | 0x701;
	assert_int_equal(accel_hvf.translate(w.c, 0xffffff8040001234, &gpa,
	    NULL), 0);
	assert_true(gpa == RAM + 0x1234);
	assert_int_equal(accel_hvf.translate(w.c, 0, &gpa, &e), -1);
	assert_int_equal(e.num, EFAULT);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told),
		cmocka_unit_test(too_many),
		cmocka_unit_test(each_exit),
		cmocka_unit_test(guests_brk),
		cmocka_unit_test(stepped),
		cmocka_unit_test(stepped_load),
		cmocka_unit_test(no_step_left),
		cmocka_unit_test(stepped_off),
		cmocka_unit_test(guest_looks),
		cmocka_unit_test(snapshot),
		cmocka_unit_test(registers),
		cmocka_unit_test(translate),
	};

	return unit_run("hvf_debug", tests);
}
