/* SPDX-License-Identifier: ISC */
/*
 * debug.h - ports by which a guest says how it fares
 *
 *	0xf4    any byte: end the VM, as powered off
 *	0x505   pvpanic: 1: the kernel has panicked
 *	0x506   any byte: user space is reached
 *
 * The second is there when it is asked for, the others always.
 */

#ifndef VMM_DEV_DEBUG_H
#define VMM_DEV_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define DEBUG_EXIT_PORT		0xf4
#define DEBUG_PANIC_PORT	0x505
#define DEBUG_TIMER_PORT	0x506

struct board;
struct debug;

int	debug_new(struct debug **ret, struct board *, bool panic,
	    struct err *);
void	debug_destroy(struct debug *);
OWN_DEFINE(struct debug, debug_destroy);

/* When user space was reached first: os_now_us(); 0: not yet. */
uint64_t debug_reached_us(const struct debug *);

#endif
