/* SPDX-License-Identifier: ISC */
/*
 * gdb_x86.c - x86-64's registers as gdb numbers them; see gdb_regs.h
 *
 * Registers that a debugger of kernels does without (x87) are there, but
 * unavailable.
 *
 * Source: gdb manual, appendix G.5.15 (i386 features).
 */

#include "lib/util.h"
#include "vmm/gdb_regs.h"

#define GPR(name, n, type)						\
	{ name, type, 8, 8, offsetof(struct x86_regs, gpr[n]) }
#define FIELD(name, field, type)					\
	{ name, type, 8, 8, offsetof(struct x86_regs, field) }
#define SELECTOR(name, n)						\
	{ name, "int32", 4, 2, offsetof(struct x86_regs, seg[n].selector) }
#define X87(name)	{ name, "i387_ext", 10, 0, 0 }
#define X87_CONTROL(name) { name, "int", 4, 0, 0 }

/* A feature is a row of registers; gdb knows the first two by name. */
static const struct gdb_reg core[] = {
	GPR("rax", X86_RAX, "int64"), GPR("rbx", X86_RBX, "int64"),
	GPR("rcx", X86_RCX, "int64"), GPR("rdx", X86_RDX, "int64"),
	GPR("rsi", X86_RSI, "int64"), GPR("rdi", X86_RDI, "int64"),
	GPR("rbp", X86_RBP, "data_ptr"), GPR("rsp", X86_RSP, "data_ptr"),
	GPR("r8", X86_R8, "int64"), GPR("r9", X86_R9, "int64"),
	GPR("r10", X86_R10, "int64"), GPR("r11", X86_R11, "int64"),
	GPR("r12", X86_R12, "int64"), GPR("r13", X86_R13, "int64"),
	GPR("r14", X86_R14, "int64"), GPR("r15", X86_R15, "int64"),
	FIELD("rip", rip, "code_ptr"),
	{ "eflags", "int32", 4, 4, offsetof(struct x86_regs, rflags) },
	SELECTOR("cs", X86_CS), SELECTOR("ss", X86_SS),
	SELECTOR("ds", X86_DS), SELECTOR("es", X86_ES),
	SELECTOR("fs", X86_FS), SELECTOR("gs", X86_GS),
	X87("st0"), X87("st1"), X87("st2"), X87("st3"),
	X87("st4"), X87("st5"), X87("st6"), X87("st7"),
	X87_CONTROL("fctrl"), X87_CONTROL("fstat"), X87_CONTROL("ftag"),
	X87_CONTROL("fiseg"), X87_CONTROL("fioff"), X87_CONTROL("foseg"),
	X87_CONTROL("fooff"), X87_CONTROL("fop"),
};
static const struct gdb_reg segments[] = {
	FIELD("fs_base", seg[X86_FS].base, "int64"),
	FIELD("gs_base", seg[X86_GS].base, "int64"),
};
static const struct gdb_reg control[] = {
	FIELD("cr0", cr0, "int64"), FIELD("cr2", cr2, "int64"),
	FIELD("cr3", cr3, "int64"), FIELD("cr4", cr4, "int64"),
	FIELD("cr8", cr8, "int64"), FIELD("efer", efer, "int64"),
};

static const struct gdb_feature features[] = {
	{ "org.gnu.gdb.i386.core", core, COUNT(core) },
	{ "org.gnu.gdb.i386.segments", segments, COUNT(segments) },
	{ "org.vmd.x86.control", control, COUNT(control) },
};

const struct gdb_arch gdb_x86 = {
	.name		= "i386:x86-64",
	.features	= features,
	.nfeatures	= COUNT(features),
	.pc		= offsetof(struct x86_regs, rip),
};
