/* SPDX-License-Identifier: ISC */
/*
 * double.h - Hypervisor.framework of macOS on the KVM of an arm64 Linux
 *
 * The interface of os/darwin/hv.h, for tests: code that uses the framework
 * runs guests here.  What the framework leaves undefined or punishes with a
 * crash of the guest ends the program here, and says what was broken:
 *
 *	a vCPU that another thread uses, or that is not there
 *	vCPUs before the interrupt controller, memory that is not of 16 KiB
 *	a fault after which the program counter is not 4 ahead; a call (HVC)
 *	after which it is
 *	a load that was not written back, or not extended as the syndrome says
 *	identification of a vCPU that has run, the controller's state then or
 *	while one runs
 *	a VM that ends before its vCPUs
 *
 * hv_contract breaks each of them.
 *
 * A debugger has the registers of points and MDSCR_EL1 while debug exceptions
 * are trapped: KVM keeps the guest's then, so that those are not trapped.
 *
 * KVM does not tell which register a load goes to.  One is made up, another
 * each time, and what is done with it becomes the access's.
 *
 * Not like the framework: system registers are never trapped, identification
 * and its defaults are KVM's, and so is all that depends on time.
 */

#ifndef DOUBLE_HV_DOUBLE_H
#define DOUBLE_HV_DOUBLE_H

#include <linux/kvm.h>

#include <pthread.h>
#include <stdatomic.h>

#include "os/darwin/hv.h"

#define VCPUS_MAX	64
#define SLOTS_MAX	32
#define SHADOWS_MAX	8
#define ZERO		31		/* as rt; a vCPU's 31 is another */
#define IRQS		512		/* of the controller */
#define POINTS		16		/* of a kind */

/* What the VMM has yet to do before the guest may go on. */
enum duty {
	DUTY_NONE,
	DUTY_LOAD,		/* write the register, go on behind it */
	DUTY_STORE,		/* go on behind it */
	DUTY_STEP,		/* the same, but KVM knows of nothing */
	DUTY_CALLED,		/* SMC: KVM is behind it, the VMM is not */
};

struct vcpu {
	bool			 there;
	bool			 ran;
	unsigned		 id;
	pthread_t		 owner;
	int			 fd;
	struct kvm_run		*run;
	hv_vcpu_exit_t		 exit;

	atomic_bool		 latch;		/* hv_vcpus_exit() */
	atomic_bool		 inside;	/* KVM_RUN may be going on */

	enum duty		 duty;
	bool			 stepped;	/* and is behind it */
	bool			 loaded;	/* the register was */
	uint64_t		 pc;		/* of the instruction */
	unsigned		 rt;		/* that was made up */
	bool			 sign, wide;
	bool			 called;	/* HVC: pc is behind it */

	/* What a debugger has set, while there is one. */
	bool			 debugger;
	uint64_t		 mdscr;
	uint64_t		 point[4][POINTS];	/* BVR, BCR, WVR, WCR */

	/* Identification that KVM does not let be changed. */
	unsigned		 nshadows;
	struct {
		hv_sys_reg_t	reg;
		uint64_t	value;
	} shadow[SHADOWS_MAX];
};

extern struct vcpu	vcpus[VCPUS_MAX];
extern unsigned		nvcpus;
extern int		vm;		/* KVM's; -1: there is none */

/* vm.c: the contract is broken; does not return. */
void	violated(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
int	kvm_open(void);

/* vcpu.c */
struct vcpu *own(hv_vcpu_t);	/* checks whose it is */
/* No vCPU is inside KVM from stop on until go. */
void	world_stop(void);
void	world_go(void);
/* What the VMM has done about an access becomes KVM's. */
void	settle(struct vcpu *);

/* gic.c */
bool	gic_made(void);
void	gic_start(void);		/* all vCPUs are there */
/* An access to the frame of messages? */
bool	gic_frame(struct kvm_run *);
void	gic_forget(void);

#endif
