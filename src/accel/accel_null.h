/* SPDX-License-Identifier: ISC */
/*
 * accel_null.h - an accelerator without a processor, for tests
 *
 * Each vCPU plays a script of exits; everything the board does to the VM is
 * kept and can be asked for.  One VM a process, so these functions need no
 * VM: a test sets the scripts, makes a machine with accel_null, lets it run,
 * calls null_finish() and looks.  Any thread.
 *
 * A write that an ioeventfd matches is signalled there and makes no exit.
 * A vCPU whose script is over waits, as a halted one does, for a kick or
 * for more script.
 */

#ifndef ACCEL_ACCEL_NULL_H
#define ACCEL_ACCEL_NULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/accel.h"
#include "accel/accel_x86.h"

#define NULL_DATA_MAX	4096		/* bytes of one string access */
#define NULL_POINTS	4		/* of a debugger */

struct null_step {
	enum accel_why	 why;
	uint64_t	 addr;		/* MMIO: gpa; PIO: port */
	unsigned	 len;		/* bytes of one; 0: 4 */
	unsigned	 count;		/* 0: 1 */
	bool		 write;
	uint64_t	 value;		/* to write, when there is no string */
	const void	*string;	/* count * len bytes, or NULL */
};

/* Forget everything; no VM may be there. */
void	null_forget(void);

/*
 * What vCPU 'cpu' does next; the steps stay the caller's until they have
 * been played.  Replaces a script, which must have ended.
 */
void	null_script(unsigned cpu, const struct null_step *, unsigned n);

/* Wait until all scripts have been played, and their last exits handled. */
void	null_finish(void);

/*
 * What the board answered to a read, step 'n' of the last script of the
 * vCPU: the first 8 bytes of it.
 */
uint64_t null_answer(unsigned cpu, unsigned n);

/* Interrupt lines: the level, and how often it went from 0 to 1. */
bool	null_line(unsigned gsi);
unsigned null_raised(unsigned gsi);

/* What a GSI sends as a message; false: nothing. */
bool	null_msi(unsigned gsi, struct accel_msi *ret);

/* How often the irqfds of the GSI were written to since the last call. */
unsigned null_interrupts(unsigned gsi);
/* The guest's end of interrupt: what 'resample' descriptors wait for. */
void	null_eoi(unsigned gsi);

/* How many are set now. */
unsigned null_irqfds(void);
unsigned null_ioevents(void);

unsigned null_kicks(unsigned cpu);
unsigned null_nmis(unsigned cpu);

/* What the debugger asked of the vCPU last. */
struct accel_debug null_debug(unsigned cpu);

/* The guest writes to a page of a slot, for the dirty log. */
void	null_touch(unsigned slot, uint64_t page);

/* Memory of a slot as it was mapped; bytes 0: nothing. */
struct accel_memory null_memory(unsigned slot);

#endif
