/* SPDX-License-Identifier: ISC */
/* vm.c - the double's VM and its memory; see double.h */

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "double.h"

#define IPA_BITS_MAX	40		/* of a Mac */

struct hv_vm_config {
	uint32_t	bits;
};

int	vm = -1;

static int	kvm = -1;

static struct slot {
	hv_ipa_t	ipa;
	size_t		len;		/* 0: free */
} slots[SLOTS_MAX];

void
violated(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "hv double: contract broken: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	abort();
}

/* Programs give their rights away before they make the VM. */
static void __attribute__((constructor))
open_early(void)
{
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

int
kvm_open(void)
{
	return kvm;
}

/*
 * Calls of PSCI come to us.  Linux, Documentation/virt/kvm/devices/vm.rst,
 * KVM_ARM_VM_SMCCC_CTRL; since Linux 6.4.
 */
struct smccc_filter {
	uint32_t	base;
	uint32_t	n;
	uint8_t		action;
	uint8_t		pad[15];
};
#define SMCCC_CTRL	0		/* group */
#define SMCCC_FILTER	0		/* attribute */
#define TO_USER		2

static int
forward_calls(void)
{
	static const uint32_t ranges[] = { 0x84000000, 0xc4000000 };

	for (unsigned i = 0; i < 2; i++) {
		struct smccc_filter f = { .base = ranges[i], .n = 0x20,
		    .action = TO_USER };
		struct kvm_device_attr a = { .group = SMCCC_CTRL,
		    .attr = SMCCC_FILTER, .addr = (uintptr_t)&f };

		if (ioctl(vm, KVM_SET_DEVICE_ATTR, &a) == -1)
			return -1;
	}
	return 0;
}

/* Calls of firmware and loads that nobody described come to us. */
static int
forward_all(void)
{
	struct kvm_enable_cap nisv = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	if (ioctl(vm, KVM_ENABLE_CAP, &nisv) == -1)
		return -1;
	return forward_calls();
}

hv_return_t
hv_vm_create(hv_vm_config_t c)
{
	if (vm != -1)
		return HV_BUSY;
	if (kvm == -1)
		return HV_UNSUPPORTED;
	vm = ioctl(kvm, KVM_CREATE_VM, c == NULL ? 0UL :
	    (unsigned long)c->bits);
	if (vm == -1)
		return HV_NO_RESOURCES;
	if (forward_all() == -1) {
		fprintf(stderr, "hv double: Linux 6.4 is needed\n");
		(void)close(vm);
		vm = -1;
		return HV_UNSUPPORTED;
	}
	return HV_SUCCESS;
}

hv_return_t
hv_vm_destroy(void)
{
	if (vm == -1)
		return HV_NO_DEVICE;
	for (unsigned i = 0; i < nvcpus; i++)
		if (vcpus[i].there)
			violated("the VM ends before vCPU %u", i);
	gic_forget();
	(void)close(vm);
	vm = -1;
	nvcpus = 0;
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		slots[i].len = 0;
	return HV_SUCCESS;
}

hv_return_t
hv_vm_get_max_vcpu_count(uint32_t *ret)
{
	*ret = VCPUS_MAX;
	return HV_SUCCESS;
}

hv_vm_config_t
hv_vm_config_create(void)
{
	return calloc(1, sizeof(struct hv_vm_config));
}

hv_return_t
hv_vm_config_get_max_ipa_size(uint32_t *bits)
{
	int n = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	*bits = n < 32 || n > IPA_BITS_MAX ? IPA_BITS_MAX : (uint32_t)n;
	return HV_SUCCESS;
}

hv_return_t
hv_vm_config_set_ipa_size(hv_vm_config_t c, uint32_t bits)
{
	c->bits = bits;
	return HV_SUCCESS;
}

void
os_release(void *p)
{
	free(p);
}

/* --- memory --------------------------------------------------------------- */

static void
check_page(const char *call, uintptr_t at, hv_ipa_t ipa, size_t len)
{
	if (vm == -1)
		violated("%s: there is no VM", call);
	if (((at | ipa | len) & (HV_PAGE - 1)) != 0 || len == 0)
		violated("%s: %#lx at %#llx, %zu bytes: not of 16 KiB", call,
		    (unsigned long)at, (unsigned long long)ipa, len);
}

static hv_return_t
set_slot(unsigned slot, void *at, hv_ipa_t ipa, size_t len, uint32_t flags)
{
	struct kvm_userspace_memory_region m = {
		.slot = slot,
		.guest_phys_addr = ipa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)at,
		.flags = flags,
	};

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &m) == -1)
		return HV_BAD_ARGUMENT;
	slots[slot] = (struct slot){ ipa, len };
	return HV_SUCCESS;
}

hv_return_t
hv_vm_map(void *at, hv_ipa_t ipa, size_t len, hv_memory_flags_t flags)
{
	unsigned i;

	check_page("hv_vm_map", (uintptr_t)at, ipa, len);
	for (i = 0; i < SLOTS_MAX && slots[i].len != 0; i++)
		continue;
	if (i == SLOTS_MAX)
		return HV_NO_RESOURCES;
	return set_slot(i, at, ipa, len, (flags & HV_MEMORY_WRITE) != 0 ? 0 :
	    KVM_MEM_READONLY);
}

hv_return_t
hv_vm_unmap(hv_ipa_t ipa, size_t len)
{
	check_page("hv_vm_unmap", 0, ipa, len);
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		if (slots[i].len == len && slots[i].ipa == ipa)
			return set_slot(i, NULL, ipa, 0, 0);
	violated("hv_vm_unmap: nothing was mapped at %#llx",
	    (unsigned long long)ipa);
}

/* KVM protects slots, not pages: memory has no log here. */
hv_return_t
hv_vm_protect(hv_ipa_t ipa, size_t len, hv_memory_flags_t flags)
{
	(void)flags;
	check_page("hv_vm_protect", 0, ipa, len);
	return HV_UNSUPPORTED;
}

/* --- time ----------------------------------------------------------------- */

uint64_t
mach_absolute_time(void)
{
	uint64_t n;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r" (n));
	return n;
}

int
mach_timebase_info(struct mach_timebase_info *ret)
{
	uint64_t hz, a = 1000000000, b, t;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r" (hz));
	for (b = hz; b != 0; a = t) {
		t = b;
		b = a % b;
	}
	ret->numer = (uint32_t)(1000000000 / a);
	ret->denom = (uint32_t)(hz / a);
	return 0;
}
