/* SPDX-License-Identifier: ISC */
/*
 * kvm_arm64.c - Linux KVM on arm64: the VM, its vCPUs, their registers
 *
 * Processors are started and stopped, and the machine reset and switched off,
 * by PSCI, which KVM answers.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, sections 4.68 (ONE_REG) and
 * 4.82 (VCPU_INIT); devices/vcpu.rst, section 3 (PVTIME_CTRL).
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "accel/kvm_arm64.h"
#include "lib/util.h"

#define SPI_FIRST	32		/* interrupt ids: shared ones begin */
#define LINES		ACCEL_GSI_MSI	/* of them boards may use */
#define STOLEN_BYTES	64		/* of time, a vCPU's */
#define PSTATE_SP	1U		/* a level's own, else EL0's */

const struct kvm_need kvm_arch_needs[] = {
	KVM_NEED(KVM_CAP_ONE_REG, 1),
	KVM_NEED(KVM_CAP_DEVICE_CTRL, 1),
	KVM_NEED(KVM_CAP_ARM_PSCI_0_2, 1),
	KVM_NEED(KVM_CAP_SET_GUEST_DEBUG, 1),
	{ 0, 0, NULL },
};

/* --- the VM -------------------------------------------------------------- */

int
kvm_arch_vm_new(struct accel_vm *vm, struct err *e)
{
	if (vm->setup.cpu != ACCEL_CPU_HOST)
		return err_set(e, ENOTSUP, "cpu: on arm64 there is only "
		    "\"host\"");
	vm->arch = calloc(1, sizeof(*vm->arch));
	if (vm->arch == NULL)
		return err_sys(e, "VM");
	vm->arch->gic = vm->arch->its = -1;
	if (kvm_call(vm->fd, KVM_ARM_PREFERRED_TARGET, &vm->arch->init,
	    e) == -1)
		return -1;
	return kvm_arm64_gic_new(vm, e);
}

void
kvm_arch_vm_destroy(struct accel_vm *vm)
{
	if (vm->arch == NULL)
		return;
	if (vm->arch->gic != -1)
		(void)close(vm->arch->gic);
	if (vm->arch->its != -1)
		(void)close(vm->arch->its);
	free(vm->arch);
	vm->arch = NULL;
}

/* As KVM has them at first. */
unsigned
kvm_arch_routes(const struct accel_vm *vm, struct kvm_irq_routing_entry *r,
    unsigned max)
{
	unsigned n;

	(void)vm;
	for (n = 0; n < LINES && n < max; n++) {
		r[n].gsi = n;
		r[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		r[n].u.irqchip.irqchip = 0;
		r[n].u.irqchip.pin = n;
	}
	return n;
}

uint32_t
kvm_arch_line(unsigned gsi)
{
	return KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT |
	    (SPI_FIRST + gsi);
}

/* The ITS translates the messages of each device by a table of its own. */
const bool kvm_arch_msi_device = true;

/* --- a vCPU -------------------------------------------------------------- */

static int
vcpu_init(struct accel_vcpu *c, struct err *e)
{
	struct kvm_vcpu_init init = c->vm->arch->init;

	init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
	if (c->id != 0)
		init.features[0] |= 1U << KVM_ARM_VCPU_POWER_OFF;
	if (kvm_has(c->vm->fd, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
	    kvm_has(c->vm->fd, KVM_CAP_ARM_PTRAUTH_GENERIC))
		init.features[0] |= 1U << KVM_ARM_VCPU_PTRAUTH_ADDRESS |
		    1U << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	return kvm_call(c->fd, KVM_ARM_VCPU_INIT, &init, e);
}

/* A host that does not count it tells guests that there is none. */
static int
tell_stolen(struct accel_vcpu *c, struct err *e)
{
	uint64_t gpa = c->vm->setup.stolen + c->id * STOLEN_BYTES;
	struct kvm_device_attr a = {
		.group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = KVM_ARM_VCPU_PVTIME_IPA,
		.addr = (uintptr_t)&gpa,
	};

	if (c->vm->setup.stolen == 0 ||
	    kvm_call(c->fd, KVM_HAS_DEVICE_ATTR, &a, NULL) == -1)
		return 0;
	return kvm_call(c->fd, KVM_SET_DEVICE_ATTR, &a, e);
}

/* A GIC starts when all of its processors are there. */
int
kvm_arch_vcpu_new(struct accel_vcpu *c, struct err *e)
{
	struct accel_vm *vm = c->vm;
	bool last;

	if (vcpu_init(c, e) == -1 || tell_stolen(c, e) == -1)
		return -1;
	(void)pthread_mutex_lock(&vm->lock);
	last = ++vm->arch->made == vm->setup.cpus;
	(void)pthread_mutex_unlock(&vm->lock);
	return last ? kvm_arm64_gic_start(vm, e) : 0;
}

int
kvm_arch_vcpu_reset(struct accel_vcpu *c, struct err *e)
{
	return vcpu_init(c, e);
}

int
kvm_arch_nmi(struct accel_vcpu *c, struct err *e)
{
	(void)c;
	return err_set(e, ENOTSUP, "arm64 processors have no NMI");
}

/* --- registers ----------------------------------------------------------- */

#define CORE(field)							\
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |		\
	    KVM_REG_ARM_CORE_REG(field))

int
kvm_arm64_get(struct accel_vcpu *c, uint64_t id, void *ret, struct err *e)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)ret };

	return kvm_call(c->fd, KVM_GET_ONE_REG, &r, e);
}

int
kvm_arm64_set(struct accel_vcpu *c, uint64_t id, const void *value,
    struct err *e)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)value };

	return kvm_call(c->fd, KVM_SET_ONE_REG, &r, e);
}

static int
one_reg(struct accel_vcpu *c, bool set, uint64_t id, uint64_t *value,
    struct err *e)
{
	return set ? kvm_arm64_set(c, id, value, e) :
	    kvm_arm64_get(c, id, value, e);
}

static int
all_regs(struct accel_vcpu *c, bool set, struct arm64_regs *r, struct err *e)
{
	for (unsigned i = 0; i < ARM64_XREGS; i++)
		if (one_reg(c, set, CORE(regs.regs[0]) + i * 2, &r->x[i],
		    e) == -1)
			return -1;
	if (one_reg(c, set, CORE(regs.pstate), &r->pstate, e) == -1 ||
	    one_reg(c, set, CORE(regs.pc), &r->pc, e) == -1)
		return -1;
	return one_reg(c, set, (r->pstate & PSTATE_SP) != 0 ? CORE(sp_el1) :
	    CORE(regs.sp), &r->sp, e);
}

static int
get_regs(struct accel_vcpu *c, struct arm64_regs *ret, struct err *e)
{
	return all_regs(c, false, ret, e);
}

static int
set_regs(struct accel_vcpu *c, const struct arm64_regs *regs, struct err *e)
{
	struct arm64_regs r = *regs;

	return all_regs(c, true, &r, e);
}

uint64_t
kvm_arch_pc(struct accel_vcpu *c)
{
	uint64_t pc = 0;

	(void)one_reg(c, false, CORE(regs.pc), &pc, NULL);
	return pc;
}

const struct accel_arm64 kvm_arm64 = {
	.stolen		= true,
	.get_regs	= get_regs,
	.set_regs	= set_regs,
};
