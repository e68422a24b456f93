/* SPDX-License-Identifier: ISC */
/* kvm_arm64.h - what the files of the KVM accelerator for arm64 share */

#ifndef ACCEL_KVM_ARM64_H
#define ACCEL_KVM_ARM64_H

#include <stdint.h>

#include "accel/accel_arm64.h"
#include "accel/kvm.h"

struct kvm_arch {
	int			gic;
	int			its;
	unsigned		made;	/* vCPUs */
	struct kvm_vcpu_init	init;
};

/* One register of a vCPU, by its number in KVM; as wide as that says. */
int	kvm_arm64_get(struct accel_vcpu *, uint64_t id, void *ret,
	    struct err *);
int	kvm_arm64_set(struct accel_vcpu *, uint64_t id, const void *value,
	    struct err *);

/*
 * kvm_arm64_gic.c: the interrupt controller is made with the VM, and starts
 * when all vCPUs have been made.  Refused: a host that offers guests none.
 */
int	kvm_arm64_gic_new(struct accel_vm *, struct err *);
int	kvm_arm64_gic_start(struct accel_vm *, struct err *);

/*
 * kvm_arm64_gic_state.c: into the VM's state, and from it into a VM that has
 * not run.  Tables that the guest keeps in its memory are written there, and
 * read there: memory is saved later, and loaded before.  Refused: the state
 * of another controller, what KVM does not take.
 */
int	kvm_arm64_gic_save(struct accel_vm *, json_t *, struct err *);
int	kvm_arm64_gic_load(struct accel_vm *, const json_t *, struct err *);

/* An attribute of the controller or of its ITS. */
int	kvm_arm64_attr_set(int fd, uint32_t group, uint64_t attr,
	    const void *value, struct err *);
int	kvm_arm64_attr_get(int fd, uint32_t group, uint64_t attr, void *ret,
	    struct err *);

/* Affinity of a vCPU, as KVM gives it by its number; in attributes. */
uint64_t kvm_arm64_affinity(unsigned id);

#endif
