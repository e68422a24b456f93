/* SPDX-License-Identifier: ISC */
/*
 * contract.h - each contract of the double of Hypervisor.framework is broken
 * on purpose, by a process of its own: it must end by abort(), with the
 * sentence that tells what was broken.
 *
 * Beside rows that break a contract is one that does the same and keeps it:
 * that one ends well.
 */

#ifndef HV_CONTRACT_H
#define HV_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/darwin/hv.h"
#include "lib/util.h"

/* main.c runs it. */
struct row {
	const char	*name;
	void		(*fn)(void);
	const char	*says;		/* NULL: it ends well */
};

struct rows {
	const struct row	*row;
	unsigned		 n;
	void			(*by)(void (*fn)(void));	/* calls it */
};
#define ROWS(table)	{ table, COUNT(table), NULL }

extern const struct rows order_rows, memory_rows, access_rows, thread_rows;

/* What a row builds on must work: else it says so, and fails. */
#define MUST(call)	do {						\
	hv_return_t must_r = (call);					\
	if (must_r != HV_SUCCESS) {					\
		fprintf(stderr, "%s: %#x\n", #call, (unsigned)must_r);	\
		_exit(2);						\
	}								\
} while (0)

#define EXPECT(yes)	do {						\
	if (!(yes)) {							\
		fprintf(stderr, "not so: %s\n", #yes);			\
		_exit(2);						\
	}								\
} while (0)

/* --- a guest -------------------------------------------------------------- */

#define RAM		0x40000000ULL
#define RAM_LEN		(4 * HV_PAGE)
#define DEVICE		0x09000000ULL
#define FRAME		0x08020000ULL	/* of messages */

/* Code of the guest: at RAM, with X1 a device. */
#define LDR		0xb9400020U	/* ldr w0, [x1] */
#define LDRB		0x39400020U	/* ldrb w0, [x1] */
#define STR		0xb9000020U	/* str w0, [x1] */
#define LDP		0x29400c22U	/* ldp w2, w3, [x1] */
#define HVC		0xd4000002U
#define SMC		0xd4000003U
#define HERE		0x14000000U	/* b . */

extern uint8_t ram[RAM_LEN];

extern struct guest {
	hv_vcpu_t	 v;
	hv_vcpu_exit_t	*exit;
} g;

/* ESR_ELx (DDI 0487): the class of an exception. */
#define CLASS		(g.exit->exception.syndrome >> 26 & 0x3f)
#define CLASS_HVC	0x16
#define CLASS_SMC	0x17
#define CLASS_ABORT	0x24

/* Each does what the one before does, too. */
void	vm_only(void);
void	with_gic(void);
void	with_vcpu(void);		/* g.v, of this thread */
/* The guest is to run this instruction, and what is behind it for ever. */
void	with_code(uint32_t insn);
/* Until it is at that instruction. */
void	run_to(uint32_t insn, unsigned class);

/* Run on: it comes to the endless loop, and is called back from there. */
void	run_on(void);
uint64_t get(hv_reg_t);
void	set_pc(uint64_t);
void	end_well(void);

#endif
