/* SPDX-License-Identifier: ISC */
/* kvm_x86.h - what the files of the KVM accelerator for x86 share */

#ifndef ACCEL_KVM_X86_H
#define ACCEL_KVM_X86_H

#include <stdint.h>

#include "accel/accel_x86.h"
#include "accel/kvm.h"

#define KVM_LINES	24	/* of the IOAPIC; GSI n is its input n */

struct kvm_arch {
	struct kvm_cpuid2	*cpuid;		/* of all, see cpuid_x86.h */
	uint32_t		 tsc_khz;
	bool			 tsc_moved;	/* vm_load() knows by what: */
	uint64_t		 tsc_move;	/* add it to TSC offsets */
};

/* Is the MSR one that the guest is not let at? */
bool	kvm_x86_msr_denied(uint32_t index);

/* kvm_x86_regs.c */
int	kvm_x86_get_regs(struct accel_vcpu *, struct x86_regs *,
	    struct err *);
int	kvm_x86_set_regs(struct accel_vcpu *, const struct x86_regs *,
	    struct err *);

/* What every state begins with, and the check of it. */
json_t	*kvm_x86_state_new(struct err *);
int	kvm_x86_state_check(const json_t *, struct err *);

#endif
