/* SPDX-License-Identifier: ISC */
/*
 * kvm_x86.c - Linux KVM on x86: interrupt controllers, CPUID, first state
 *
 * Source: Linux, Documentation/virt/kvm/api.rst; Intel SDM volume 3,
 * chapter 11 (APIC) and section 12.11 (MTRRs).
 */

#include <errno.h>
#include <string.h>

#include "accel/cpuid_x86.h"
#include "accel/kvm_x86.h"
#include "lib/util.h"

/*
 * Three pages below the end of the first 4 GiB that KVM needs for itself on
 * Intel's processors; no guest sees them.  The one below them is its identity
 * map, which is there without being asked for.
 */
#define TSS		0xfffbd000ULL

#define MSR_MISC_ENABLE		0x1a0
#define MISC_FAST_STRING	(1ULL << 0)
#define MSR_MTRR_DEFAULT	0x2ff
#define MTRR_WRITE_BACK		(1ULL << 11 | 6)	/* on; type 6 */

#define LAPIC_LINT0	0x350
#define LAPIC_LINT1	0x360
#define LVT_EXTINT	0x700		/* delivery modes, not masked */
#define LVT_NMI		0x400

const struct kvm_need kvm_arch_needs[] = {
	KVM_NEED(KVM_CAP_EXT_CPUID, 1),
	KVM_NEED(KVM_CAP_GET_TSC_KHZ, 1),
	KVM_NEED(KVM_CAP_SET_TSS_ADDR, 1),
	KVM_NEED(KVM_CAP_TSC_DEADLINE_TIMER, 1),
	KVM_NEED(KVM_CAP_PIT2, 1),
	KVM_NEED(KVM_CAP_PIT_STATE2, 1),
	KVM_NEED(KVM_CAP_SPLIT_IRQCHIP, 1),
	KVM_NEED(KVM_CAP_ADJUST_CLOCK, 1),
	KVM_NEED(KVM_CAP_XSAVE, 1),
	KVM_NEED(KVM_CAP_XCRS, 1),
	KVM_NEED(KVM_CAP_DEBUGREGS, 1),
	KVM_NEED(KVM_CAP_VCPU_EVENTS, 1),
	KVM_NEED(KVM_CAP_SET_GUEST_DEBUG, 1),
	{ 0, 0, NULL },
};

/* --- the VM -------------------------------------------------------------- */

/* A PIC as KVM makes it, but for the lines that are level-triggered. */
static int
set_level(struct accel_vm *vm, uint32_t pic, unsigned lines, unsigned mask,
    struct err *e)
{
	struct kvm_irqchip c = { .chip_id = pic };

	c.chip.pic.elcr = (uint8_t)(lines & mask);
	c.chip.pic.elcr_mask = (uint8_t)mask;
	return kvm_call(vm->fd, KVM_SET_IRQCHIP, &c, e);
}

static int
set_levels(struct accel_vm *vm, struct err *e)
{
	unsigned lines = vm->setup.level;

	/* Lines 0 to 2, 8 and 13 are edge-triggered on every PC. */
	if (lines == 0)
		return 0;
	if (set_level(vm, KVM_IRQCHIP_PIC_MASTER, lines, 0xf8, e) == -1)
		return -1;
	return set_level(vm, KVM_IRQCHIP_PIC_SLAVE, lines >> 8, 0xde, e);
}

static int
make_irqchip(struct accel_vm *vm, struct err *e)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	/* args[0]: interrupt lines of a controller in this process */
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP };

	if (vm->setup.irqchip == ACCEL_IRQCHIP_SPLIT)
		return kvm_call(vm->fd, KVM_ENABLE_CAP, &split, e);
	if (kvm_call(vm->fd, KVM_CREATE_IRQCHIP, NULL, e) == -1 ||
	    set_levels(vm, e) == -1)
		return -1;
	return kvm_call(vm->fd, KVM_CREATE_PIT2, &pit, e);
}

/*
 * MSRs of interfaces that no guest of ours is offered: Hyper-V's and Xen's,
 * and nested virtualization.  Saving them is of no use.
 */
static const struct {
	uint32_t	base;
	uint32_t	n;
} denied[] = {
	{ 0x34, 1 },			/* SMI count */
	{ 0x480, 0x14 },		/* VMX */
	{ 0x40000000, 0x400 },
	{ 0xc0010114, 4 },		/* SVM */
};

bool
kvm_x86_msr_denied(uint32_t index)
{
	for (unsigned i = 0; i < COUNT(denied); i++)
		if (index - denied[i].base < denied[i].n)
			return true;
	return false;
}

static int
make_cpuid(struct accel_vm *vm, struct err *e)
{
	own_mem struct kvm_cpuid2 *all = cpuid_x86_room(CPUID_ENTRIES_MAX);
	struct cpuid_x86 want = {
		.cpu = vm->setup.cpu,
		.cpus = vm->setup.cpus,
		.tsc_khz = vm->arch->tsc_khz,
		.tsc_deadline = true,
	};

	if (all == NULL)
		return err_sys(e, "CPUID");
	if (kvm_call(vm->kvm, KVM_GET_SUPPORTED_CPUID, all, e) == -1)
		return -1;
	return cpuid_x86_new(&vm->arch->cpuid, &want, all, e);
}

int
kvm_arch_vm_new(struct accel_vm *vm, struct err *e)
{
	vm->arch = calloc(1, sizeof(*vm->arch));
	if (vm->arch == NULL)
		return err_sys(e, "VM");
	if (kvm_call(vm->fd, KVM_SET_TSS_ADDR, kvm_number(TSS), e) == -1)
		return -1;
	return make_irqchip(vm, e);
}

void
kvm_arch_vm_destroy(struct accel_vm *vm)
{
	if (vm->arch == NULL)
		return;
	free(vm->arch->cpuid);
	free(vm->arch);
	vm->arch = NULL;
}

/* What KVM has at first too: an input of a PIC, if it has one, and IOAPIC. */
unsigned
kvm_arch_routes(const struct accel_vm *vm, struct kvm_irq_routing_entry *r,
    unsigned max)
{
	unsigned n = 0;

	if (vm->setup.irqchip == ACCEL_IRQCHIP_SPLIT)
		return 0;
	for (unsigned gsi = 0; gsi < KVM_LINES && n + 2 <= max; gsi++) {
		r[n].gsi = gsi;
		r[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		r[n].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		r[n++].u.irqchip.pin = gsi;
		if (gsi >= 16)
			continue;
		r[n].gsi = gsi;
		r[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		r[n].u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER :
		    KVM_IRQCHIP_PIC_SLAVE;
		r[n++].u.irqchip.pin = gsi & 7;
	}
	return n;
}

/* --- a vCPU -------------------------------------------------------------- */

/* Firmware would set these: memory is cached, string moves are fast. */
static int
set_msrs(struct accel_vcpu *c, struct err *e)
{
	const struct kvm_msr_entry want[] = {
		{ MSR_MISC_ENABLE, 0, MISC_FAST_STRING },
		{ MSR_MTRR_DEFAULT, 0, MTRR_WRITE_BACK },
	};
	own_mem struct kvm_msrs *m = calloc(1, sizeof(*m) + sizeof(want));
	int n;

	if (m == NULL)
		return err_sys(e, "MSRs");
	m->nmsrs = COUNT(want);
	memcpy(m->entries, want, sizeof(want));
	n = kvm_call(c->fd, KVM_SET_MSRS, m, e);
	if (n != -1 && n != COUNT(want))
		return err_set(e, EIO, "KVM_SET_MSRS: %#x is refused",
		    want[n].index);
	return n == -1 ? -1 : 0;
}

/* And the wires of the boot processor's LAPIC: LINT0 is the PIC, LINT1 NMI. */
static int
set_lapic(struct accel_vcpu *c, struct err *e)
{
	struct kvm_lapic_state l;
	uint32_t lint0 = LVT_EXTINT, lint1 = LVT_NMI;

	if (kvm_call(c->fd, KVM_GET_LAPIC, &l, e) == -1)
		return -1;
	if (c->id == 0)
		memcpy(l.regs + LAPIC_LINT0, &lint0, sizeof(lint0));
	memcpy(l.regs + LAPIC_LINT1, &lint1, sizeof(lint1));
	return kvm_call(c->fd, KVM_SET_LAPIC, &l, e);
}

/* The first vCPU tells the TSC's frequency, which is in CPUID. */
static int
set_cpuid(struct accel_vcpu *c, struct err *e)
{
	struct accel_vm *vm = c->vm;
	int r = 0;

	(void)pthread_mutex_lock(&vm->lock);
	if (vm->arch->cpuid == NULL) {
		if ((r = kvm_call(c->fd, KVM_GET_TSC_KHZ, NULL, e)) != -1) {
			vm->arch->tsc_khz = (uint32_t)r;
			r = make_cpuid(vm, e);
		}
	}
	if (r != -1) {
		cpuid_x86_vcpu(vm->arch->cpuid, c->id);
		r = kvm_call(c->fd, KVM_SET_CPUID2, vm->arch->cpuid, e);
	}
	(void)pthread_mutex_unlock(&vm->lock);
	return r == -1 ? -1 : 0;
}

/*
 * MSRs and hypercalls of KVM's own interface and of Hyper-V's are answered
 * only if CPUID offers them; those of VMX and SVM always are so.  A filter of
 * MSRs would do no more, and KVM waits 10 ms for it to be everywhere.
 */
static int
enforce_cpuid(struct accel_vcpu *c, struct err *e)
{
	static const uint32_t caps[] = { KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
	    KVM_CAP_HYPERV_ENFORCE_CPUID };
	struct kvm_enable_cap on = { .args = { 1 } };

	for (unsigned i = 0; i < COUNT(caps); i++) {
		on.cap = caps[i];
		/* A kernel that does not know it has nothing to enforce. */
		if (kvm_call(c->fd, KVM_ENABLE_CAP, &on, e) == -1 &&
		    errno != EINVAL)
			return -1;
	}
	return 0;
}

int
kvm_arch_vcpu_new(struct accel_vcpu *c, struct err *e)
{
	if (set_cpuid(c, e) == -1 || enforce_cpuid(c, e) == -1)
		return -1;
	if (set_msrs(c, e) == -1)
		return -1;
	return set_lapic(c, e);
}

uint32_t
kvm_arch_line(unsigned gsi)
{
	return gsi;
}

/* A local APIC takes a message from anybody. */
const bool kvm_arch_msi_device = false;

/* DR6 is that of a debug exception only. */
unsigned
kvm_arch_hits(const struct accel_vcpu *c)
{
	const struct kvm_debug_exit_arch *d = &c->run->debug.arch;

	return d->exception == 1 ? (unsigned)d->dr6 & 0xf : 0;
}

uint64_t
kvm_arch_pc(struct accel_vcpu *c)
{
	struct kvm_regs r;

	if (kvm_call(c->fd, KVM_GET_REGS, &r, NULL) == -1)
		return 0;
	return r.rip;
}

int
kvm_arch_nmi(struct accel_vcpu *c, struct err *e)
{
	return kvm_call(c->fd, KVM_NMI, NULL, e);
}

const struct accel_x86 kvm_x86 = {
	.get_regs	= kvm_x86_get_regs,
	.set_regs	= kvm_x86_set_regs,
};
