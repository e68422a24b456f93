/* SPDX-License-Identifier: ISC */
/* gdb_regs.c - x86-64's registers as gdb numbers them; see gdb_regs.h */

#include <string.h>

#include "accel/accel_x86.h"
#include "lib/util.h"
#include "vmm/gdb_regs.h"

struct reg {
	const char	*name;
	const char	*type;
	uint8_t		 bytes;		/* as gdb has it */
	uint8_t		 ours;		/* bytes of it; 0: unavailable */
	size_t		 offset;	/* in struct x86_regs */
};

#define GPR(name, n, type)						\
	{ name, type, 8, 8, offsetof(struct x86_regs, gpr[n]) }
#define FIELD(name, field, type)					\
	{ name, type, 8, 8, offsetof(struct x86_regs, field) }
#define SELECTOR(name, n)						\
	{ name, "int32", 4, 2, offsetof(struct x86_regs, seg[n].selector) }
#define X87(name)	{ name, "i387_ext", 10, 0, 0 }
#define X87_CONTROL(name) { name, "int", 4, 0, 0 }

/* A feature is a row of registers; gdb knows the first two by name. */
static const struct reg core[] = {
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
static const struct reg segments[] = {
	FIELD("fs_base", seg[X86_FS].base, "int64"),
	FIELD("gs_base", seg[X86_GS].base, "int64"),
};
static const struct reg control[] = {
	FIELD("cr0", cr0, "int64"), FIELD("cr2", cr2, "int64"),
	FIELD("cr3", cr3, "int64"), FIELD("cr4", cr4, "int64"),
	FIELD("cr8", cr8, "int64"), FIELD("efer", efer, "int64"),
};

static const struct {
	const char		*name;
	const struct reg	*regs;
	size_t			 n;
} features[] = {
	{ "org.gnu.gdb.i386.core", core, COUNT(core) },
	{ "org.gnu.gdb.i386.segments", segments, COUNT(segments) },
	{ "org.vmd.x86.control", control, COUNT(control) },
};

#define REGS	(COUNT(core) + COUNT(segments) + COUNT(control))

/* NULL: there are fewer. */
static const struct reg *
find(uint64_t n)
{
	for (size_t i = 0; i < COUNT(features); i++) {
		if (n < features[i].n)
			return &features[i].regs[n];
		n -= features[i].n;
	}
	return NULL;
}

int
gdb_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int
put(struct buf *b, const struct x86_regs *r, const struct reg *g)
{
	const uint8_t *from = (const uint8_t *)r + g->offset;

	for (unsigned i = 0; i < g->bytes; i++)
		if ((g->ours == 0 ? buf_puts(b, "xx") : buf_printf(b, "%02x",
		    i < g->ours ? from[i] : 0)) == -1)
			return -1;
	return 0;
}

/* What is wider at gdb's end has zeroes there. */
static int
get(struct x86_regs *r, const struct reg *g, const char *hex)
{
	uint8_t bytes[8];
	int high, low;

	if (g->ours == 0)
		return 0;
	for (unsigned i = 0; i < g->bytes; i++) {
		high = gdb_digit(hex[2 * i]);
		low = gdb_digit(hex[2 * i + 1]);
		if (high == -1 || low == -1)
			return -1;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy((uint8_t *)r + g->offset, bytes, g->ours);
	return 0;
}

int
gdb_regs_put(struct buf *b, const struct x86_regs *r)
{
	for (uint64_t n = 0; n < REGS; n++)
		if (put(b, r, find(n)) == -1)
			return -1;
	return 0;
}

int
gdb_regs_get(struct x86_regs *r, const char *hex)
{
	const struct reg *g;
	size_t left = strlen(hex);

	for (uint64_t n = 0; n < REGS; n++) {
		g = find(n);
		if (left < 2U * g->bytes || get(r, g, hex) == -1)
			return -1;
		hex += 2 * g->bytes;
		left -= 2U * g->bytes;
	}
	return left == 0 ? 0 : -1;
}

int
gdb_reg_put(struct buf *b, const struct x86_regs *r, uint64_t n)
{
	const struct reg *g = find(n);

	return g == NULL ? -1 : put(b, r, g);
}

int
gdb_reg_get(struct x86_regs *r, uint64_t n, const char *hex)
{
	const struct reg *g = find(n);

	if (g == NULL || g->ours == 0 || strlen(hex) != 2U * g->bytes)
		return -1;
	return get(r, g, hex);
}

int
gdb_regs_describe(struct buf *b)
{
	const struct reg *g;

	(void)buf_puts(b, "<?xml version=\"1.0\"?>"
	    "<!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
	    "<architecture>i386:x86-64</architecture>");
	for (size_t i = 0; i < COUNT(features); i++) {
		(void)buf_printf(b, "<feature name=\"%s\">",
		    features[i].name);
		for (size_t k = 0; k < features[i].n; k++) {
			g = &features[i].regs[k];
			(void)buf_printf(b, "<reg name=\"%s\" bitsize=\"%u\" "
			    "type=\"%s\"/>", g->name, 8U * g->bytes, g->type);
		}
		(void)buf_puts(b, "</feature>");
	}
	return buf_puts(b, "</target>");
}
