/* SPDX-License-Identifier: ISC */
/* accel_cpuid.c - what CPUID tells, for one to 64 processors */

#include "unit.h"

#include <string.h>

#include "accel/cpuid_x86.h"
#include "lib/own.h"
#include "lib/util.h"

#define INDEX	KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* What a KVM on an Intel and on an AMD processor says, shortened. */
static const struct kvm_cpuid_entry2 intel[] = {
	{ 0x0, 0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69, { 0 } },
	{ 0x1, 0, 0, 0x606a6, 0x800, 0xfffaf38f, 0x1febfbff, { 0 } },
	{ 0x4, 0, INDEX, 0x1c004121, 0x1c0003f, 0x3f, 0, { 0 } },
	{ 0x4, 3, INDEX, 0x1c03c163, 0x3c0003f, 0x7fff, 4, { 0 } },
	{ 0x4, 4, INDEX, 0, 0, 0, 0, { 0 } },
	{ 0x7, 0, INDEX, 0, 0xf1bf07ab, 0x405fce, 0xac000010, { 0 } },
	{ 0xb, 0, INDEX, 9, 9, 9, 9, { 0 } },
	{ 0xd, 0, INDEX, 0x2e7, 0xa88, 0xa88, 0, { 0 } },
	{ 0x80000000, 0, 0, 0x80000008, 0, 0, 0, { 0 } },
	{ 0x80000001, 0, 0, 0, 0, 0x121, 0x2c100800, { 0 } },
	{ 0x80000008, 0, 0, 0x3930, 0x200, 0, 0, { 0 } },
	{ 0x40000001, 0, 0, 0xffffffff, 0, 0, 0, { 0 } },
};
static const struct kvm_cpuid_entry2 amd[] = {
	{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x1, 0, 0, 0xa00f11, 0x800, 0xfffa3203, 0x178bfbff, { 0 } },
	{ 0x80000000, 0, 0, 0x8000001e, 0, 0, 0, { 0 } },
	{ 0x80000001, 0, 0, 0xa00f11, 0, 0x4003f5, 0x23d3fbff, { 0 } },
	{ 0x80000008, 0, 0, 0x3030, 5, 0x7001, 0, { 0 } },
	{ 0x8000000a, 0, 0, 1, 8, 0, 0x61, { 0 } },
	{ 0x8000001d, 3, INDEX, 0x4163, 0x3c0003f, 0x7fff, 1, { 0 } },
	{ 0x8000001e, 0, 0, 0, 0x300, 7, 0, { 0 } },
};

static struct kvm_cpuid2 *
make(const struct kvm_cpuid_entry2 *n, unsigned count, enum accel_cpu cpu,
    unsigned cpus)
{
	const struct cpuid_x86 want = { .cpu = cpu, .cpus = cpus,
	    .tsc_khz = 2445000, .tsc_deadline = true };
	own_mem struct kvm_cpuid2 *all = cpuid_x86_room(count);
	struct kvm_cpuid2 *t = NULL;

	assert_non_null(all);
	memcpy(all->entries, n, count * sizeof(*n));
	assert_int_equal(cpuid_x86_new(&t, &want, all, NULL), 0);
	return t;
}

static void
topology(void **state)
{
	static const struct { unsigned cpus, bits; } sizes[] = {
		{ 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 64, 6 },
	};
	struct kvm_cpuid_entry2 *n;
	struct kvm_cpuid2 *t;
	unsigned cpus, bits;

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		cpus = sizes[i].cpus;
		bits = sizes[i].bits;
		t = make(intel, COUNT(intel), ACCEL_CPU_HOST, cpus);
		cpuid_x86_vcpu(t, cpus - 1);
		n = cpuid_x86_find(t, 1, 0);
		assert_int_equal(n->ebx >> 24, cpus - 1);
		assert_int_equal(n->ebx >> 16 & 0xff, 1 << bits);
		assert_int_equal(n->edx >> 28 & 1, cpus > 1);
		for (unsigned leaf = 0xb; leaf <= 0x1f; leaf += 0x14) {
			n = cpuid_x86_find(t, leaf, 0);
			assert_int_equal(n->eax, 0);
			assert_int_equal(n->ebx, 1);
			assert_int_equal(n->ecx, 0x100);
			n = cpuid_x86_find(t, leaf, 1);
			assert_int_equal(n->eax, bits);
			assert_int_equal(n->ebx, cpus);
			assert_int_equal(n->ecx, 0x201);
			assert_int_equal(n->edx, cpus - 1);
			n = cpuid_x86_find(t, leaf, 2);
			assert_int_equal(n->ebx, 0);
		}
		n = cpuid_x86_find(t, 4, 0);
		assert_int_equal(n->eax >> 14 & 0xfff, 0);
		assert_int_equal(n->eax >> 26, (1 << bits) - 1);
		n = cpuid_x86_find(t, 4, 3);
		assert_int_equal(n->eax >> 14 & 0xfff, (1 << bits) - 1);
		free(t);
	}
}

static void
topology_amd(void **state)
{
	struct kvm_cpuid_entry2 *n;
	struct kvm_cpuid2 *t;

	(void)state;
	for (unsigned cpus = 1; cpus <= 64; cpus *= 4) {
		t = make(amd, COUNT(amd), ACCEL_CPU_HOST, cpus);
		cpuid_x86_vcpu(t, cpus - 1);
		n = cpuid_x86_find(t, 0x80000001, 0);
		assert_int_equal(n->ecx >> 1 & 1, cpus > 1);
		assert_int_equal(n->ecx >> 2 & 1, 0);	/* no SVM */
		n = cpuid_x86_find(t, 0x80000008, 0);
		assert_int_equal(n->ecx & 0xff, cpus - 1);
		assert_int_equal(1 << (n->ecx >> 12 & 15), cpus);
		n = cpuid_x86_find(t, 0x8000001e, 0);
		assert_int_equal(n->eax, cpus - 1);
		assert_int_equal(n->ebx, cpus - 1);
		assert_int_equal(n->ecx, 0);
		assert_null(cpuid_x86_find(t, 0x8000000a, 0));
		assert_non_null(cpuid_x86_find(t, 0xb, 1));
		assert_int_equal(cpuid_x86_find(t, 0, 0)->eax, 0xd);
		free(t);
	}
}

static void
hypervisor(void **state)
{
	struct kvm_cpuid2 *t = make(intel, COUNT(intel), ACCEL_CPU_HOST, 1);
	struct kvm_cpuid_entry2 *n;

	(void)state;
	n = cpuid_x86_find(t, 1, 0);
	assert_int_equal(n->ecx >> 31, 1);
	assert_int_equal(n->ecx >> 24 & 1, 1);	/* TSC deadline */
	assert_int_equal(n->ecx >> 5 & 1, 0);	/* no VMX */
	n = cpuid_x86_find(t, 0x40000000, 0);
	assert_memory_equal(&n->ebx, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(n->eax, 0x40000010);
	n = cpuid_x86_find(t, 0x40000001, 0);
	assert_int_equal(n->eax, 0x01007afb);
	n = cpuid_x86_find(t, 0x40000010, 0);
	assert_int_equal(n->eax, 2445000);
	free(t);
}

/* The same whatever the host has, for one maker. */
static void
baseline(void **state)
{
	struct kvm_cpuid2 *t = make(amd, COUNT(amd), ACCEL_CPU_BASELINE, 2);
	struct kvm_cpuid2 *u = make(intel, COUNT(intel), ACCEL_CPU_BASELINE,
	    2);
	struct cpuid_x86 want = { .cpu = ACCEL_CPU_BASELINE, .cpus = 1 };
	own_mem struct kvm_cpuid2 *old = cpuid_x86_room(COUNT(amd));
	struct kvm_cpuid2 *none = NULL;
	struct err e;

	(void)state;
	assert_int_equal(cpuid_x86_find(t, 1, 0)->ecx, 0x81b82201);
	assert_int_equal(cpuid_x86_find(u, 1, 0)->ecx, 0x81b82201);
	assert_int_equal(cpuid_x86_find(u, 7, 0)->ebx, 0);
	assert_null(cpuid_x86_find(u, 0xd, 0));
	assert_null(cpuid_x86_find(t, 0x8000001d, 3));
	assert_int_equal(cpuid_x86_find(t, 0, 0)->eax, 0xb);
	free(t);
	free(u);

	memcpy(old->entries, amd, sizeof(amd));
	cpuid_x86_find(old, 1, 0)->ecx &= ~(1U << 20);	/* no SSE4.2 */
	assert_int_equal(cpuid_x86_new(&none, &want, old, &e), -1);
	assert_non_null(strstr(e.text, "x86-64-v2"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topology),
		cmocka_unit_test(topology_amd),
		cmocka_unit_test(hypervisor),
		cmocka_unit_test(baseline),
	};

	return unit_run("accel_cpuid", tests);
}
