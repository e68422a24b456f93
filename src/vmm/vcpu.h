/* SPDX-License-Identifier: ISC */
/*
 * vcpu.h - the threads that run the guest's processors
 *
 * All of them together run, are paused, or are gone.  The functions are the
 * main thread's and return when every vCPU has got there.
 */

#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdbool.h>

#include "accel/accel.h"
#include "lib/err.h"
#include "lib/own.h"

struct board;
struct vcpus;

/* What stopped a vCPU that the main thread must act upon. */
struct vcpus_setup {
	struct board	*board;
	unsigned	 n;
	unsigned	 max;		/* with vcpus_add(); not below n */
	/*
	 * A vCPU's thread has met an exit that is not a device's: RESET,
	 * OFF, DEBUG, BROKEN.  The vCPU waits until vcpus_resume().  Called
	 * on that thread, the board not locked.
	 */
	void		(*stopped)(void *arg, unsigned id,
			    const struct accel_exit *);
	void		*arg;
	/*
	 * What the boot processor begins with, or NULL; as vcpus_call() of
	 * vCPU 0, without the ways to its thread and back.
	 */
	int		(*first)(struct accel_vcpu *, void *arg,
			    struct err *);
};

/* Make the threads and their vCPUs, paused. */
int	vcpus_new(struct vcpus **ret, const struct vcpus_setup *,
	    struct err *);
/*
 * Make more of them, n in all; paused, or running where the others are.
 * Those made already stay, and so do new ones when another cannot be made.
 */
int	vcpus_add(struct vcpus *, unsigned n, bool running, struct err *);
/* Ends the threads. */
void	vcpus_destroy(struct vcpus *);
OWN_DEFINE(struct vcpus, vcpus_destroy);

/* Nothing is inside the guest, or inside a device, when pause returns. */
void	vcpus_pause(struct vcpus *);
void	vcpus_resume(struct vcpus *);

/* Run fn on the thread of vCPU id, which must be paused; fn's result. */
int	vcpus_call(struct vcpus *, unsigned id,
	    int (*fn)(struct accel_vcpu *, void *arg, struct err *),
	    void *arg, struct err *);

/* How many were made. */
unsigned vcpus_count(const struct vcpus *);

/* Returns from KVM_RUN so far, all vCPUs together. */
uint64_t vcpus_exits(const struct vcpus *);

#endif
