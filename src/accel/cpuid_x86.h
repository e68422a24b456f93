/* SPDX-License-Identifier: ISC */
/*
 * cpuid_x86.h - what CPUID tells the guest
 *
 * Made from what KVM can give.  The topology is one package of as many
 * cores as there are vCPUs, one thread each, the number of a vCPU being its
 * APIC id.  Virtualization inside the guest is not offered.
 *
 * Source: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; Linux,
 * Documentation/virt/kvm/x86/cpuid.rst.
 */

#ifndef ACCEL_CPUID_X86_H
#define ACCEL_CPUID_X86_H

#include <linux/kvm.h>

#include <stdbool.h>
#include <stdint.h>

#include "accel/accel.h"
#include "lib/err.h"

#define CPUID_ENTRIES_MAX	256

struct cpuid_x86 {
	enum accel_cpu	cpu;
	unsigned	cpus;
	uint32_t	tsc_khz;
	bool		tsc_deadline;	/* KVM_CAP_TSC_DEADLINE_TIMER */
};

/*
 * The table for all vCPUs; the caller frees it.  Refused: a host that lacks
 * what the baseline promises.
 */
int	cpuid_x86_new(struct kvm_cpuid2 **ret, const struct cpuid_x86 *,
	    const struct kvm_cpuid2 *supported, struct err *);

/* Make the table that of vCPU id. */
void	cpuid_x86_vcpu(struct kvm_cpuid2 *, unsigned id);

/* An entry, or NULL. */
struct kvm_cpuid_entry2 *cpuid_x86_find(struct kvm_cpuid2 *, uint32_t leaf,
	    uint32_t index);

/* KVM's struct with room for n entries, nent = n; NULL: no memory. */
struct kvm_cpuid2 *cpuid_x86_room(unsigned n);

#endif
