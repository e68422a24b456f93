/* SPDX-License-Identifier: ISC */
/*
 * hvf_exit.c - each exit of Hypervisor.framework, and what is done with it
 *
 * The framework is the one of hvf_kit.h; hvf_abort.c and hvf_sysreg.c have
 * more of its exits.  The rows cite the Arm Architecture Reference Manual (DDI
 * 0487; ESR_ELx unless another is named), PSCI (DEN 0022), SMCCC (DEN 0028),
 * or Apple's documentation of the framework.
 */

#include "hvf_world.h"

/* --- loads and stores ---------------------------------------------------- */

static const struct {
	uint32_t	iss;
	unsigned	len;
	uint64_t	value;		/* the device's answer */
	unsigned	rt;
	uint64_t	is;
} loads[] = {
	/* SAS: the size; the register's upper bits are zeroes */
	{ SAS(0) | SRT(0), 1, 0xffffffffffffffa5, 0, 0xa5 },
	{ SAS(1) | SRT(1), 2, 0xffffffffffff8765, 1, 0x8765 },
	{ SAS(2) | SRT(29), 4, 0xffffffff87654321, 29, 0x87654321 },
	{ SAS(3) | SF | SRT(30), 8, 0x8765432112345678, 30,
	    0x8765432112345678 },
	/* SSE: the sign is extended, by SF to 32 or 64 bits */
	{ SAS(0) | SSE | SRT(2), 1, 0x80, 2, 0xffffff80 },
	{ SAS(0) | SSE | SF | SRT(3), 1, 0x80, 3, 0xffffffffffffff80 },
	{ SAS(1) | SSE | SRT(4), 2, 0x8000, 4, 0xffff8000 },
	{ SAS(1) | SSE | SF | SRT(5), 2, 0x7fff, 5, 0x7fff },
	{ SAS(2) | SSE | SF | SRT(6), 4, 0x80000000, 6, 0xffffffff80000000 },
	/* SF without SSE: zeroes */
	{ SAS(2) | SF | SRT(7), 4, 0xffffffff80000000, 7, 0x80000000 },
};

static void
load(void **state)
{
	struct accel_exit x;
	hv_vcpu_exit_t exit;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(loads); i++) {
		w.f->reg[HV_REG_PC] = PC;
		w.f->reg[loads[i].rt] = UINT64_MAX;
		exit = fault(ABORT | ISV | loads[i].iss, DEVICE + 0x18);
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_MMIO);
		assert_true(x.addr == DEVICE + 0x18 && !x.write);
		assert_int_equal(x.len, loads[i].len);
		assert_int_equal(x.count, 1);
		/* Nothing is done before there is an answer. */
		assert_true(w.f->reg[HV_REG_PC] == PC);
		memcpy(x.data, &loads[i].value, x.len);
		play(&w, NULL, 0);
		assert_true(w.f->reg[loads[i].rt] == loads[i].is);
		assert_true(w.f->reg[HV_REG_PC] == PC + 4);
	}
	end(&w);
}

static void
store(void **state)
{
	static const uint64_t is[] = { 0x88, 0x7788, 0x55667788,
	    0x1122334455667788 };
	struct accel_exit x;
	hv_vcpu_exit_t exit;
	uint64_t value;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned sas = 0; sas < COUNT(is); sas++) {
		w.f->reg[HV_REG_PC] = PC;
		w.f->reg[9] = 0x1122334455667788;
		exit = fault(ABORT | ISV | SAS(sas) | SRT(9) | WNR, DEVICE);
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_MMIO);
		assert_true(x.write && x.len == 1U << sas);
		value = 0;
		memcpy(&value, x.data, x.len);
		assert_true(value == is[sas]);
		play(&w, NULL, 0);
		assert_true(w.f->reg[HV_REG_PC] == PC + 4);
		assert_true(w.f->reg[9] == 0x1122334455667788);
	}
	end(&w);
}

/* SRT 31 is XZR: zeroes are written, and what is read is dropped. */
static void
zero_register(void **state)
{
	const hv_vcpu_exit_t exits[] = {
		fault(ABORT | ISV | SAS(3) | SF | SRT(31) | WNR, DEVICE),
		fault(ABORT | ISV | SAS(3) | SF | SRT(31), DEVICE),
	};
	struct accel_exit x;
	uint64_t value = 1;
	struct world w;

	(void)state;
	begin(&w, 1);
	hvf_script(0, exits, COUNT(exits));
	x = run(&w);
	memcpy(&value, x.data, 8);
	assert_true(x.write && value == 0);
	x = run(&w);
	assert_false(x.write);
	memset(x.data, 0xff, 8);
	play(&w, NULL, 0);
	assert_true(w.f->reg[HV_REG_PC] == PC + 8);
	end(&w);
}

/* --- ISV 0: the instruction ----------------------------------------------- */

static const struct {
	uint32_t	insn;
	unsigned	n, len;
	bool		write;
	unsigned	rn;
	int64_t		begin, add;	/* of the base register */
	uint64_t	is[2];		/* loaded, or written */
	unsigned	rt[2];
} decoded[] = {
	/* ldr w1, [x2], #4 */
	{ 0xb8404441, 1, 4, false, 2, 0, 4, { 0xa1a2a3a4 }, { 1 } },
	/* ldr x1, [x2, #8]! */
	{ 0xf8408c41, 1, 8, false, 2, 8, 8, { 0xb1b2b3b4a1a2a3a4 }, { 1 } },
	/* ldrsb x7, [x8], #1 */
	{ 0x38801507, 1, 1, false, 8, 0, 1, { 0xffffffffffffffa4 }, { 7 } },
	/* ldp w5, w6, [x7], #8 */
	{ 0x28c118e5, 2, 4, false, 7, 0, 8, { 0xa1a2a3a4, 0xa1a2a3a4 },
	    { 5, 6 } },
	/* ldpsw x1, x2, [x3, #252] */
	{ 0x695f8861, 2, 4, false, 3, 252, 0, { 0xffffffffa1a2a3a4,
	    0xffffffffa1a2a3a4 }, { 1, 2 } },
	/* stp x1, x2, [x3, #-512] */
	{ 0xa9200861, 2, 8, true, 3, -512, 0, { 0x1001, 0x1002 }, { 1, 2 } },
	/* stp w1, w2, [x3], #-8 */
	{ 0x28bf0861, 2, 4, true, 3, 0, -8, { 0x1001, 0x1002 }, { 1, 2 } },
};

static void
one_decoded(struct world *w, unsigned i)
{
	const uint64_t answer = 0xb1b2b3b4a1a2a3a4;
	uint64_t at = DEVICE + 0x800, value;
	hv_vcpu_exit_t exit = fault(ABORT, at);
	struct accel_exit x;

	w->f->reg[HV_REG_PC] = PC;
	memcpy(hvf_ram + (PC - RAM), &decoded[i].insn, 4);
	for (unsigned r = 0; r < 31; r++)
		w->f->reg[r] = 0x1000 + r;
	w->f->reg[decoded[i].rn] = at - (uint64_t)decoded[i].begin;
	hvf_script(0, &exit, 1);
	for (unsigned part = 0; part < decoded[i].n; part++) {
		x = run(w);
		assert_int_equal(x.why, ACCEL_EXIT_MMIO);
		assert_true(x.addr == at + part * decoded[i].len);
		assert_int_equal(x.len, decoded[i].len);
		assert_int_equal(x.write, decoded[i].write);
		value = 0;
		memcpy(&value, x.data, x.len);
		if (x.write)
			assert_true(value == decoded[i].is[part]);
		else
			memcpy(x.data, &answer, x.len);
	}
	play(w, NULL, 0);
	for (unsigned part = 0; part < decoded[i].n && !decoded[i].write;
	    part++)
		assert_true(w->f->reg[decoded[i].rt[part]] ==
		    decoded[i].is[part]);
	assert_true(w->f->reg[decoded[i].rn] == at - (uint64_t)
	    decoded[i].begin + (uint64_t)decoded[i].add);
	assert_true(w->f->reg[HV_REG_PC] == PC + 4);
}

static void
decode(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(decoded); i++)
		one_decoded(&w, i);
	end(&w);
}

/* The stack pointer, of the level that runs: PSTATE.EL and SP, C5.2. */
static void
stack(void **state)
{
	static const struct {
		uint64_t	pstate;
		hv_sys_reg_t	sp;
	} rows[] = {
		{ 0x3c5, HV_SYS_SP_EL1 }, { 0x3c4, HV_SYS_SP_EL0 },
		{ 0, HV_SYS_SP_EL0 },
	};
	const uint32_t insn = 0xf80107ff;	/* str xzr, [sp], #16 */
	hv_vcpu_exit_t exit = fault(ABORT | WNR, DEVICE);
	struct world w;

	(void)state;
	begin(&w, 1);
	memcpy(hvf_ram + (PC - RAM), &insn, 4);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		w.f->reg[HV_REG_PC] = PC;
		w.f->reg[HV_REG_CPSR] = rows[i].pstate;
		w.f->sys[HV_SYS_SP_EL0] = w.f->sys[HV_SYS_SP_EL1] = DEVICE;
		hvf_script(0, &exit, 1);
		assert_int_equal(run(&w).why, ACCEL_EXIT_MMIO);
		play(&w, NULL, 0);
		assert_true(w.f->sys[rows[i].sp] == DEVICE + 16);
		assert_true(w.f->sys[HV_SYS_SP_EL0] +
		    w.f->sys[HV_SYS_SP_EL1] == 2 * DEVICE + 16);
	}
	end(&w);
}

/* What cannot be done ends the VM, with the reason, and touches nothing. */
static const struct {
	uint64_t	syndrome;
	uint64_t	pc, at;
	uint32_t	insn;
	uint64_t	pstate;
	const char	*says;
} ends[] = {
	{ ABORT, PC, DEVICE, 0x3dc00020, 0x3c5, "for a SIMD register" },
	{ ABORT | WNR, PC, DEVICE, 0xd50b7425, 0x3c5, "for DC ZVA" },
	{ ABORT, PC, DEVICE, 0x885f7c20, 0x3c5, "exclusive" },
	{ ABORT, PC, DEVICE, 0, 0x1f0, "for a 32-bit program" },
	{ ABORT, DEVICE, DEVICE, 0, 0x3c5, "code outside memory" },
	{ ABORT, RAM + RAM_LEN - 2, DEVICE, 0, 0x3c5, "code outside" },
	/* ldp x1, x2, [x3]: at a page's end, and with another base */
	{ ABORT, PC, DEVICE + 0xff8, 0xa9400861, 0x3c5, "across a page" },
	{ ABORT, PC, DEVICE + 8, 0xa9400861, 0x3c5, "across a page" },
	{ ABORT | S1PTW, PC, DEVICE, 0, 0x3c5, "for page tables" },
	{ EC(0x24) | 0x10, PC, DEVICE, 0, 0x3c5, "failed with status 0x10" },
	/* Instruction Abort from a lower level: class 0x20 */
	{ EC(0x20) | 7, PC, DEVICE, 0, 0x3c5, "for code" },
	/* Illegal execution: its syndrome is told */
	{ EC(0x0e), PC, 0, 0, 0x3c5, "unknown exception 0x3a000000" },
	{ UINT64_MAX, PC, 0, 0, 0x3c5, "unknown exception" },
};

static void
no_way_on(void **state)
{
	struct accel_exit x;
	hv_vcpu_exit_t exit;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(ends); i++) {
		w.f->reg[HV_REG_PC] = ends[i].pc;
		w.f->reg[HV_REG_CPSR] = ends[i].pstate;
		w.f->reg[3] = ends[i].at & ~0xfULL;
		memcpy(hvf_ram + (PC - RAM), &ends[i].insn, 4);
		exit = fault(ends[i].syndrome, ends[i].at);
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_BROKEN);
		if (strstr(x.text, ends[i].says) == NULL)
			fail_msg("%s: not %s", x.text, ends[i].says);
		assert_non_null(strstr(x.text, ", vCPU 0 at 0x"));
		assert_true(w.f->reg[HV_REG_PC] == ends[i].pc);
	}
	end(&w);
}

/*
 * EC: every class but those six is of what the guest has not (SVE, 32-bit
 * programs, nested virtualization), of what nobody asked for (debug
 * exceptions), or has no meaning.
 */
static void
other_classes(void **state)
{
	static const uint8_t ours[] = { 0x01, 0x16, 0x17, 0x18, 0x20, 0x24 };
	struct accel_exit x;
	hv_vcpu_exit_t exit;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned class = 0; class < 64; class++) {
		if (memchr(ours, (int)class, sizeof(ours)) != NULL)
			continue;
		exit = fault(EC(class), DEVICE);
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_BROKEN);
		assert_non_null(strstr(x.text, "unknown exception"));
		assert_true(w.f->reg[HV_REG_PC] == PC);
	}
	end(&w);
}

/*
 * Apple, hv_exit_reason_t: 3 is HV_EXIT_REASON_UNKNOWN, above it is nothing.
 * The guest has done nothing yet.
 */
static void
other_reasons(void **state)
{
	static const uint32_t reasons[] = { 3, 4, 99, INT32_MAX, UINT32_MAX };
	struct accel_exit x;
	char says[64];
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(reasons); i++) {
		const hv_vcpu_exit_t exit = { .reason = reasons[i] };

		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_BROKEN);
		(void)snprintf(says, sizeof(says), "unknown exit %u of the "
		    "hypervisor, vCPU 0 at %#llx", reasons[i],
		    (unsigned long long)PC);
		assert_string_equal(x.text, says);
		assert_true(w.f->reg[HV_REG_PC] == PC);
	}
	end(&w);
}

/* CM: cache maintenance of a device is done when it is not done. */
static void
cache_maintenance(void **state)
{
	const hv_vcpu_exit_t exit = fault(ABORT | CM | WNR, DEVICE);
	struct world w;

	(void)state;
	begin(&w, 1);
	play(&w, &exit, 1);
	assert_true(w.f->reg[HV_REG_PC] == PC + 4);
	end(&w);
}

/* --- waiting, and the timer ----------------------------------------------- */

/*
 * "ISS encoding for an exception from a WF* instruction": TI is WFI, WFE,
 * WFIT or WFET.  CV and COND say the condition, RN and RV the register of a
 * limit.  All may end at any time.
 */
static void
waiting(void **state)
{
	const uint32_t conditions = 1U << 24 | 0xeU << 20;
	const hv_vcpu_exit_t exits[] = { fault(WFI, 0), fault(WFI | 1, 0),
	    fault(WFI | 2, 0), fault(WFI | 3, 0), fault(WFI | conditions, 0),
	    fault(WFI | 1 | conditions, 0), fault(WFI | 3 | 7U << 5 | 4, 0) };
	struct world w;

	(void)state;
	begin(&w, 1);
	play(&w, exits, COUNT(exits));
	assert_true(w.f->reg[HV_REG_PC] == PC + 4 * COUNT(exits));
	end(&w);
}

/*
 * Apple, HV_EXIT_REASON_VTIMER_ACTIVATED: the timer is masked until it is
 * unmasked.  CNTV_CTL_EL0: ENABLE, IMASK, ISTATUS; while the first and the
 * last are all of it, its interrupt is asserted.
 */
static void
timer(void **state)
{
	const hv_vcpu_exit_t fired = { .reason = HV_EXIT_VTIMER };
	const hv_vcpu_exit_t other = fault(WFI | 1, 0);
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned ctl = 0; ctl < 8; ctl++) {
		w.f->pending = 0;
		w.f->masked = true;
		w.f->sys[HV_SYS_CNTV_CTL_EL0] = 5;
		play(&w, &fired, 1);
		assert_true(w.f->pending == 1U << 27);
		play(&w, &other, 1);
		assert_true(w.f->masked);
		/* The guest has set it. */
		w.f->sys[HV_SYS_CNTV_CTL_EL0] = ctl;
		play(&w, &other, 1);
		assert_int_equal(w.f->masked, ctl == 5);
		w.f->sys[HV_SYS_CNTV_CTL_EL0] = 0;
		play(&w, &other, 1);
		assert_false(w.f->masked);
	}
	assert_true(w.f->pending == 1U << 27);
	end(&w);
}

/* --- calls ---------------------------------------------------------------- */

enum { NOT_SUPPORTED = -1, INVALID = -2, ALREADY_ON = -4 };

static const struct {
	uint64_t	call[4];	/* X0 to X3 */
	int64_t		is;
} calls[] = {
	/* DEN 0022: PSCI_VERSION, MIGRATE_INFO_TYPE */
	{ { 0x84000000 }, 0x10001 },
	{ { 0x84000006 }, 2 },
	/* PSCI_FEATURES */
	{ { 0x8400000a, 0x84000008 }, 0 },
	{ { 0x8400000a, 0xc4000003 }, 0 },
	{ { 0x8400000a, 0x80000000 }, 0 },
	{ { 0x8400000a, 0x8400000a }, 0 },
	{ { 0x8400000a, 0x84000005 }, NOT_SUPPORTED },
	{ { 0x8400000a, 0xc4000000 }, NOT_SUPPORTED },
	/* CPU_SUSPEND, which may return at once */
	{ { 0x84000001, 0 }, 0 },
	/* CPU_ON of one that runs, and of none */
	{ { 0xc4000003, 0, PC, 0 }, ALREADY_ON },
	{ { 0xc4000003, 1, PC, 0 }, INVALID },
	{ { 0xc4000003, UINT64_MAX, PC, 0 }, INVALID },
	/* 32-bit calls have 32-bit arguments */
	{ { 0x84000003, 1ULL << 32, PC, 0 }, ALREADY_ON },
	{ { 0xc4000003, 1ULL << 32, PC, 0 }, INVALID },
	/* AFFINITY_INFO: on; no such; no such level */
	{ { 0xc4000004, 0, 0 }, 0 },
	{ { 0xc4000004, 5, 0 }, INVALID },
	{ { 0xc4000004, 0, 1 }, INVALID },
	/* SYSTEM_RESET2 of a vendor's kind; SYSTEM_OFF2 */
	{ { 0xc4000012, 0x80000000 }, INVALID },
	{ { 0xc4000015, 0 }, NOT_SUPPORTED },
	/* DEN 0028: SMCCC_VERSION, SMCCC_ARCH_FEATURES */
	{ { 0x80000000 }, 0x10001 },
	{ { 0x80000001, 0x80008000 }, NOT_SUPPORTED },
	/* random numbers, a vendor's, nonsense */
	{ { 0x84000050 }, NOT_SUPPORTED },
	{ { 0x8600ff01 }, NOT_SUPPORTED },
	{ { UINT64_MAX }, NOT_SUPPORTED },
	/* The upper half of the number is not looked at. */
	{ { 1ULL << 32 | 0x84000000 }, 0x10001 },
};

/* HVC: the program counter is behind it; SMC: at it. */
static void
psci(void **state)
{
	const hv_vcpu_exit_t hvc = fault(HVC, 0), smc = fault(SMC, 0);
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(calls); i++) {
		w.f->reg[HV_REG_PC] = PC;
		memcpy(w.f->reg, calls[i].call, sizeof(calls[i].call));
		play(&w, &hvc, 1);
		assert_true(w.f->reg[0] == (uint64_t)calls[i].is);
		assert_true(w.f->reg[HV_REG_PC] == PC);
		memcpy(w.f->reg, calls[i].call, sizeof(calls[i].call));
		play(&w, &smc, 1);
		assert_true(w.f->reg[0] == (uint64_t)calls[i].is);
		assert_true(w.f->reg[HV_REG_PC] == PC + 4);
		assert_true(w.f->reg[1] == calls[i].call[1]);
	}
	end(&w);
}

/* DEN 0028: a call with another number than 0 is none. */
static void
other_numbers(void **state)
{
	const hv_vcpu_exit_t exits[] = { fault(HVC | 1, 0),
	    fault(SMC | 0xffff, 0) };
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(exits); i++) {
		w.f->reg[0] = 0x84000000;
		play(&w, &exits[i], 1);
		assert_true(w.f->reg[0] == UINT64_MAX);
	}
	assert_true(w.f->reg[HV_REG_PC] == PC + 4);
	end(&w);
}

/* They do not come back before a reset. */
static void
the_end(void **state)
{
	static const struct {
		uint64_t	call;
		enum accel_why	why;
	} rows[] = {
		{ 0x84000008, ACCEL_EXIT_OFF },
		{ 0x84000009, ACCEL_EXIT_RESET },
		{ 0xc4000012, ACCEL_EXIT_RESET },
	};
	const hv_vcpu_exit_t exit = fault(HVC, 0);
	struct world w;
	unsigned runs;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		w.f->reg[0] = rows[i].call;
		w.f->reg[1] = 0;
		hvf_script(0, &exit, 1);
		assert_int_equal(run(&w).why, rows[i].why);
		assert_true(w.f->reg[0] == rows[i].call);
		runs = w.f->runs;
		accel_hvf.vcpu_kick(w.c);
		assert_int_equal(run(&w).why, ACCEL_EXIT_KICK);
		assert_int_equal(w.f->runs, runs);
		assert_int_equal(accel_hvf.vm_reset(w.vm, NULL), 0);
		assert_int_equal(accel_hvf.vcpu_reset(w.c, NULL), 0);
	}
	assert_int_equal(fake.resets, COUNT(rows));
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load),
		cmocka_unit_test(store),
		cmocka_unit_test(zero_register),
		cmocka_unit_test(decode),
		cmocka_unit_test(stack),
		cmocka_unit_test(no_way_on),
		cmocka_unit_test(other_classes),
		cmocka_unit_test(other_reasons),
		cmocka_unit_test(cache_maintenance),
		cmocka_unit_test(waiting),
		cmocka_unit_test(timer),
		cmocka_unit_test(psci),
		cmocka_unit_test(other_numbers),
		cmocka_unit_test(the_end),
	};

	return unit_run("hvf_exit", tests);
}
