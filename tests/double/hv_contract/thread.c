/* SPDX-License-Identifier: ISC */
/* thread.c - what only a vCPU's thread may call, called by another */

#include <pthread.h>

#include "contract.h"

static void
foreign_run(void)
{
	(void)hv_vcpu_run(g.v);
}

static void
foreign_destroy(void)
{
	(void)hv_vcpu_destroy(g.v);
}

static void
foreign_get(void)
{
	(void)get(HV_REG_PC);
}

static void
foreign_set(void)
{
	set_pc(RAM);
}

static void
foreign_get_sys(void)
{
	uint64_t value;

	(void)hv_vcpu_get_sys_reg(g.v, HV_SYS_VBAR_EL1, &value);
}

static void
foreign_set_sys(void)
{
	(void)hv_vcpu_set_sys_reg(g.v, HV_SYS_VBAR_EL1, 0);
}

static void
foreign_get_simd(void)
{
	hv_simd_fp_uchar16_t q;

	(void)hv_vcpu_get_simd_fp_reg(g.v, 0, &q);
}

static void
foreign_set_simd(void)
{
	hv_simd_fp_uchar16_t q = { 0 };

	(void)hv_vcpu_set_simd_fp_reg(g.v, 0, q);
}

static void
foreign_mask(void)
{
	(void)hv_vcpu_set_vtimer_mask(g.v, false);
}

static void
foreign_debug(void)
{
	(void)hv_vcpu_set_trap_debug_exceptions(g.v, true);
}

static void
foreign_debug_registers(void)
{
	(void)hv_vcpu_set_trap_debug_reg_accesses(g.v, true);
}

static void
foreign_offset(void)
{
	(void)hv_vcpu_set_vtimer_offset(g.v, 0);
}

static void
foreign_redistributor(void)
{
	(void)hv_gic_set_redistributor_reg(g.v, HV_GICR_ISPENDR0, 0);
}

static void
foreign_get_icc(void)
{
	uint64_t value;

	(void)hv_gic_get_icc_reg(g.v, HV_ICC_PMR_EL1, &value);
}

static void
foreign_set_icc(void)
{
	(void)hv_gic_set_icc_reg(g.v, HV_ICC_PMR_EL1, 0);
}

/* These are everybody's. */
static void
everybodys(void)
{
	MUST(hv_vcpus_exit(&g.v, 1));
	MUST(hv_gic_set_spi(40, true));
	MUST(hv_gic_set_spi(40, false));
	MUST(hv_gic_send_msi(FRAME + HV_GIC_MSI_SET_SPI, 70));
}

static void *
other_thread(void *arg)
{
	void (*const *fn)(void) = arg;

	(*fn)();
	return NULL;
}

static void
in_another_thread(void (*fn)(void))
{
	pthread_t thread;

	with_code(HERE);
	EXPECT(pthread_create(&thread, NULL, other_thread, &fn) == 0);
	(void)pthread_join(thread, NULL);
}

#define FOREIGN	"vCPU 0: used by a thread that is not its own"

static const struct row thread_table[] = {
	{ "another's run", foreign_run, FOREIGN },
	{ "another's end", foreign_destroy, FOREIGN },
	{ "another's register read", foreign_get, FOREIGN },
	{ "another's register written", foreign_set, FOREIGN },
	{ "another's system register read", foreign_get_sys, FOREIGN },
	{ "another's system register written", foreign_set_sys, FOREIGN },
	{ "another's SIMD register read", foreign_get_simd, FOREIGN },
	{ "another's SIMD register written", foreign_set_simd, FOREIGN },
	{ "another's timer masked", foreign_mask, FOREIGN },
	{ "another's timer set", foreign_offset, FOREIGN },
	{ "another's debugger", foreign_debug, FOREIGN },
	{ "another's debug registers", foreign_debug_registers, FOREIGN },
	{ "another's redistributor", foreign_redistributor, FOREIGN },
	{ "another's CPU interface read", foreign_get_icc, FOREIGN },
	{ "another's CPU interface written", foreign_set_icc, FOREIGN },
	{ "what is everybody's", everybodys, NULL },
};
const struct rows thread_rows = { thread_table, COUNT(thread_table),
    in_another_thread };
