/* SPDX-License-Identifier: ISC */
/*
 * accel_x86.h - what accelerators of x86 machines have besides
 *
 * Registers, for loaders and debuggers.
 *
 * Source: Intel SDM volume 3, chapters 2 and 10; Linux,
 * Documentation/virt/kvm/api.rst.
 */

#ifndef ACCEL_ACCEL_X86_H
#define ACCEL_ACCEL_X86_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct accel_vcpu;

struct x86_segment {
	uint64_t	base;
	uint32_t	limit;		/* bytes - 1 */
	uint16_t	selector;
	uint16_t	flags;		/* access byte, and G D L AVL in bits
					   12 to 15: as in a descriptor's
					   second word from bit 8 on */
	bool		unusable;
};

struct x86_table {
	uint64_t	base;
	uint16_t	limit;
};

enum x86_gpr {
	X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBP,
	X86_RSP, X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13,
	X86_R14, X86_R15, X86_GPRS		/* gdb's order */
};

enum x86_seg {
	X86_CS, X86_SS, X86_DS, X86_ES, X86_FS, X86_GS, X86_LDTR, X86_TR,
	X86_SEGS
};

struct x86_regs {
	uint64_t		gpr[X86_GPRS];
	uint64_t		rip, rflags;
	struct x86_segment	seg[X86_SEGS];
	struct x86_table	gdt, idt;
	uint64_t		cr0, cr2, cr3, cr4, cr8, efer;
};

/* Calls are as those of struct accel. */
struct accel_x86 {
	int	(*get_regs)(struct accel_vcpu *, struct x86_regs *ret,
		    struct err *);				/* [vcpu] */
	int	(*set_regs)(struct accel_vcpu *, const struct x86_regs *,
		    struct err *);				/* [vcpu] */
};

#endif
