/* SPDX-License-Identifier: ISC */
/*
 * kvm_arm64_gic.c - Linux KVM on arm64: the interrupt controller
 *
 * Source: Linux, Documentation/virt/kvm/devices/arm-vgic-v3.rst and
 * arm-vgic-its.rst.
 */

#include <errno.h>

#include "accel/kvm_arm64.h"
#include "lib/util.h"

#define IRQS		64		/* of the GIC, private ones too */

int
kvm_arm64_attr_set(int fd, uint32_t group, uint64_t attr, const void *value,
    struct err *e)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return kvm_call(fd, KVM_SET_DEVICE_ATTR, &a, e);
}

int
kvm_arm64_attr_get(int fd, uint32_t group, uint64_t attr, void *ret,
    struct err *e)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)ret,
	};

	return kvm_call(fd, KVM_GET_DEVICE_ATTR, &a, e);
}

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
	if (kvm_arm64_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs,
	    e) == -1 || kvm_arm64_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_V3_ADDR_TYPE_DIST, &g->distributor, e) == -1)
		return -1;
	return kvm_arm64_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &redist, e);
}

static int
make_its(struct accel_vm *vm, struct err *e)
{
	if (device_new(&vm->arch->its, vm, KVM_DEV_TYPE_ARM_VGIC_ITS, "ITS",
	    e) == -1)
		return -1;
	if (kvm_arm64_attr_set(vm->arch->its, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_ITS_ADDR_TYPE, &vm->setup.gic->its, e) == -1)
		return -1;
	return kvm_arm64_attr_set(vm->arch->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, e);
}

int
kvm_arm64_gic_new(struct accel_vm *vm, struct err *e)
{
	return make_gic(vm, e) == -1 ? -1 : make_its(vm, e);
}

int
kvm_arm64_gic_start(struct accel_vm *vm, struct err *e)
{
	return kvm_arm64_attr_set(vm->arch->gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, e);
}

uint64_t
kvm_arm64_affinity(unsigned id)
{
	return (uint64_t)((id & 0xf) | id >> 4 << 8) <<
	    KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
}

/*
 * As after power on.  KVM has no reset of a GIC: what could interrupt a
 * kernel that sets it up anew is switched off.  It takes what is pending as
 * it is to be; other bits that are to go are named.
 * Source: GIC architecture (IHI 0069), sections 12.9 and 12.11.
 */
#define CTLR		0x0000		/* of distributor and redistributor */
#define ENABLE_CLEAR	0x0180		/* of interrupts 0 to 31, in both */
#define PENDING		0x0200
#define ACTIVE_CLEAR	0x0380
#define GICR_SGI_BASE	0x10000

static int
clear(struct accel_vm *vm, uint32_t group, uint64_t attr, struct err *e)
{
	static const struct {
		uint64_t	offset;
		uint32_t	value;
	} with[] = {
		{ ENABLE_CLEAR, UINT32_MAX },
		{ PENDING, 0 },
		{ ACTIVE_CLEAR, UINT32_MAX },
	};

	for (unsigned i = 0; i < COUNT(with); i++)
		if (kvm_arm64_attr_set(vm->arch->gic, group,
		    attr + with[i].offset, &with[i].value, e) == -1)
			return -1;
	return 0;
}

int
kvm_arch_vm_reset(struct accel_vm *vm, struct err *e)
{
	const uint32_t dist = KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
	const uint32_t redist = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
	const uint32_t off = 0;
	int fd = vm->arch->gic;
	uint64_t cpu;

	if (kvm_arm64_attr_set(fd, dist, CTLR, &off, e) == -1 ||
	    clear(vm, dist, 4, e) == -1)
		return -1;
	for (unsigned i = 0; i < vm->setup.cpus; i++) {
		cpu = kvm_arm64_affinity(i);
		if (kvm_arm64_attr_set(fd, redist, cpu | CTLR, &off,
		    e) == -1 || clear(vm, redist, cpu | GICR_SGI_BASE,
		    e) == -1)
			return -1;
	}
	return kvm_arm64_attr_set(vm->arch->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    KVM_DEV_ARM_ITS_CTRL_RESET, NULL, e);
}
