/* SPDX-License-Identifier: ISC */
/*
 * order.c - calls that come too early or too late: of the VM, its controller
 * and its vCPUs
 */

#include <pthread.h>

#include "contract.h"

static void
map_without_vm(void)
{
	(void)hv_vm_map(ram, RAM, RAM_LEN, HV_MEMORY_READ);
}

static void
unmap_without_vm(void)
{
	(void)hv_vm_unmap(RAM, RAM_LEN);
}

static void
protect_without_vm(void)
{
	(void)hv_vm_protect(RAM, RAM_LEN, HV_MEMORY_READ);
}

static void
gic_without_vm(void)
{
	(void)hv_gic_create(hv_gic_config_create());
}

static void
vcpu_without_vm(void)
{
	(void)hv_vcpu_create(&g.v, &g.exit, NULL);
}

static void
run_of_none(void)
{
	(void)hv_vcpu_run(0);
}

static void
exit_of_none(void)
{
	hv_vcpu_t v = 3;

	(void)hv_vcpus_exit(&v, 1);
}

static void
state_without_vcpus(void)
{
	(void)hv_gic_set_state(ram, 4);
}

static void
vcpu_without_gic(void)
{
	vm_only();
	vcpu_without_vm();
}

static void
gic_after_vcpu(void)
{
	with_vcpu();
	gic_without_vm();
}

static void
vm_before_vcpu(void)
{
	with_vcpu();
	(void)hv_vm_destroy();
}

static void
in_order(void)
{
	with_vcpu();
	end_well();
	EXPECT(hv_vm_destroy() == HV_NO_DEVICE);
	with_vcpu();
	EXPECT(hv_vm_create(NULL) == HV_BUSY);
	end_well();
}

static void
run_of_one_gone(void)
{
	with_vcpu();
	MUST(hv_vcpu_destroy(g.v));
	(void)hv_vcpu_run(g.v);
}

static void
exit_of_one_gone(void)
{
	with_vcpu();
	MUST(hv_vcpu_destroy(g.v));
	(void)hv_vcpus_exit(&g.v, 1);
}

static void
id_after_run(void)
{
	with_code(HERE);
	run_on();
	(void)hv_vcpu_set_sys_reg(g.v, HV_SYS_ID_AA64MMFR0_EL1, 0);
}

static void
affinity_after_run(void)
{
	with_code(HERE);
	run_on();
	(void)hv_vcpu_set_sys_reg(g.v, HV_SYS_MPIDR_EL1, 1U << 31);
}

static void
affinity_of_another(void)
{
	with_vcpu();
	(void)hv_vcpu_set_sys_reg(g.v, HV_SYS_MPIDR_EL1, 1U << 31 | 5);
}

static void
id_before_run(void)
{
	uint64_t value;

	with_code(HERE);
	MUST(hv_vcpu_set_sys_reg(g.v, HV_SYS_MPIDR_EL1, 1U << 31));
	MUST(hv_vcpu_get_sys_reg(g.v, HV_SYS_ID_AA64MMFR0_EL1, &value));
	MUST(hv_vcpu_set_sys_reg(g.v, HV_SYS_ID_AA64MMFR0_EL1, value));
	run_on();
	end_well();
}

static void
register_35(void)
{
	uint64_t value;

	with_vcpu();
	(void)hv_vcpu_get_reg(g.v, 35, &value);
}

/* --- the state of the interrupt controller -------------------------------- */

static void
state_again(bool before)
{
	hv_gic_state_t s;
	size_t len;
	void *data;

	with_code(HERE);
	if (!before)
		run_on();
	s = hv_gic_state_create();
	EXPECT(s != NULL);
	MUST(hv_gic_state_get_size(s, &len));
	data = malloc(len);
	MUST(hv_gic_state_get_data(s, data));
	os_release(s);
	MUST(hv_gic_set_state(data, len));
	EXPECT(hv_gic_set_state(data, len - 1) == HV_BAD_ARGUMENT);
	MUST(hv_gic_reset());
	end_well();
}

static void
state_after_run(void)
{
	state_again(false);
}

static void
state_before_run(void)
{
	state_again(true);
}

static void
take_state(void)
{
	(void)hv_gic_state_create();
}

static void
set_state(void)
{
	(void)hv_gic_set_state(ram, 4);
}

static void
reset(void)
{
	(void)hv_gic_reset();
}

/* The guest's word in memory tells that it runs. */
static void *
when_it_runs(void *arg)
{
	void (*const *fn)(void) = arg;

	while (__atomic_load_n(ram + HV_PAGE, __ATOMIC_SEQ_CST) == 0)
		(void)usleep(1000);
	(*fn)();
	return NULL;
}

static void
while_it_runs(void (*fn)(void))
{
	pthread_t thread;

	with_code(STR);
	MUST(hv_vcpu_set_reg(g.v, HV_REG_X0, 1));
	MUST(hv_vcpu_set_reg(g.v, HV_REG_X0 + 1, RAM + HV_PAGE));
	EXPECT(pthread_create(&thread, NULL, when_it_runs, &fn) == 0);
	(void)hv_vcpu_run(g.v);
}

static void
state_while(void)
{
	while_it_runs(take_state);
}

static void
set_state_while(void)
{
	while_it_runs(set_state);
}

static void
reset_while(void)
{
	while_it_runs(reset);
}

/* --- the table ------------------------------------------------------------ */

#define ORDER	"the interrupt controller before the VM, or after a vCPU"

static const struct row order_table[] = {
	{ "memory, and no VM", map_without_vm,
	    "hv_vm_map: there is no VM" },
	{ "memory taken away, and no VM", unmap_without_vm,
	    "hv_vm_unmap: there is no VM" },
	{ "memory protected, and no VM", protect_without_vm,
	    "hv_vm_protect: there is no VM" },
	{ "a controller, and no VM", gic_without_vm, ORDER },
	{ "a vCPU, and no VM", vcpu_without_vm, "a vCPU without a VM" },
	{ "a run of no vCPU", run_of_none, "vCPU 0: there is none" },
	{ "an exit of no vCPU", exit_of_none,
	    "hv_vcpus_exit: vCPU 3 is not there" },
	{ "a controller's state, and no vCPU", state_without_vcpus,
	    "hv_gic_set_state before the vCPUs" },
	{ "a vCPU, and no controller", vcpu_without_gic,
	    "a vCPU before the interrupt controller" },
	{ "a controller after a vCPU", gic_after_vcpu, ORDER },
	{ "a VM that ends too early", vm_before_vcpu,
	    "the VM ends before vCPU 0" },
	{ "the right order, twice", in_order, NULL },
	{ "a run of a vCPU that is gone", run_of_one_gone,
	    "vCPU 0: there is none" },
	{ "an exit of a vCPU that is gone", exit_of_one_gone,
	    "hv_vcpus_exit: vCPU 0 is not there" },
	{ "identification after a run", id_after_run,
	    "vCPU 0 has run: register 0xc038 is fixed" },
	{ "affinity after a run", affinity_after_run,
	    "vCPU 0 has run: register 0xc005 is fixed" },
	{ "another's affinity", affinity_of_another,
	    "vCPU 0 cannot be 0x80000005 here" },
	{ "identification before a run", id_before_run, NULL },
	{ "a register that is none", register_35, "register 35" },
	{ "a controller's state after a run", state_after_run,
	    "hv_gic_set_state: vCPU 0 has run" },
	{ "a controller's state before a run", state_before_run, NULL },
	{ "its state taken while a vCPU runs", state_while,
	    "hv_gic_state_create: vCPU 0 runs" },
	{ "its state set while a vCPU runs", set_state_while,
	    "hv_gic_set_state: vCPU 0 runs" },
	{ "its reset while a vCPU runs", reset_while,
	    "hv_gic_reset: vCPU 0 runs" },
};
const struct rows order_rows = ROWS(order_table);
