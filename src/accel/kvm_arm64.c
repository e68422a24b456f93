/* SPDX-License-Identifier: ISC */
/*
 * kvm_arm64.c - Linux KVM on arm64: GIC, vCPUs, registers
 *
 * Processors are started and stopped, and the machine reset and switched off,
 * by PSCI, which KVM answers.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, sections 4.68 (ONE_REG) and
 * 4.82 (VCPU_INIT); devices/arm-vgic-v3.rst; devices/arm-vgic-its.rst.
 */

#include <sys/ioctl.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "accel/accel_arm64.h"
#include "accel/kvm.h"
#include "lib/util.h"

#define SPI_FIRST	32		/* interrupt ids: shared ones begin */
#define IRQS		64		/* of the GIC, private ones too */
#define LINES		ACCEL_GSI_MSI	/* of them boards may use */

struct kvm_arch {
	int			gic;
	int			its;
	unsigned		made;	/* vCPUs */
	struct kvm_vcpu_init	init;
};

const struct kvm_need kvm_arch_needs[] = {
	KVM_NEED(KVM_CAP_ONE_REG, 1),
	KVM_NEED(KVM_CAP_DEVICE_CTRL, 1),
	KVM_NEED(KVM_CAP_ARM_PSCI_0_2, 1),
	{ 0, 0, NULL },
};

/* --- interrupt controller ------------------------------------------------ */

static int
device_new(int *ret, struct accel_vm *vm, uint32_t type, const char *what,
    struct err *e)
{
	struct kvm_create_device d = { .type = type };

	if (kvm_call(vm->fd, KVM_CREATE_DEVICE, &d, e) == -1)
		return errno == ENODEV ? err_set(e, ENOTSUP, "this host's "
		    "interrupt controller offers guests no %s", what) :
		    err_prefix(e, "%s", what);
	*ret = (int)d.fd;
	return 0;
}

static int
device_set(int fd, uint32_t group, uint64_t attr, const void *value,
    struct err *e)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return kvm_call(fd, KVM_SET_DEVICE_ATTR, &a, e);
}

static int
make_gic(struct accel_vm *vm, struct err *e)
{
	const struct arm64_gic *g = vm->setup.gic;
	uint64_t redist = (uint64_t)vm->setup.cpus << 52 | g->redistributors;
	uint32_t irqs = IRQS;
	int fd;

	if (device_new(&vm->arch->gic, vm, KVM_DEV_TYPE_ARM_VGIC_V3, "GICv3",
	    e) == -1)
		return -1;
	fd = vm->arch->gic;
	if (device_set(fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs, e) == -1 ||
	    device_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_V3_ADDR_TYPE_DIST, &g->distributor, e) == -1)
		return -1;
	return device_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &redist, e);
}

static int
make_its(struct accel_vm *vm, struct err *e)
{
	if (device_new(&vm->arch->its, vm, KVM_DEV_TYPE_ARM_VGIC_ITS, "ITS",
	    e) == -1)
		return -1;
	if (device_set(vm->arch->its, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_ITS_ADDR_TYPE, &vm->setup.gic->its, e) == -1)
		return -1;
	return device_set(vm->arch->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, e);
}

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
	if (make_gic(vm, e) == -1)
		return -1;
	return make_its(vm, e);
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

/*
 * As after power on.  KVM has no reset of a GIC: what could interrupt a
 * kernel that sets it up anew is switched off.
 * Source: GIC architecture (IHI 0069), sections 12.9 and 12.11.
 */
#define GICD_CTLR	0x0000
#define GICR_CTLR	0x0000
#define ENABLE_CLEAR	0x0180		/* of interrupts 0 to 31, in both */
#define PENDING_CLEAR	0x0280
#define ACTIVE_CLEAR	0x0380
#define GICR_SGI_BASE	0x10000

static int
clear(struct accel_vm *vm, uint32_t group, uint64_t attr, struct err *e)
{
	static const uint64_t what[] = { ENABLE_CLEAR, PENDING_CLEAR,
	    ACTIVE_CLEAR };
	uint32_t all = UINT32_MAX;

	for (unsigned i = 0; i < COUNT(what); i++)
		if (device_set(vm->arch->gic, group, attr + what[i], &all,
		    e) == -1)
			return -1;
	return 0;
}

/* Affinity of a vCPU, as KVM gives it by its number. */
static uint64_t
affinity(unsigned id)
{
	return (id & 0xf) | (uint64_t)(id >> 4) << 8;
}

int
kvm_arch_vm_reset(struct accel_vm *vm, struct err *e)
{
	uint32_t off = 0;
	uint64_t cpu;

	if (device_set(vm->arch->gic, KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
	    GICD_CTLR, &off, e) == -1 ||
	    clear(vm, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 4, e) == -1)
		return -1;
	for (unsigned i = 0; i < vm->setup.cpus; i++) {
		cpu = affinity(i) << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
		if (device_set(vm->arch->gic, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
		    cpu | GICR_CTLR, &off, e) == -1 ||
		    clear(vm, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
		    cpu | GICR_SGI_BASE, e) == -1)
			return -1;
	}
	return device_set(vm->arch->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    KVM_DEV_ARM_ITS_CTRL_RESET, NULL, e);
}

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

/* A GIC starts when all of its processors are there. */
int
kvm_arch_vcpu_new(struct accel_vcpu *c, struct err *e)
{
	struct accel_vm *vm = c->vm;
	bool last;

	if (vcpu_init(c, e) == -1)
		return -1;
	(void)pthread_mutex_lock(&vm->lock);
	last = ++vm->arch->made == vm->setup.cpus;
	(void)pthread_mutex_unlock(&vm->lock);
	return last ? device_set(vm->arch->gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, e) : 0;
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

unsigned
kvm_arch_hits(const struct accel_vcpu *c)
{
	(void)c;
	return 0;
}

/* --- registers ----------------------------------------------------------- */

#define CORE(field)							\
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |		\
	    KVM_REG_ARM_CORE_REG(field))

static int
one_reg(struct accel_vcpu *c, bool set, uint64_t id, uint64_t *value,
    struct err *e)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)value };

	return set ? kvm_call(c->fd, KVM_SET_ONE_REG, &r, e) :
	    kvm_call(c->fd, KVM_GET_ONE_REG, &r, e);
}

static int
all_regs(struct accel_vcpu *c, bool set, struct arm64_regs *r, struct err *e)
{
	for (unsigned i = 0; i < ARM64_XREGS; i++)
		if (one_reg(c, set, CORE(regs.regs[0]) + i * 2, &r->x[i],
		    e) == -1)
			return -1;
	if (one_reg(c, set, CORE(sp_el1), &r->sp, e) == -1 ||
	    one_reg(c, set, CORE(regs.pc), &r->pc, e) == -1)
		return -1;
	return one_reg(c, set, CORE(regs.pstate), &r->pstate, e);
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
	.get_regs	= get_regs,
	.set_regs	= set_regs,
};

/* --- state --------------------------------------------------------------- */

static int
no_state(struct err *e)
{
	return err_set(e, ENOTSUP, "snapshots of arm64 machines are not "
	    "there");
}

json_t *
kvm_arch_vm_save(struct accel_vm *vm, struct err *e)
{
	(void)vm;
	(void)no_state(e);
	return NULL;
}

int
kvm_arch_vm_load(struct accel_vm *vm, const json_t *o, struct err *e)
{
	(void)vm;
	(void)o;
	return no_state(e);
}

json_t *
kvm_arch_vcpu_save(struct accel_vcpu *c, struct err *e)
{
	(void)c;
	(void)no_state(e);
	return NULL;
}

int
kvm_arch_vcpu_load(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	(void)c;
	(void)o;
	return no_state(e);
}
