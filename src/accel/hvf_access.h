/* SPDX-License-Identifier: ISC */
/*
 * hvf_access.h - what a load or store wants that found no memory
 *
 * The processor describes plain ones in its syndrome.  Of the others, which
 * write an address register back or move a pair, it only says that they
 * faulted: their instruction is decoded.  What neither can tell is refused
 * with the reason: it is nothing that a driver does to a device.
 *
 * These functions look at nothing but their arguments.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), ESR_ELx, "ISS
 * encoding for an exception from a Data Abort", and C4.1, "Loads
 * and Stores".
 */

#ifndef ACCEL_HVF_ACCESS_H
#define ACCEL_HVF_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#define HVF_PARTS_MAX	2		/* registers of one instruction */
#define HVF_ZERO	31		/* as rt: the register that is zero */
#define HVF_SP		31		/* as rn: the stack pointer */

struct hvf_access {
	bool	write;
	uint8_t	n;			/* registers: 1, or 2 of a pair */
	uint8_t	len;			/* bytes of each: 1, 2, 4 or 8 */
	bool	sign;			/* a load extends the sign */
	bool	wide;			/* to 64 bits, else to 32 */
	uint8_t	rt[HVF_PARTS_MAX];

	/* Where the instruction was decoded. */
	bool	writeback;		/* rn becomes rn + offset */
	bool	post;			/* the address is rn, not rn + offset */
	uint8_t	rn;
	int64_t	offset;
};

/* What the syndrome says about a data abort. */
enum hvf_abort {
	HVF_ABORT_ACCESS,	/* *ret has it */
	HVF_ABORT_DECODE,	/* look at the instruction */
	HVF_ABORT_SKIP,		/* cache maintenance: nothing is to be done */
	HVF_ABORT_WALK,		/* no access: the guest's page tables */
	HVF_ABORT_FAILED,	/* no access: memory, or the processor */
};

/* Of a syndrome: the status of the fault (DFSC). */
#define HVF_ABORT_STATUS	0x3fU

enum hvf_abort hvf_abort_access(struct hvf_access *ret, uint64_t syndrome);

/* Decode an instruction; NULL, or why it is not one of those. */
const char *hvf_insn_access(struct hvf_access *ret, uint32_t insn);

/* What a register gets by a load of these bytes. */
uint64_t hvf_access_loaded(const struct hvf_access *, uint64_t bytes);

#endif
