/* SPDX-License-Identifier: ISC */
/*
 * tiny.h - guests of some instructions, for tests of accelerator and board
 *
 * A guest is assembled where the test is:
 *
 *	TINY(name, 16, "mov $7, %al\n out %al, $0x10\n hlt");
 *
 * and runs in real mode (16), protected mode (32) or long mode (64), flat,
 * from TINY_CODE on.  tiny_*() abort the test when our own side fails.
 */

#ifndef TINY_H
#define TINY_H

#include <sys/mman.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/accel.h"
#include "accel/accel_x86.h"
#include "lib/err.h"

#define TINY_BYTES	0x100000UL	/* memory from address 0 on */
#define TINY_CODE	0x1000		/* a program begins here ... */
#define TINY_CODE_MAX	0x1000		/* ... and has that many bytes */
#define TINY_STACK	0x4000		/* grows down from here */
#define TINY_IDT	0x6000		/* a page; 16 bit: at 0 */
#define TINY_GDT	0x7000
#define TINY_TABLES	0x8000		/* six pages of page tables */

/* A program; bits: 16, 32 or 64.  Position independent or made for CODE. */
struct tiny_code {
	const uint8_t	*begin, *end;
	unsigned	 bits;
};

#define TINY(name, bits_, text)						\
	extern const uint8_t name##_begin[], name##_end[];		\
	__asm__(".pushsection .rodata\n"				\
	    #name "_begin: .code" #bits_ "\n" text "\n"			\
	    #name "_end: .code64\n.popsection");			\
	static const struct tiny_code name = {				\
		name##_begin, name##_end, bits_				\
	}

struct tiny {
	const struct accel	*accel;
	struct accel_vm		*vm;
	struct accel_vcpu	*vcpu;		/* number 0 */
	uint8_t			*mem;		/* TINY_BYTES */
};

static inline void
tiny_die(const char *what, const struct err *e)
{
	fprintf(stderr, "# tiny: %s: %s\n", what, e->text);
	abort();
}

#define TINY_MUST(call)							\
	do {								\
		struct err e_ = { .num = 0 };				\
		(void)e_;						\
		if ((call) == -1)					\
			tiny_die(#call, &e_);				\
	} while (0)

/* A VM with memory; its vCPUs are made by tiny_vcpu(). */
static inline void
tiny_vm(struct tiny *t, const struct accel *accel,
    const struct accel_setup *setup)
{
	struct accel_memory m = { .bytes = TINY_BYTES, .log = true };

	*t = (struct tiny){ .accel = accel };
	t->mem = mmap(NULL, TINY_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t->mem == MAP_FAILED)
		abort();
	m.host = t->mem;
	TINY_MUST(accel->vm_new(&t->vm, setup, &e_));
	TINY_MUST(accel->map(t->vm, &m, &e_));
}

/* The same with one vCPU, of this thread. */
static inline void
tiny_new(struct tiny *t, const struct accel *accel)
{
	const struct accel_setup setup = { .cpus = 1 };

	tiny_vm(t, accel, &setup);
	TINY_MUST(accel->vcpu_new(&t->vcpu, t->vm, 0, &e_));
}

static inline void
tiny_destroy(struct tiny *t)
{
	t->accel->vcpu_destroy(t->vcpu);
	t->accel->vm_destroy(t->vm);
	(void)munmap(t->mem, TINY_BYTES);
}

/* Page tables: the first 4 GiB at their own addresses, 2 MiB pages. */
static inline void
tiny_page_tables(uint8_t *mem)
{
	uint64_t *p = (uint64_t *)(void *)(mem + TINY_TABLES);
	const uint64_t flags = 3;	/* present, writable */

	p[0] = (TINY_TABLES + 0x1000) | flags;
	for (unsigned i = 0; i < 4; i++)
		p[512 + i] = (TINY_TABLES + 0x2000 + i * 0x1000) | flags;
	for (uint64_t i = 0; i < 4 * 512; i++)
		p[1024 + i] = i << 21 | 0x80 | flags;
}

/* Vector n of a 64-bit guest goes to an offset of its program. */
static inline void
tiny_gate(struct tiny *t, unsigned n, size_t offset)
{
	const uint16_t gate[8] = { (uint16_t)(TINY_CODE + offset), 8, 0x8e00 };

	memcpy(t->mem + TINY_IDT + 16 * n, gate, sizeof(gate));
}

/* Segments as in tiny_regs(), for interrupts to load. */
static inline void
tiny_gdt(uint8_t *mem, unsigned bits)
{
	const uint64_t gdt[3] = { 0,
	    bits == 64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
	    0x00cf93000000ffff };

	memcpy(mem + TINY_GDT, gdt, sizeof(gdt));
}

/* Registers of a flat mode; rip at the program, stack ready. */
static inline void
tiny_regs(struct x86_regs *r, unsigned bits)
{
	struct x86_segment data = {
		.selector = bits == 16 ? 0 : 0x10,
		.limit = bits == 16 ? 0xffff : 0xffffffff,
		.flags = bits == 16 ? 0x0093 : 0xc093,
	};

	for (unsigned i = X86_SS; i <= X86_GS; i++)
		r->seg[i] = data;
	r->seg[X86_CS] = data;
	r->seg[X86_CS].selector = bits == 16 ? 0 : 8;
	r->seg[X86_CS].flags = bits == 16 ? 0x009b :
	    bits == 32 ? 0xc09b : 0xa09b;
	r->cr0 = bits == 16 ? 0x60000010 : bits == 32 ? 0x11 : 0x80000011;
	r->cr3 = bits == 64 ? TINY_TABLES : 0;
	r->cr4 = bits == 64 ? 0x20 : 0;		/* PAE */
	r->efer = bits == 64 ? 0x500 : 0;	/* LME, LMA */
	r->gdt = (struct x86_table){ TINY_GDT, 23 };
	r->idt = (struct x86_table){ bits == 16 ? 0 : TINY_IDT, 0xfff };
	r->rip = TINY_CODE;
	r->rflags = 2;
	r->gpr[X86_RSP] = TINY_STACK;
}

/* The program is loaded and the vCPU stands at its first instruction. */
static inline void
tiny_enter(struct tiny *t, struct accel_vcpu *c, const struct tiny_code *code)
{
	struct x86_regs r;

	memcpy(t->mem + TINY_CODE, code->begin,
	    (size_t)(code->end - code->begin));
	tiny_gdt(t->mem, code->bits);
	if (code->bits == 64)
		tiny_page_tables(t->mem);
	TINY_MUST(t->accel->x86->get_regs(c, &r, &e_));
	tiny_regs(&r, code->bits);
	TINY_MUST(t->accel->x86->set_regs(c, &r, &e_));
}

/* Run until an exit that is not a kick. */
static inline void
tiny_run(struct tiny *t, struct accel_exit *x)
{
	do
		TINY_MUST(t->accel->vcpu_run(t->vcpu, x, &e_));
	while (x->why == ACCEL_EXIT_KICK);
}

#endif
