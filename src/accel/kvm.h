/* SPDX-License-Identifier: ISC */
/*
 * kvm.h - what the files of the KVM accelerator share
 *
 * kvm.c and kvm_vcpu.c are the same on every processor; one kvm_ARCH.c a
 * processor has the functions kvm_arch_*.
 */

#ifndef ACCEL_KVM_H
#define ACCEL_KVM_H

#include <linux/kvm.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/accel.h"
#include "lib/own.h"

struct kvm_arch;

struct accel_vm {
	int			 kvm;		/* /dev/kvm */
	int			 fd;
	struct accel_setup	 setup;
	size_t			 run_bytes;	/* of a vCPU's kvm_run */
	struct accel_memory	 slot[ACCEL_SLOTS_MAX];
	pthread_mutex_t		 lock;		/* of the routes */
	bool			 routed[ACCEL_GSI_MAX];
	struct accel_msi	 route[ACCEL_GSI_MAX];
	struct kvm_arch		*arch;
};

struct accel_vcpu {
	struct accel_vm		*vm;
	unsigned		 id;
	int			 fd;
	struct kvm_run		*run;
	pthread_t		 thread;
	bool			 inside;	/* KVM_RUN may be going on */
	struct accel_debug	*debug;		/* or NULL: never asked for */
};

/* ioctl(2) over EINTR; the err names the request. */
#define kvm_call(fd, request, arg, e)					\
	kvm_call_((fd), (request), (arg), #request, (e))
int	kvm_call_(int fd, unsigned long request, void *arg,
	    const char *name, struct err *);

/* A number that is the request's argument itself. */
#define kvm_number(n)	((void *)(uintptr_t)(n))

/* Needed capabilities; least is what KVM_CHECK_EXTENSION must answer. */
struct kvm_need {
	int		 cap;
	int		 least;
	const char	*name;
};
#define KVM_NEED(cap, least)	{ cap, least, #cap }

/* Does the VM (or /dev/kvm) have a capability; its value, 0 if not. */
int	kvm_has(int fd, int cap);
/* -1: the err names all that are missing.  A row of name NULL ends it. */
int	kvm_check_needs(int fd, const struct kvm_need *, struct err *);

/*
 * Another VM with the same set-up, which has interrupt controllers only: what
 * it is at power on is copied.  Nothing is opened by name: a vCPU's thread
 * may not.
 */
int	kvm_vm_like(struct accel_vm **ret, const struct accel_vm *,
	    struct err *);
void	kvm_vm_destroy(struct accel_vm *);
OWN_DEFINE(struct accel_vm, kvm_vm_destroy);

/* kvm_vcpu.c */
int	kvm_vcpu_new(struct accel_vcpu **ret, struct accel_vm *, unsigned id,
	    struct err *);
void	kvm_vcpu_destroy(struct accel_vcpu *);
OWN_DEFINE(struct accel_vcpu, kvm_vcpu_destroy);
int	kvm_vcpu_run(struct accel_vcpu *, struct accel_exit *, struct err *);
void	kvm_vcpu_kick(struct accel_vcpu *);
int	kvm_kick_prepare(struct err *);

/* --- of the processor ---------------------------------------------------- */

extern const struct kvm_need kvm_arch_needs[];
/* Only that of the processor this was built for is there: NULL otherwise. */
extern const struct accel_x86 kvm_x86 __attribute__((weak));
extern const struct accel_arm64 kvm_arm64 __attribute__((weak));

int	kvm_arch_vm_new(struct accel_vm *, struct err *);
void	kvm_arch_vm_destroy(struct accel_vm *);
int	kvm_arch_vcpu_new(struct accel_vcpu *, struct err *);

/* As in struct accel. */
int	kvm_arch_vcpu_reset(struct accel_vcpu *, struct err *);
int	kvm_arch_vm_reset(struct accel_vm *, struct err *);
int	kvm_arch_nmi(struct accel_vcpu *, struct err *);
json_t	*kvm_arch_vcpu_save(struct accel_vcpu *, struct err *);
int	kvm_arch_vcpu_load(struct accel_vcpu *, const json_t *, struct err *);
json_t	*kvm_arch_vm_save(struct accel_vm *, struct err *);
int	kvm_arch_vm_load(struct accel_vm *, const json_t *, struct err *);

/* Routes of the interrupt lines (GSIs below 24); how many, at most max. */
unsigned kvm_arch_routes(const struct accel_vm *,
	    struct kvm_irq_routing_entry *, unsigned max);
#define KVM_ARCH_ROUTES_MAX	64

/* What KVM_IRQ_LINE calls an interrupt line. */
uint32_t kvm_arch_line(unsigned gsi);
/* Do interrupt controllers want to know who sends a message? */
extern const bool kvm_arch_msi_device;

int	kvm_arch_debug(struct accel_vcpu *, const struct accel_debug *,
	    struct err *);
int	kvm_arch_translate(struct accel_vcpu *, uint64_t va, uint64_t *ret,
	    struct err *);

/* Which of a debugger's points the vCPU has met, a bit each. */
unsigned kvm_arch_hits(const struct accel_vcpu *);

/* Where the vCPU is, for messages: its program counter. */
uint64_t kvm_arch_pc(struct accel_vcpu *);

#endif
