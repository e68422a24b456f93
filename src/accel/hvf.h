/* SPDX-License-Identifier: ISC */
/*
 * hvf.h - what the files of the Hypervisor.framework accelerator share
 *
 *	hvf.c		the VM, its memory and interrupts
 *	hvf_debug.c	what a debugger wants
 *	hvf_dirty.c	a log of the pages that are written to
 *	hvf_event.c	descriptors that stand for interrupts and doorbells
 *	hvf_vcpu.c	a vCPU: made, run, kicked, reset
 *	hvf_exit.c	why it stopped, by the class of the exception
 *	hvf_mmio.c	loads and stores outside memory, from begin to end
 *	hvf_insn.c	what they want, see hvf_access.h
 *	hvf_psci.c	calls of the guest to its firmware
 *	hvf_sysreg.c	system registers that are trapped
 *	hvf_state.c	snapshots
 *
 * The interrupt controller is the host's (hv_gic, macOS 15); processors are
 * started and stopped, and the machine reset and switched off, by PSCI, which
 * the framework leaves to us.
 */

#ifndef ACCEL_HVF_H
#define ACCEL_HVF_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/accel.h"
#include "accel/accel_arm64.h"
#include "accel/hvf_access.h"
#include "lib/own.h"
#include "os/darwin/hv.h"

#define HVF_SPI_FIRST	32		/* interrupt ids: shared ones begin */

struct hvf_debug;
struct hvf_events;

struct accel_vm {
	struct accel_setup	 setup;
	struct arm64_gic	 gic;
	unsigned		 ipa_bits;	/* of guest addresses */
	struct accel_memory	 slot[ACCEL_SLOTS_MAX];
	struct hvf_events	*events;
	pthread_mutex_t		 lock;
	/* Under the lock. */
	struct accel_vcpu	*vcpu[ACCEL_CPUS_MAX];
	unsigned		 made;		/* of them, in their order */
	bool			 routed[ACCEL_GSI_MAX];
	struct accel_msi	 route[ACCEL_GSI_MAX];
	uint64_t		*log[ACCEL_SLOTS_MAX];	/* NULL: none */
	/* What mach_absolute_time() is ahead of the guest's counter. */
	uint64_t		 offset;
};

enum hvf_power {
	HVF_OFF,		/* its thread waits for CPU_ON */
	HVF_PENDING,		/* entry and context wait for its thread */
	HVF_ON,			/* it runs */
};

struct accel_vcpu {
	struct accel_vm		*vm;
	unsigned		 id;
	hv_vcpu_t		 hv;
	hv_vcpu_exit_t		*exit;
	bool			 there;		/* hv is */
	bool			 used;		/* it has run, or was loaded */

	/* The first call that failed, until hvf_failed() has told. */
	hv_return_t		 error;
	const char		*call;

	/*
	 * Whoever kicks sets it, then ends the run.  Who runs looks before
	 * each entry, and a run that was not begun yet ends at once: one of
	 * the two sees the other.
	 */
	atomic_bool		 kicked;
	pthread_cond_t		 wake;		/* power or kicked changed */
	_Atomic enum hvf_power	 power;		/* changed under the lock */
	uint64_t		 entry;		/* of CPU_ON, under the lock */
	uint64_t		 context;
	bool			 timer_masked;	/* its interrupt is pending */
	struct hvf_debug	*debug;		/* NULL: nobody has asked */
	bool			 finished;	/* an instruction of the guest's
						   was done for it */

	/* The access that is going on. */
	bool			 pending;
	struct hvf_access	 access;
	unsigned		 part;		/* the register it is at */
	uint64_t		 addr;		/* of the first one */
	uint64_t		 data[HVF_PARTS_MAX];
};

/* --- hvf.c --------------------------------------------------------------- */

/* What a result means. */
const char *hvf_text(hv_return_t);
/* 0, or -1 with the err naming the call. */
int	hvf_result(hv_return_t, const char *call, struct err *);
/* The bits of MPIDR that tell vCPUs apart, as KVM numbers them. */
uint64_t hvf_affinity(unsigned id);
/* Guest memory, all of it in one slot; NULL: there is none. */
void	*hvf_memory(struct accel_vm *, uint64_t gpa, uint64_t len);
/* Is memory there, that may be written to if that is asked? */
bool	hvf_is_memory(const struct accel_vm *, uint64_t gpa, bool write);
/* Interrupt line, or message: as struct accel's irq. */
int	hvf_irq(struct accel_vm *, unsigned gsi, int level, struct err *);

/* --- hvf_dirty.c --------------------------------------------------------- */

/* From now on, and not any more: pages written to in a slot are known. */
int	hvf_log_begin(struct accel_vm *, unsigned slot, struct err *);
int	hvf_log_end(struct accel_vm *, unsigned slot, struct err *);
/* The slot's memory goes. */
void	hvf_log_drop(struct accel_vm *, unsigned slot);
int	hvf_dirty(struct accel_vm *, unsigned slot, uint64_t *bitmap,
	    struct err *);
/* On the vCPU's thread: was it a write that is allowed now? */
bool	hvf_log_fault(struct accel_vcpu *);

/* --- hvf_event.c --------------------------------------------------------- */

int	hvf_events_new(struct hvf_events **ret, struct accel_vm *,
	    struct err *);
void	hvf_events_destroy(struct hvf_events *);
/* Send what descriptors ask for now, not soon. */
void	hvf_events_flush(struct accel_vm *);
int	hvf_irqfd(struct accel_vm *, const struct accel_irqfd *,
	    struct err *);
int	hvf_ioevent(struct accel_vm *, const struct accel_ioevent *,
	    struct err *);
/* Is a write a doorbell?  Then it has been rung. */
bool	hvf_doorbell(struct accel_vm *, uint64_t addr, unsigned len,
	    uint64_t value);

/* --- hvf_vcpu.c: on the vCPU's thread ------------------------------------ */

int	hvf_vcpu_new(struct accel_vcpu **ret, struct accel_vm *, unsigned id,
	    struct err *);
void	hvf_vcpu_destroy(struct accel_vcpu *);
OWN_DEFINE(struct accel_vcpu, hvf_vcpu_destroy);
int	hvf_vcpu_run(struct accel_vcpu *, struct accel_exit *, struct err *);
void	hvf_vcpu_kick(struct accel_vcpu *);		/* any thread */
int	hvf_vcpu_reset(struct accel_vcpu *, struct err *);
/* Sleep until something may have happened; shorter is no harm. */
void	hvf_vcpu_nap(struct accel_vcpu *);

/*
 * Registers.  A call that fails is remembered, the first one, and reads as
 * 0; hvf_failed() then is -1 with the err, once.
 */
uint64_t hvf_get(struct accel_vcpu *, hv_reg_t);
void	hvf_set(struct accel_vcpu *, hv_reg_t, uint64_t);
uint64_t hvf_get_sys(struct accel_vcpu *, hv_sys_reg_t);
void	hvf_set_sys(struct accel_vcpu *, hv_sys_reg_t, uint64_t);
void	hvf_did(struct accel_vcpu *, hv_return_t, const char *call);
int	hvf_failed(struct accel_vcpu *, struct err *);

/* Go on behind the instruction. */
void	hvf_advance(struct accel_vcpu *);
/* SP_EL0 or SP_EL1: the one that PSTATE selects. */
hv_sys_reg_t hvf_stack(struct accel_vcpu *);
/* Virtual to physical by the guest's tables; NULL, or why not. */
const char *hvf_translate(struct accel_vcpu *, uint64_t va, uint64_t *ret);

/* --- exits: true when *x is to be handed on, false to go on -------------- */

bool	hvf_exit(struct accel_vcpu *, struct accel_exit *x);
/* The guest did what cannot be gone on from. */
bool	hvf_broken(struct accel_vcpu *, struct accel_exit *x, const char *fmt,
	    ...) __attribute__((format(printf, 3, 4)));

/* The exception's class has no meaning here. */
bool	hvf_unknown(struct accel_vcpu *, struct accel_exit *x);
#define HVF_CLASS(syndrome)	((unsigned)((syndrome) >> 26) & 0x3f)

/* hvf_debug.c */
bool	hvf_debug_exit(struct accel_vcpu *, struct accel_exit *x);
/* Was that which was done for the guest the step that was asked for? */
bool	hvf_debug_step(struct accel_vcpu *, struct accel_exit *x);

/* hvf_mmio.c */
bool	hvf_data_abort(struct accel_vcpu *, struct accel_exit *x);
/* The access that is pending goes on, or is finished. */
bool	hvf_mmio_next(struct accel_vcpu *, struct accel_exit *x);

/* hvf_psci.c: X0 to X3 are the call. */
bool	hvf_psci(struct accel_vcpu *, struct accel_exit *x);

/* hvf_sysreg.c */
bool	hvf_sysreg(struct accel_vcpu *, struct accel_exit *x);
/* The guest takes an exception at its instruction: what it does to EL1. */
void	hvf_inject(struct accel_vcpu *, uint32_t esr);

/* --- hvf_debug.c: on the vCPU's thread ----------------------------------- */

int	hvf_debug(struct accel_vcpu *, const struct accel_debug *,
	    struct err *);
/* How many breakpoints and watchpoints the processor has. */
void	hvf_points(struct accel_vcpu *, unsigned *breaks, unsigned *watches);
/* The guest's own value of a register, also where a debugger has another. */
uint64_t hvf_own_get(struct accel_vcpu *, hv_sys_reg_t);
void	hvf_own_set(struct accel_vcpu *, hv_sys_reg_t, uint64_t);

/* --- hvf_state.c --------------------------------------------------------- */

json_t	*hvf_vm_save(struct accel_vm *, struct err *);
int	hvf_vm_load(struct accel_vm *, const json_t *, struct err *);
json_t	*hvf_vcpu_save(struct accel_vcpu *, struct err *);
int	hvf_vcpu_load(struct accel_vcpu *, const json_t *, struct err *);
/* All that a snapshot has, as after power on. */
void	hvf_state_reset(struct accel_vcpu *);

#endif
