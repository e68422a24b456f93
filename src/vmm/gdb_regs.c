/* SPDX-License-Identifier: ISC */
/* gdb_regs.c - registers as gdb numbers them; see gdb_regs.h */

#include <string.h>

#include "lib/util.h"
#include "vmm/gdb_regs.h"

/* NULL: there are fewer. */
static const struct gdb_reg *
find(const struct gdb_arch *a, uint64_t n)
{
	for (size_t i = 0; i < a->nfeatures; i++) {
		if (n < a->features[i].n)
			return &a->features[i].regs[n];
		n -= a->features[i].n;
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
put(struct buf *b, const union accel_regs *r, const struct gdb_reg *g)
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
get(union accel_regs *r, const struct gdb_reg *g, const char *hex)
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

uint64_t
gdb_regs_pc(const struct gdb_arch *a, const union accel_regs *r)
{
	uint64_t pc;

	memcpy(&pc, (const uint8_t *)r + a->pc, sizeof(pc));
	return pc;
}

int
gdb_regs_put(struct buf *b, const struct gdb_arch *a,
    const union accel_regs *r)
{
	const struct gdb_reg *g;

	for (uint64_t n = 0; (g = find(a, n)) != NULL; n++)
		if (put(b, r, g) == -1)
			return -1;
	return 0;
}

int
gdb_regs_get(union accel_regs *r, const struct gdb_arch *a, const char *hex)
{
	const struct gdb_reg *g;
	size_t left = strlen(hex);

	for (uint64_t n = 0; (g = find(a, n)) != NULL; n++) {
		if (left < 2U * g->bytes || get(r, g, hex) == -1)
			return -1;
		hex += 2 * g->bytes;
		left -= 2U * g->bytes;
	}
	return left == 0 ? 0 : -1;
}

int
gdb_reg_put(struct buf *b, const struct gdb_arch *a,
    const union accel_regs *r, uint64_t n)
{
	const struct gdb_reg *g = find(a, n);

	return g == NULL ? -1 : put(b, r, g);
}

int
gdb_reg_get(union accel_regs *r, const struct gdb_arch *a, uint64_t n,
    const char *hex)
{
	const struct gdb_reg *g = find(a, n);

	if (g == NULL || g->ours == 0 || strlen(hex) != 2U * g->bytes)
		return -1;
	return get(r, g, hex);
}

int
gdb_regs_describe(struct buf *b, const struct gdb_arch *a)
{
	const struct gdb_reg *g;

	(void)buf_printf(b, "<?xml version=\"1.0\"?>"
	    "<!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
	    "<architecture>%s</architecture>", a->name);
	for (size_t i = 0; i < a->nfeatures; i++) {
		(void)buf_printf(b, "<feature name=\"%s\">",
		    a->features[i].name);
		for (size_t k = 0; k < a->features[i].n; k++) {
			g = &a->features[i].regs[k];
			(void)buf_printf(b, "<reg name=\"%s\" bitsize=\"%u\" "
			    "type=\"%s\"/>", g->name, 8U * g->bytes, g->type);
		}
		(void)buf_puts(b, "</feature>");
	}
	return buf_puts(b, "</target>");
}
