/* SPDX-License-Identifier: ISC */
/*
 * hvf_abort.c - data aborts of Hypervisor.framework, in all their forms
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), ESR_ELx, "ISS
 * encoding for an exception from a Data Abort"; fields are named after it.
 */

#include "hvf_world.h"

#define MANY	0x1122334455667700ULL

/* --- what is described ---------------------------------------------------- */

/* As C6.2, LDR and LDRS, have it: MemSingle, SignExtend or ZeroExtend. */
static uint64_t
is_loaded(uint64_t bytes, unsigned sas, bool sse, bool sf)
{
	uint64_t v = 0;

	for (unsigned bit = 0; bit < 64; bit++) {
		unsigned from = bit;

		if (bit >= 8U << sas) {
			if (!sse)
				break;
			from = (8U << sas) - 1;
		}
		v |= (bytes >> from & 1) << bit;
	}
	return sf ? v : v & 0xffffffff;
}

static void
one_load(struct world *w, unsigned sas, bool sse, bool sf, unsigned srt)
{
	static const uint64_t bytes[] = { 0x8182838485868788,
	    0x7172737475767778 };
	hv_vcpu_exit_t exit = fault(ABORT | ISV | SAS(sas) | (sse ? SSE : 0) |
	    (sf ? SF : 0) | SRT(srt), DEVICE + 0x18);
	struct accel_exit x;

	for (unsigned i = 0; i < COUNT(bytes); i++) {
		for (unsigned r = 0; r < HV_REG_PC; r++)
			w->f->reg[r] = 0x5500 + r;
		w->f->reg[HV_REG_PC] = PC;
		hvf_script(0, &exit, 1);
		x = run(w);
		assert_int_equal(x.why, ACCEL_EXIT_MMIO);
		assert_true(x.addr == DEVICE + 0x18 && !x.write);
		assert_int_equal(x.len, 1U << sas);
		memcpy(x.data, &bytes[i], x.len);
		play(w, NULL, 0);
		for (unsigned r = 0; r < HV_REG_PC; r++)
			assert_true(w->f->reg[r] == (r != srt ? 0x5500 + r :
			    is_loaded(bytes[i], sas, sse, sf)));
		assert_true(w->f->reg[HV_REG_PC] == PC + 4);
	}
}

/* SSE and SF mean nothing there. */
static void
one_store(struct world *w, unsigned sas, bool sse, bool sf, unsigned srt)
{
	hv_vcpu_exit_t exit = fault(ABORT | ISV | SAS(sas) | (sse ? SSE : 0) |
	    (sf ? SF : 0) | SRT(srt) | WNR, DEVICE);
	uint64_t value = 0, is = MANY + srt;
	struct accel_exit x;

	for (unsigned r = 0; r < HV_REG_PC; r++)
		w->f->reg[r] = MANY + r;
	w->f->reg[HV_REG_PC] = PC;
	hvf_script(0, &exit, 1);
	x = run(w);
	assert_int_equal(x.why, ACCEL_EXIT_MMIO);
	assert_true(x.write && x.len == 1U << sas && x.count == 1);
	memcpy(&value, x.data, x.len);
	if (srt == HVF_ZERO)
		is = 0;
	assert_true(value == is_loaded(is, sas, false, true));
	play(w, NULL, 0);
	for (unsigned r = 0; r < HV_REG_PC; r++)
		assert_true(w->f->reg[r] == MANY + r);
	assert_true(w->f->reg[HV_REG_PC] == PC + 4);
}

/* SAS, SSE, SF, SRT and WnR: all 1,024 of them. */
static void
each_form(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < 4 * 2 * 2 * 32; i++) {
		unsigned sas = i & 3, srt = i >> 4;
		bool sse = (i & 4) != 0, sf = (i & 8) != 0;

		one_load(&w, sas, sse, sf, srt);
		one_store(&w, sas, sse, sf, srt);
	}
	end(&w);
}

/* AR, VNCR, LST, FnV, EA; and ISS2, above EC: the access is the same. */
static void
other_bits(void **state)
{
	struct accel_exit x;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned bit = 9; bit < 56; bit++) {
		hv_vcpu_exit_t exit = fault(ABORT | ISV | SAS(2) | SRT(4) |
		    1ULL << bit, DEVICE);

		if (bit > 14 && bit < 32)
			continue;
		w.f->reg[HV_REG_PC] = PC;
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, ACCEL_EXIT_MMIO);
		assert_true(x.addr == DEVICE && x.len == 4 && !x.write);
		play(&w, NULL, 0);
		assert_true(w.f->reg[HV_REG_PC] == PC + 4);
	}
	end(&w);
}

/* --- the status ----------------------------------------------------------- */

/* DFSC: which of them say that there is no memory. */
static const struct {
	unsigned	 first, last;
	const char	*what;
	bool		 access;	/* or the memory failed */
} statuses[] = {
	{ 0x00, 0x03, "address size, levels 0 to 3", true },
	{ 0x04, 0x07, "translation, levels 0 to 3", true },
	{ 0x08, 0x0b, "access flag, levels 0 to 3", true },
	{ 0x0c, 0x0f, "permission, levels 0 to 3", true },
	{ 0x10, 0x10, "synchronous external abort", false },
	{ 0x11, 0x11, "tag check", false },
	{ 0x12, 0x13, "external, on a walk, levels -2 and -1", false },
	{ 0x14, 0x17, "external, on a walk, levels 0 to 3", false },
	{ 0x18, 0x18, "parity or ECC", false },
	{ 0x19, 0x1a, "reserved", false },
	{ 0x1b, 0x1f, "parity or ECC, on a walk", false },
	{ 0x20, 0x20, "reserved", false },
	{ 0x21, 0x21, "alignment", false },
	{ 0x22, 0x28, "granule protection", false },
	{ 0x29, 0x29, "address size, level -1", true },
	{ 0x2a, 0x2b, "translation, levels -2 and -1", true },
	{ 0x2c, 0x2c, "address size, level -2", true },
	{ 0x2d, 0x2f, "reserved", false },
	{ 0x30, 0x30, "TLB conflict", false },
	{ 0x31, 0x31, "unsupported atomic update", false },
	{ 0x32, 0x33, "reserved", false },
	{ 0x34, 0x34, "lockdown", false },
	{ 0x35, 0x35, "unsupported exclusive or atomic access", false },
	{ 0x36, 0x3f, "reserved, page domain", false },
};

static void
one_status(struct world *w, unsigned dfsc, bool access)
{
	const hv_vcpu_exit_t exit = fault(EC(0x24) | ISV | SAS(2) | SRT(1) |
	    dfsc, DEVICE);
	struct accel_exit x;
	char says[96];

	w->f->reg[HV_REG_PC] = PC;
	hvf_script(0, &exit, 1);
	x = run(w);
	if (access) {
		assert_int_equal(x.why, ACCEL_EXIT_MMIO);
		play(w, NULL, 0);
		assert_true(w->f->reg[HV_REG_PC] == PC + 4);
		return;
	}
	(void)snprintf(says, sizeof(says), "memory at 0x9000000 failed with "
	    "status %#x, vCPU 0 at %#llx", dfsc, (unsigned long long)PC);
	assert_int_equal(x.why, ACCEL_EXIT_BROKEN);
	assert_string_equal(x.text, says);
	assert_true(w->f->reg[HV_REG_PC] == PC);
}

static void
each_status(void **state)
{
	unsigned next = 0;
	struct world w;

	(void)state;
	begin(&w, 1);
	for (unsigned i = 0; i < COUNT(statuses); i++) {
		assert_int_equal(statuses[i].first, next);
		next = statuses[i].last + 1;
		for (unsigned d = statuses[i].first; d < next; d++)
			one_status(&w, d, statuses[i].access);
	}
	assert_int_equal(next, 64);
	end(&w);
}

/* --- memory --------------------------------------------------------------- */

/*
 * What is memory is no device, whatever the host says: a load would find
 * ones there.  Memory that may not be written to, as flash, has its stores
 * handed on.
 */
static void
memory_fails(void **state)
{
	static const struct {
		uint32_t	iss;
		uint64_t	at;
		bool		broken;
	} rows[] = {
		{ ISV | SAS(2) | 7, RAM, true },
		{ ISV | SAS(2) | 7 | WNR, RAM + RAM_LEN - 4, true },
		{ ISV | SAS(2) | 7, RAM + RAM_LEN, false },
		{ ISV | SAS(2) | 7, RAM - 4, false },
		{ ISV | SAS(0) | 0xf | WNR, 0x80000000, false },
		{ ISV | SAS(0) | 0xf, 0x80000000, true },
	};
	const struct accel_memory flash = { .slot = 1, .gpa = 0x80000000,
	    .bytes = HV_PAGE, .host = hvf_ram, .readonly = true };
	struct accel_exit x;
	struct world w;

	(void)state;
	begin(&w, 1);
	assert_int_equal(accel_hvf.map(w.vm, &flash, NULL), 0);
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const hv_vcpu_exit_t exit = fault(EC(0x24) | rows[i].iss,
		    rows[i].at);

		w.f->reg[HV_REG_PC] = PC;
		hvf_script(0, &exit, 1);
		x = run(&w);
		assert_int_equal(x.why, rows[i].broken ? ACCEL_EXIT_BROKEN :
		    ACCEL_EXIT_MMIO);
		if (rows[i].broken)
			assert_non_null(strstr(x.text, "failed with status"));
		else
			play(&w, NULL, 0);
	}
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form),
		cmocka_unit_test(other_bits),
		cmocka_unit_test(each_status),
		cmocka_unit_test(memory_fails),
	};

	return unit_run("hvf_abort", tests);
}
