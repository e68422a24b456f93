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

/* Run it; nanoseconds from entry to exit.  arg: the struct accel_loop. */
int	accel_loop_guest(uint64_t *ns, void *arg, uint32_t rounds,
	    struct err *);
int	accel_loop_native(uint64_t *ns, void *arg, uint32_t rounds,
	    struct err *);

#endif
