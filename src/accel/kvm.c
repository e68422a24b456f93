/* SPDX-License-Identifier: ISC */
/*
 * kvm.c - Linux KVM: the VM, its memory, interrupts and events
 *
 * What is here is the same on every processor; kvm_vcpu.c runs the vCPUs.
 * Source: Linux, Documentation/virt/kvm/api.rst.
 */

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "accel/device.h"
#include "accel/kvm.h"
#include "lib/util.h"

static const struct kvm_need needs[] = {
	KVM_NEED(KVM_CAP_USER_MEMORY, 1),
	KVM_NEED(KVM_CAP_NR_MEMSLOTS, ACCEL_SLOTS_MAX),
	KVM_NEED(KVM_CAP_READONLY_MEM, 1),
	KVM_NEED(KVM_CAP_IRQCHIP, 1),
	KVM_NEED(KVM_CAP_IRQ_ROUTING, 1),
	KVM_NEED(KVM_CAP_IRQFD, 1),
	KVM_NEED(KVM_CAP_SIGNAL_MSI, 1),
	KVM_NEED(KVM_CAP_IRQFD_RESAMPLE, 1),
	KVM_NEED(KVM_CAP_IOEVENTFD, 1),
	KVM_NEED(KVM_CAP_IOEVENTFD_ANY_LENGTH, 1),
	KVM_NEED(KVM_CAP_IMMEDIATE_EXIT, 1),
	KVM_NEED(KVM_CAP_MP_STATE, 1),
	{ 0, 0, NULL },
};

int
kvm_call_(int fd, unsigned long request, void *arg, const char *name,
    struct err *e)
{
	int r;

	while ((r = ioctl(fd, request, arg)) == -1 && errno == EINTR)
		continue;
	return r == -1 ? err_sys(e, "%s", name) : r;
}

int
kvm_has(int fd, int cap)
{
	int r = ioctl(fd, KVM_CHECK_EXTENSION, kvm_number(cap));

	return MAX(r, 0);
}

int
kvm_check_needs(int fd, const struct kvm_need *n, struct err *e)
{
	char missing[400] = "";
	size_t len = 0;

	for (; n->name != NULL; n++) {
		if (kvm_has(fd, n->cap) >= n->least)
			continue;
		len += (size_t)snprintf(missing + len, sizeof(missing) - len,
		    "%s%s", len > 0 ? ", " : "", n->name);
		len = MIN(len, sizeof(missing) - 1);
	}
	if (len > 0)
		return err_set(e, ENOTSUP, "/dev/kvm lacks %s", missing);
	return 0;
}

static int
open_kvm(int *ret, struct err *e)
{
	*ret = accel_device_open(e);
	return *ret == -1 ? err_prefix(e, "/dev/kvm") : 0;
}

/* Its version has been 12 since 2007: a start of a VM does not ask. */
static int
check_version(int fd, struct err *e)
{
	int version;

	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return err_set(e, ENOTSUP, "/dev/kvm has version %d of its "
		    "interface, not %d", version, KVM_API_VERSION);
	return 0;
}

static int
kvm_check(struct err *e)
{
	own_fd int fd = -1;

	if (open_kvm(&fd, e) == -1 || check_version(fd, e) == -1 ||
	    kvm_check_needs(fd, needs, e) == -1)
		return -1;
	return kvm_check_needs(fd, kvm_arch_needs, e);
}

/* kvm: becomes the VM's, also on failure. */
static int
make_vm(struct accel_vm **ret, const struct accel_setup *s, int kvm,
    struct err *e)
{
	OWN(kvm_vm_destroy) struct accel_vm *vm = NULL;
	own_fd int fd = kvm;

	vm = calloc(1, sizeof(*vm));
	if (vm == NULL)
		return err_sys(e, "VM");
	vm->kvm = take_fd(&fd);
	vm->fd = -1;
	vm->setup = *s;
	(void)pthread_mutex_init(&vm->lock, NULL);
	vm->fd = kvm_call(vm->kvm, KVM_CREATE_VM, NULL, e);
	if (vm->fd == -1)
		return -1;
	vm->run_bytes = (size_t)kvm_call(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL,
	    e);
	if (vm->run_bytes == (size_t)-1)
		return -1;
	if (kvm_arch_vm_new(vm, e) == -1)
		return -1;
	*ret = take(&vm);
	return 0;
}

int
kvm_vm_like(struct accel_vm **ret, const struct accel_vm *vm, struct err *e)
{
	int kvm = fcntl(vm->kvm, F_DUPFD_CLOEXEC, 0);

	if (kvm == -1)
		return err_sys(e, "/dev/kvm");
	return make_vm(ret, &vm->setup, kvm, e);
}

static int
kvm_vm_new(struct accel_vm **ret, const struct accel_setup *s, struct err *e)
{
	int kvm;

	if (s->cpus < 1 || s->cpus > ACCEL_CPUS_MAX)
		return err_set(e, EINVAL, "%u CPUs: 1 to %d can be had",
		    s->cpus, ACCEL_CPUS_MAX);
	if (kvm_kick_prepare(e) == -1 || open_kvm(&kvm, e) == -1)
		return -1;
	return make_vm(ret, s, kvm, e);
}

void
kvm_vm_destroy(struct accel_vm *vm)
{
	if (vm == NULL)
		return;
	kvm_arch_vm_destroy(vm);
	if (vm->fd != -1)
		(void)close(vm->fd);
	if (vm->kvm != -1)
		(void)close(vm->kvm);
	(void)pthread_mutex_destroy(&vm->lock);
	free(vm);
}

/* --- memory -------------------------------------------------------------- */

static int
kvm_map(struct accel_vm *vm, const struct accel_memory *m, struct err *e)
{
	struct kvm_userspace_memory_region r = {
		.slot = m->slot,
		.flags = (m->readonly ? KVM_MEM_READONLY : 0) |
		    (m->log ? KVM_MEM_LOG_DIRTY_PAGES : 0),
		.guest_phys_addr = m->gpa,
		.memory_size = m->bytes,
		.userspace_addr = (uintptr_t)m->host,
	};

	if (m->slot >= ACCEL_SLOTS_MAX)
		return err_set(e, EINVAL, "memory slot %u", m->slot);
	if (kvm_call(vm->fd, KVM_SET_USER_MEMORY_REGION, &r, e) == -1)
		return -1;
	vm->slot[m->slot] = *m;
	return 0;
}

static int
kvm_dirty(struct accel_vm *vm, unsigned slot, uint64_t *bitmap, struct err *e)
{
	struct kvm_dirty_log d = { .slot = slot, .dirty_bitmap = bitmap };

	if (slot >= ACCEL_SLOTS_MAX || vm->slot[slot].bytes == 0)
		return err_set(e, EINVAL, "memory slot %u is empty", slot);
	return kvm_call(vm->fd, KVM_GET_DIRTY_LOG, &d, e);
}

/* --- interrupts ---------------------------------------------------------- */

/* Not every processor's KVM_IRQ_LINE knows of messages. */
static int
send_message(struct accel_vm *vm, unsigned gsi, struct err *e)
{
	struct kvm_msi m = { 0 };
	bool routed;

	(void)pthread_mutex_lock(&vm->lock);
	routed = vm->routed[gsi];
	m.address_lo = (uint32_t)vm->route[gsi].address;
	m.address_hi = (uint32_t)(vm->route[gsi].address >> 32);
	m.data = vm->route[gsi].data;
	if (kvm_arch_msi_device) {
		m.flags = KVM_MSI_VALID_DEVID;
		m.devid = vm->route[gsi].device;
	}
	(void)pthread_mutex_unlock(&vm->lock);
	if (!routed)
		return 0;
	return kvm_call(vm->fd, KVM_SIGNAL_MSI, &m, e) == -1 ? -1 : 0;
}

static int
kvm_irq(struct accel_vm *vm, unsigned gsi, int level, struct err *e)
{
	struct kvm_irq_level l = { .irq = kvm_arch_line(gsi),
	    .level = level != 0 };

	if (gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u", gsi);
	if (gsi >= ACCEL_GSI_MSI)
		return level != 0 ? send_message(vm, gsi, e) : 0;
	return kvm_call(vm->fd, KVM_IRQ_LINE, &l, e);
}

static int
kvm_irqfd(struct accel_vm *vm, const struct accel_irqfd *q, struct err *e)
{
	struct kvm_irqfd k = { .fd = (uint32_t)q->fd, .gsi = q->gsi };

	if (q->gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u", q->gsi);
	if (q->remove)
		k.flags = KVM_IRQFD_FLAG_DEASSIGN;
	else if (q->resample != -1) {
		k.flags = KVM_IRQFD_FLAG_RESAMPLE;
		k.resamplefd = (uint32_t)q->resample;
	}
	return kvm_call(vm->fd, KVM_IRQFD, &k, e);
}

/* KVM takes the whole table at each change; the lock is held. */
static int
set_routes(struct accel_vm *vm, struct err *e)
{
	own_mem struct kvm_irq_routing *r = calloc(1, sizeof(*r) +
	    (KVM_ARCH_ROUTES_MAX + ACCEL_GSI_MAX) * sizeof(r->entries[0]));
	struct kvm_irq_routing_entry *n;

	if (r == NULL)
		return err_sys(e, "interrupt routes");
	r->nr = kvm_arch_routes(vm, r->entries, KVM_ARCH_ROUTES_MAX);
	for (unsigned gsi = ACCEL_GSI_MSI; gsi < ACCEL_GSI_MAX; gsi++) {
		if (!vm->routed[gsi])
			continue;
		n = &r->entries[r->nr++];
		n->gsi = gsi;
		n->type = KVM_IRQ_ROUTING_MSI;
		n->u.msi.address_lo = (uint32_t)vm->route[gsi].address;
		n->u.msi.address_hi = (uint32_t)(vm->route[gsi].address >> 32);
		n->u.msi.data = vm->route[gsi].data;
		if (!kvm_arch_msi_device)
			continue;
		n->flags = KVM_MSI_VALID_DEVID;
		n->u.msi.devid = vm->route[gsi].device;
	}
	return kvm_call(vm->fd, KVM_SET_GSI_ROUTING, r, e);
}

static bool
same_route(const struct accel_vm *vm, unsigned gsi, const struct accel_msi *m)
{
	if (m == NULL || !vm->routed[gsi])
		return m == NULL && !vm->routed[gsi];
	return vm->route[gsi].address == m->address &&
	    vm->route[gsi].data == m->data;
}

static int
kvm_msi(struct accel_vm *vm, unsigned gsi, const struct accel_msi *m,
    struct err *e)
{
	struct accel_msi before;
	bool routed;
	int r = 0;

	if (gsi < ACCEL_GSI_MSI || gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u is not for messages", gsi);
	(void)pthread_mutex_lock(&vm->lock);
	if (!same_route(vm, gsi, m)) {
		before = vm->route[gsi];
		routed = vm->routed[gsi];
		vm->routed[gsi] = m != NULL;
		if (m != NULL)
			vm->route[gsi] = *m;
		if ((r = set_routes(vm, e)) == -1) {
			vm->route[gsi] = before;
			vm->routed[gsi] = routed;
		}
	}
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}

static int
kvm_ioevent(struct accel_vm *vm, const struct accel_ioevent *v, struct err *e)
{
	struct kvm_ioeventfd k = {
		.datamatch = v->match ? v->value : 0,
		.addr = v->addr,
		.len = v->len,
		.fd = v->fd,
		.flags = (v->pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
		    (v->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
		    (v->remove ? KVM_IOEVENTFD_FLAG_DEASSIGN : 0),
	};

	return kvm_call(vm->fd, KVM_IOEVENTFD, &k, e);
}

const struct accel accel_kvm = {
	.name		= "kvm",
	.check		= kvm_check,
	.vm_new		= kvm_vm_new,
	.vm_destroy	= kvm_vm_destroy,
	.map		= kvm_map,
	.dirty		= kvm_dirty,
	.irq		= kvm_irq,
	.irqfd		= kvm_irqfd,
	.msi		= kvm_msi,
	.ioevent	= kvm_ioevent,
	.vcpu_new	= kvm_vcpu_new,
	.vcpu_destroy	= kvm_vcpu_destroy,
	.vcpu_run	= kvm_vcpu_run,
	.vcpu_kick	= kvm_vcpu_kick,
	.vcpu_reset	= kvm_arch_vcpu_reset,
	.vm_reset	= kvm_arch_vm_reset,
	.nmi		= kvm_arch_nmi,
	.vm_save	= kvm_arch_vm_save,
	.vm_load	= kvm_arch_vm_load,
	.vcpu_save	= kvm_arch_vcpu_save,
	.vcpu_load	= kvm_arch_vcpu_load,
	.debug		= kvm_arch_debug,
	.translate	= kvm_arch_translate,
	.x86		= &kvm_x86,
	.arm64		= &kvm_arm64,
};
