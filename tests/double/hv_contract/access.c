/* SPDX-License-Identifier: ISC */
/* access.c - loads, stores and calls that are not finished as they must */

#include <string.h>

#include "contract.h"

#define SRT		(g.exit->exception.syndrome >> 16 & 31)
#define SSE		(g.exit->exception.syndrome >> 21 & 1)
#define SF		(g.exit->exception.syndrome >> 15 & 1)

/* Loads of registers that are not XZR come to an end. */
static void
run_to_load(uint32_t insn)
{
	run_to(insn, CLASS_ABORT);
	EXPECT(SRT != 31);
}

static void
load_not_behind(void)
{
	run_to_load(LDR);
	MUST(hv_vcpu_set_reg(g.v, (hv_reg_t)SRT, 7));
	run_on();
}

static void
load_again(void)
{
	run_to_load(LDR);
	MUST(hv_vcpu_set_reg(g.v, (hv_reg_t)SRT, 7));
	set_pc(RAM);
}

static void
load_too_far(void)
{
	run_to_load(LDR);
	set_pc(RAM + 8);
}

static void
load_not_written(void)
{
	run_to_load(LDR);
	set_pc(RAM + 4);
	run_on();
}

static void
load_too_wide(void)
{
	run_to_load(LDRB);
	MUST(hv_vcpu_set_reg(g.v, (hv_reg_t)SRT, 0x107));
}

/* What 0x80 is in the register, by the syndrome; or what it is not. */
static uint64_t
extended(bool right)
{
	if (SSE == 0)
		return right ? 0x80 : 0xffffffffffffff80;
	if (SF == 0)
		return right ? 0xffffff80 : 0xffffffffffffff80;
	return right ? 0xffffffffffffff80 : 0xffffff80;
}

static void
load(bool right)
{
	MUST(hv_vcpu_set_reg(g.v, (hv_reg_t)SRT, extended(right)));
	set_pc(RAM + 4);
}

/* The double's syndromes differ: until there is one with these. */
static void
load_with(unsigned sign, unsigned wide)
{
	run_to_load(LDRB);
	for (unsigned i = 0; SSE != sign || SF != wide; i++) {
		EXPECT(i < 64);
		load(true);
		set_pc(RAM);
		MUST(hv_vcpu_run(g.v));
	}
	load(false);
}

static void
load_without_sign(void)
{
	load_with(0, 0);
}

static void
load_with_sign(void)
{
	load_with(1, 0);
}

static void
load_with_wide_sign(void)
{
	load_with(1, 1);
}

static void
load_well(void)
{
	run_to_load(LDRB);
	load(true);
	run_on();
	EXPECT(get(HV_REG_PC) == RAM + 4);
	EXPECT(get(HV_REG_X0) == 0x80);
	end_well();
}

static void
store_not_behind(void)
{
	run_to(STR, CLASS_ABORT);
	run_on();
}

static void
store_too_far(void)
{
	run_to(STR, CLASS_ABORT);
	set_pc(RAM + 8);
}

static void
store_well(void)
{
	with_code(STR);
	MUST(hv_vcpu_set_reg(g.v, HV_REG_X0, 0x1234));
	MUST(hv_vcpu_run(g.v));
	EXPECT(g.exit->exception.physical_address == DEVICE);
	EXPECT(get((hv_reg_t)SRT) == 0x1234);
	set_pc(RAM + 4);
	run_on();
	end_well();
}

static void
pair_not_behind(void)
{
	run_to(LDP, CLASS_ABORT);
	run_on();
}

static void
pair_too_far(void)
{
	run_to(LDP, CLASS_ABORT);
	set_pc(RAM + 8);
}

static void
pair_well(void)
{
	run_to(LDP, CLASS_ABORT);
	EXPECT((g.exit->exception.syndrome >> 24 & 1) == 0);
	MUST(hv_vcpu_set_reg(g.v, 2, 22));
	MUST(hv_vcpu_set_reg(g.v, 3, 33));
	set_pc(RAM + 4);
	run_on();
	EXPECT(get(2) == 22 && get(3) == 33);
	EXPECT(get(HV_REG_PC) == RAM + 4);
	end_well();
}

static void
smc_not_behind(void)
{
	run_to(SMC, CLASS_SMC);
	run_on();
}

static void
smc_too_far(void)
{
	run_to(SMC, CLASS_SMC);
	set_pc(RAM + 8);
}

static void
hvc_too_far(void)
{
	run_to(HVC, CLASS_HVC);
	set_pc(RAM + 8);
}

static void
calls_well(void)
{
	run_to(SMC, CLASS_SMC);
	EXPECT(get(HV_REG_PC) == RAM);
	set_pc(RAM + 4);
	run_on();
	end_well();
	run_to(HVC, CLASS_HVC);
	EXPECT(get(HV_REG_PC) == RAM + 4);
	run_on();
	/* An entry is anywhere, also there. */
	set_pc(RAM + 8);
	end_well();
}

/* --- the table ------------------------------------------------------------ */

static const struct row access_table[] = {
	{ "a load, and not behind it", load_not_behind,
	    "vCPU 0 goes on at 0x40000000, not behind it" },
	{ "a load, and again", load_again,
	    "vCPU 0 goes on at 0x40000000 after 0x40000000" },
	{ "a load, and too far", load_too_far,
	    "vCPU 0 goes on at 0x40000008 after 0x40000000" },
	{ "a load that left nothing", load_not_written,
	    "vCPU 0 goes on without what it loaded" },
	{ "a load of more than its bytes", load_too_wide,
	    "vCPU 0: a load of 1 bytes left 0x107" },
	{ "a load with a sign that was not asked for", load_without_sign,
	    "vCPU 0: a load of 1 bytes left 0xffffffffffffff80" },
	{ "a load with a sign of 64 bits, not 32", load_with_sign,
	    "vCPU 0: a load of 1 bytes left 0xffffffffffffff80" },
	{ "a load with a sign of 32 bits, not 64", load_with_wide_sign,
	    "vCPU 0: a load of 1 bytes left 0xffffff80" },
	{ "a load as it should be", load_well, NULL },
	{ "a store, and not behind it", store_not_behind,
	    "vCPU 0 goes on at 0x40000000, not behind it" },
	{ "a store, and too far", store_too_far,
	    "vCPU 0 goes on at 0x40000008 after 0x40000000" },
	{ "a store as it should be", store_well, NULL },
	{ "a pair, and not behind it", pair_not_behind,
	    "vCPU 0 goes on at 0x40000000, not behind it" },
	{ "a pair, and too far", pair_too_far,
	    "vCPU 0 goes on at 0x40000008 after 0x40000000" },
	{ "a pair as it should be", pair_well, NULL },
	{ "SMC, and not behind it", smc_not_behind,
	    "vCPU 0 goes on at 0x40000000, not behind it" },
	{ "SMC, and too far", smc_too_far,
	    "vCPU 0 goes on at 0x40000008 after 0x40000000" },
	{ "HVC, and too far", hvc_too_far,
	    "vCPU 0 goes on at 0x40000008: HVC had left it at 0x40000004" },
	{ "both as they should be", calls_well, NULL },
};
const struct rows access_rows = ROWS(access_table);
