/* SPDX-License-Identifier: ISC */
/*
 * loop.h - one tight loop, as a guest and natively
 *
 * One file an architecture: loop_x86.c, loop_arm64.c.
 */

#ifndef ACCEL_LOOP_H
#define ACCEL_LOOP_H

#include <stdint.h>

#include "lib/err.h"

struct accel_loop;

/* Open KVM and make the guest.  It lives as long as the process. */
int	accel_loop_new(struct accel_loop **ret, struct err *);

/*
 * Modes of the processor that are worth asking about: a KVM may interpret
 * one and not the other.  0 is the one it begins in.
 */
unsigned accel_loop_modes(void);
void	accel_loop_mode(struct accel_loop *, unsigned mode);

/*
 * Microseconds that making the VM and entering it for the first time waited
 * for something, not working.
 */
unsigned accel_loop_wait(const struct accel_loop *);

/* Run it; nanoseconds from entry to exit.  arg: the struct accel_loop. */
int	accel_loop_guest(uint64_t *ns, void *arg, uint32_t rounds,
	    struct err *);
int	accel_loop_native(uint64_t *ns, void *arg, uint32_t rounds,
	    struct err *);

#endif
