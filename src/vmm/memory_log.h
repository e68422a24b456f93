/* SPDX-License-Identifier: ISC */
/*
 * memory_log.h - which pages of guest memory are written to
 *
 * Three write: the guest's processors, whose marks the accelerator has; this
 * process, and device processes that were given the log's descriptor, which
 * mark in it (guest_memory.h).
 */

#ifndef VMM_MEMORY_LOG_H
#define VMM_MEMORY_LOG_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

struct accel;
struct accel_vm;
struct memory;
struct memory_log;

/*
 * Begins, and ends; the board is locked.  Processors may run.  All that it
 * was made with must outlive it.
 */
int	memory_log_new(struct memory_log **ret, struct memory *,
	    const struct accel *, struct accel_vm *, struct err *);
void	memory_log_destroy(struct memory_log *);
OWN_DEFINE(struct memory_log, memory_log_destroy);

/*
 * Set the bits of the pages, of all of memory as memory_file.h counts them,
 * that were written to since the last call.  What is written meanwhile is
 * told now or next time.
 */
int	memory_log_take(struct memory_log *, uint64_t *pages, struct err *);

#endif
