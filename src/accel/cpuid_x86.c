/* SPDX-License-Identifier: ISC */
/* cpuid_x86.c - what CPUID tells the guest; see cpuid_x86.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <asm/kvm_para.h>

#include "accel/cpuid_x86.h"
#include "lib/own.h"
#include "lib/util.h"

#define BIT(n)		(1U << (n))

#define LEAF_KVM	0x40000000U
#define LEAF_KVM_FEATURES 0x40000001U
#define LEAF_KVM_TIMING	0x40000010U
#define APIC_BUS_KHZ	1000000U	/* of KVM's LAPIC */

/* Of leaf 1. */
#define ECX_VMX		BIT(5)
#define ECX_X2APIC	BIT(21)
#define ECX_TSC_DEADLINE BIT(24)
#define ECX_OSXSAVE	BIT(27)
#define ECX_HYPERVISOR	BIT(31)
#define EDX_HTT		BIT(28)
/* Of leaf 0x80000001. */
#define ECX_CMP_LEGACY	BIT(1)
#define ECX_SVM		BIT(2)

/* What is worth having of KVM's own features; each was looked at. */
#define KVM_FEATURES							\
	(BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |	\
	 BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_ASYNC_PF) |	\
	 BIT(KVM_FEATURE_STEAL_TIME) | BIT(KVM_FEATURE_PV_EOI) |	\
	 BIT(KVM_FEATURE_PV_UNHALT) | BIT(KVM_FEATURE_PV_TLB_FLUSH) |	\
	 BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_POLL_CONTROL) |	\
	 BIT(KVM_FEATURE_PV_SCHED_YIELD) |				\
	 BIT(KVM_FEATURE_ASYNC_PF_INT) |				\
	 BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

/*
 * x86-64-v2 (System V ABI, AMD64 supplement, section 3.1.1), and what every
 * such processor has besides.
 */
#define V2_1_ECX	0x00982201U	/* SSE3 SSSE3 CX16 SSE4 POPCNT */
#define V2_1_EDX	0x078bfbfdU	/* up to SSE2 */
#define V2_E1_ECX	BIT(0)				/* LAHF */
#define V2_E1_EDX	(BIT(11) | BIT(20) | BIT(29))	/* SYSCALL NX LM */
/* Of leaf 0x80000001 on AMD's: copies of leaf 1. */
#define AMD_E1_EDX_COPY	0x0183f3ffU

struct kvm_cpuid2 *
cpuid_x86_room(unsigned n)
{
	struct kvm_cpuid2 *t = calloc(1,
	    sizeof(*t) + n * sizeof(t->entries[0]));

	if (t != NULL)
		t->nent = n;
	return t;
}

struct kvm_cpuid_entry2 *
cpuid_x86_find(struct kvm_cpuid2 *t, uint32_t leaf, uint32_t index)
{
	struct kvm_cpuid_entry2 *n;

	for (n = t->entries; n < t->entries + t->nent; n++)
		if (n->function == leaf && (n->index == index ||
		    !(n->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return n;
	return NULL;
}

static bool
is_amd(struct kvm_cpuid2 *t)
{
	const struct kvm_cpuid_entry2 *n = cpuid_x86_find(t, 0, 0);

	/* AuthenticAMD, HygonGenuine */
	return n != NULL && (n->ebx == 0x68747541 || n->ebx == 0x6f677948);
}

/* Bits of an APIC id that number the cores. */
static uint32_t
core_bits(unsigned cpus)
{
	uint32_t bits = 0;

	while (1U << bits < cpus)
		bits++;
	return bits;
}

/* Room was made for what is added. */
static void
add(struct kvm_cpuid2 *t, const struct kvm_cpuid_entry2 *n)
{
	t->entries[t->nent++] = *n;
}

/* --- baseline ------------------------------------------------------------ */

/* The leaves a baseline processor has; the others are left out. */
static bool
baseline_leaf(uint32_t leaf)
{
	switch (leaf) {
	case 0: case 1: case 2: case 4: case 7:
	case 0x80000000: case 0x80000001: case 0x80000002: case 0x80000003:
	case 0x80000004: case 0x80000005: case 0x80000006: case 0x80000007:
	case 0x80000008:
		return true;
	default:
		return false;
	}
}

/* A name that is the same everywhere. */
static void
baseline_brand(struct kvm_cpuid_entry2 *n)
{
	char brand[48] = "x86-64-v2 virtual processor";
	uint32_t part = n->function - 0x80000002;

	memcpy(&n->eax, brand + 16 * part, 4);
	memcpy(&n->ebx, brand + 16 * part + 4, 4);
	memcpy(&n->ecx, brand + 16 * part + 8, 4);
	memcpy(&n->edx, brand + 16 * part + 12, 4);
}

static void
baseline_entry(struct kvm_cpuid_entry2 *n, bool amd)
{
	switch (n->function) {
	case 0:
		n->eax = 0xb;
		break;
	case 1:		/* family 15 model 6 of AMD, Nehalem of Intel */
		n->eax = amd ? 0xf61 : 0x106a3;
		n->ecx &= V2_1_ECX | ECX_X2APIC;
		n->edx &= V2_1_EDX;
		break;
	case 7:
		n->eax = n->ebx = n->ecx = n->edx = 0;
		break;
	case 0x80000000:
		n->eax = 0x80000008;
		break;
	case 0x80000001:
		n->eax = amd ? 0xf61 : 0;
		n->ecx &= V2_E1_ECX;
		n->edx &= V2_E1_EDX | (amd ? AMD_E1_EDX_COPY : 0);
		break;
	case 0x80000002: case 0x80000003: case 0x80000004:
		baseline_brand(n);
		break;
	case 0x80000007:
		n->eax = n->ebx = n->ecx = n->edx = 0;
		break;
	case 0x80000008:
		n->ebx = 0;
		break;
	default:
		break;
	}
}

static int
baseline(struct kvm_cpuid2 *t, struct err *e)
{
	struct kvm_cpuid_entry2 *one = cpuid_x86_find(t, 1, 0);
	struct kvm_cpuid_entry2 *ext = cpuid_x86_find(t, 0x80000001, 0);
	bool amd = is_amd(t);
	unsigned i, n;

	if (one == NULL || ext == NULL ||
	    (one->ecx & V2_1_ECX) != V2_1_ECX ||
	    (ext->edx & V2_E1_EDX) != V2_E1_EDX ||
	    (ext->ecx & V2_E1_ECX) != V2_E1_ECX)
		return err_set(e, ENOTSUP,
		    "this processor is no x86-64-v2, the baseline");
	for (i = n = 0; i < t->nent; i++) {
		if (!baseline_leaf(t->entries[i].function))
			continue;
		t->entries[n] = t->entries[i];
		baseline_entry(&t->entries[n++], amd);
	}
	t->nent = n;
	return 0;
}

/* --- what is ours -------------------------------------------------------- */

/* Leaves that are made here, whatever KVM has in them. */
static bool
ours(uint32_t leaf)
{
	return leaf == 0xb || leaf == 0x1f || leaf == 0x8000000a ||
	    (leaf & 0xffffff00) == LEAF_KVM;
}

/* Extended topology: threads, cores, end. */
static void
add_topology(struct kvm_cpuid2 *t, uint32_t leaf, unsigned cpus)
{
	struct kvm_cpuid_entry2 n = {
		.function = leaf,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
	};

	n.ebx = 1;
	n.ecx = 1 << 8;		/* level: threads of a core */
	add(t, &n);
	n.index = 1;
	n.eax = core_bits(cpus);
	n.ebx = cpus;
	n.ecx = 2 << 8 | 1;	/* level: cores of a package */
	add(t, &n);
	n.index = 2;
	n.eax = n.ebx = 0;
	n.ecx = 2;
	add(t, &n);
}

static void
add_kvm(struct kvm_cpuid2 *t, uint32_t features, uint32_t tsc_khz)
{
	struct kvm_cpuid_entry2 n = { .function = LEAF_KVM };

	n.eax = LEAF_KVM_TIMING;
	memcpy(&n.ebx, "KVMK", 4);
	memcpy(&n.ecx, "VMKV", 4);
	memcpy(&n.edx, "M\0\0\0", 4);
	add(t, &n);
	n = (struct kvm_cpuid_entry2){
		.function = LEAF_KVM_FEATURES,
		.eax = features & KVM_FEATURES,
	};
	add(t, &n);
	n = (struct kvm_cpuid_entry2){
		.function = LEAF_KVM_TIMING,
		.eax = tsc_khz, .ebx = APIC_BUS_KHZ,
	};
	add(t, &n);
}

/*
 * Caches of level 3 are shared by all cores, the others belong to one.
 * Leaf 4 of Intel and 0x8000001d of AMD look alike.
 */
static void
share_cache(struct kvm_cpuid_entry2 *n, unsigned cpus)
{
	uint32_t level = n->eax >> 5 & 7, sharing;

	if ((n->eax & 0x1f) == 0)	/* no more caches */
		return;
	sharing = level >= 3 ? BIT(core_bits(cpus)) - 1 : 0;
	n->eax = (n->eax & ~(0xfffU << 14)) | sharing << 14;
	if (n->function == 4)
		n->eax = (n->eax & ~(0x3fU << 26)) |
		    (BIT(core_bits(cpus)) - 1) << 26;
}

static void
fix_one(struct kvm_cpuid_entry2 *n, const struct cpuid_x86 *c, bool amd)
{
	uint32_t ids = amd ? c->cpus : BIT(core_bits(c->cpus));

	n->ebx = (n->ebx & 0x0000ffff) | ids << 16;
	n->ecx &= ~(ECX_VMX | ECX_OSXSAVE);
	n->ecx |= ECX_HYPERVISOR | ECX_X2APIC;
	if (c->tsc_deadline)
		n->ecx |= ECX_TSC_DEADLINE;
	n->edx = c->cpus > 1 ? n->edx | EDX_HTT : n->edx & ~EDX_HTT;
}

static void
fix_entry(struct kvm_cpuid_entry2 *n, const struct cpuid_x86 *c, bool amd)
{
	switch (n->function) {
	case 0:
		n->eax = MAX(n->eax, 0xbU);
		break;
	case 1:
		fix_one(n, c, amd);
		break;
	case 4:
	case 0x8000001d:
		share_cache(n, c->cpus);
		break;
	case 0x80000001:
		n->ecx &= ~(ECX_SVM | ECX_CMP_LEGACY);
		if (amd && c->cpus > 1)
			n->ecx |= ECX_CMP_LEGACY;
		break;
	case 0x80000008:
		if (amd)
			n->ecx = core_bits(c->cpus) << 12 | (c->cpus - 1);
		break;
	default:
		break;
	}
}

int
cpuid_x86_new(struct kvm_cpuid2 **ret, const struct cpuid_x86 *c,
    const struct kvm_cpuid2 *supported, struct err *e)
{
	own_mem struct kvm_cpuid2 *t = NULL;
	const struct kvm_cpuid_entry2 *n;
	uint32_t features = 0;

	if (supported->nent > CPUID_ENTRIES_MAX)
		return err_set(e, E2BIG, "CPUID has too many leaves");
	t = cpuid_x86_room(supported->nent + 16);
	if (t == NULL)
		return err_sys(e, "CPUID");
	t->nent = 0;
	for (unsigned i = 0; i < supported->nent; i++) {
		n = &supported->entries[i];
		if (n->function == LEAF_KVM_FEATURES)
			features = n->eax;
		if (!ours(n->function))
			add(t, n);
	}
	if (c->cpu == ACCEL_CPU_BASELINE && baseline(t, e) == -1)
		return -1;
	for (unsigned i = 0; i < t->nent; i++)
		fix_entry(&t->entries[i], c, is_amd(t));
	add_topology(t, 0xb, c->cpus);
	n = cpuid_x86_find(t, 0, 0);
	if (n != NULL && n->eax >= 0x1f)
		add_topology(t, 0x1f, c->cpus);
	add_kvm(t, features, c->tsc_khz);
	*ret = take(&t);
	return 0;
}

void
cpuid_x86_vcpu(struct kvm_cpuid2 *t, unsigned id)
{
	struct kvm_cpuid_entry2 *n;

	for (n = t->entries; n < t->entries + t->nent; n++) {
		switch (n->function) {
		case 1:
			n->ebx = (n->ebx & 0x00ffffff) | id << 24;
			break;
		case 0xb:
		case 0x1f:
			n->edx = id;
			break;
		case 0x8000001e:	/* one thread a core, one node */
			n->eax = id;
			n->ebx = id & 0xff;
			n->ecx = 0;
			break;
		default:
			break;
		}
	}
}
