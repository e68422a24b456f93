/* SPDX-License-Identifier: ISC */
/* guest.c - a guest of few instructions, as far as a row needs it */

#include <string.h>

#include "contract.h"

#define PSCI_VERSION	0x84000000

uint8_t ram[RAM_LEN] __attribute__((aligned(HV_PAGE)));
struct guest g;

void
vm_only(void)
{
	MUST(hv_vm_create(NULL));
}

void
with_gic(void)
{
	hv_gic_config_t c = hv_gic_config_create();

	vm_only();
	MUST(hv_gic_config_set_distributor_base(c, 0x08000000));
	MUST(hv_gic_config_set_redistributor_base(c, 0x0c000000));
	MUST(hv_gic_config_set_msi_region_base(c, FRAME));
	MUST(hv_gic_config_set_msi_interrupt_range(c, 64, 448));
	MUST(hv_gic_create(c));
	os_release(c);
}

void
with_vcpu(void)
{
	with_gic();
	MUST(hv_vm_map(ram, RAM, RAM_LEN, HV_MEMORY_READ | HV_MEMORY_WRITE |
	    HV_MEMORY_EXEC));
	MUST(hv_vcpu_create(&g.v, &g.exit, NULL));
}

void
with_code(uint32_t insn)
{
	const uint32_t code[] = { insn, HERE };

	with_vcpu();
	memcpy(ram, code, sizeof(code));
	MUST(hv_vcpu_set_reg(g.v, HV_REG_CPSR, 0x3c5));
	MUST(hv_vcpu_set_reg(g.v, HV_REG_PC, RAM));
	MUST(hv_vcpu_set_reg(g.v, HV_REG_X0 + 1, DEVICE));
}

uint64_t
get(hv_reg_t r)
{
	uint64_t value;

	MUST(hv_vcpu_get_reg(g.v, r, &value));
	return value;
}

void
run_to(uint32_t insn, unsigned class)
{
	with_code(insn);
	if (class == CLASS_HVC || class == CLASS_SMC)
		MUST(hv_vcpu_set_reg(g.v, HV_REG_X0, PSCI_VERSION));
	MUST(hv_vcpu_run(g.v));
	EXPECT(g.exit->reason == HV_EXIT_EXCEPTION);
	EXPECT(CLASS == class);
}

void
run_on(void)
{
	MUST(hv_vcpus_exit(&g.v, 1));
	MUST(hv_vcpu_run(g.v));
	EXPECT(g.exit->reason == HV_EXIT_CANCELED);
}

void
set_pc(uint64_t pc)
{
	MUST(hv_vcpu_set_reg(g.v, HV_REG_PC, pc));
}

void
end_well(void)
{
	MUST(hv_vcpu_destroy(g.v));
	MUST(hv_vm_destroy());
}
