/* SPDX-License-Identifier: ISC */
/* walk_arm64.c - where in memory a guest's virtual address is; walk_arm64.h */

#include <stdbool.h>
#include <stddef.h>

#include "accel/walk_arm64.h"

#define SCTLR_M		1U		/* there are tables */
#define TCR_DS		(1ULL << 59)	/* of another format, with 52 bits */
#define VA_UPPER	(1ULL << 55)	/* which half it is in */
#define ADDRESS		0x0000fffffffff000ULL	/* in a descriptor */
#define VALID		1U
#define TABLE		2U		/* or, at the last level, a page */
#define LEVEL_LAST	3
#define INPUT_MAX	48		/* bits of a virtual address */

#define LOW(bits)	((1ULL << (bits)) - 1)

/* Bits of a page's offset; 0: reserved. */
static unsigned
granule(uint64_t tcr, bool upper)
{
	static const uint8_t lower_bits[4] = { 12, 16, 14, 0 };
	static const uint8_t upper_bits[4] = { 0, 14, 12, 16 };

	return upper ? upper_bits[tcr >> 30 & 3] : lower_bits[tcr >> 14 & 3];
}

/* From the first table on; input: bits of the address that are looked up. */
static const char *
descend(const struct walk_arm64 *w, uint64_t va, unsigned page, unsigned input,
    uint64_t *gpa)
{
	unsigned stride = page - 3, level, shift;
	uint64_t base = w->ttbr[(va & VA_UPPER) != 0], entry;

	level = LEVEL_LAST + 1 - (input - page + stride - 1) / stride;
	shift = page + stride * (LEVEL_LAST - level);
	va &= LOW(input);
	base &= LOW(INPUT_MAX) & ~LOW(input - shift + 3);
	for (;; level++, shift -= stride) {
		if (!w->read(w->arg, base + (va >> shift) * 8, &entry))
			return "page tables outside memory";
		if ((entry & VALID) == 0)
			return "no page";
		if (level == LEVEL_LAST && (entry & TABLE) == 0)
			return "no page";
		if (level == LEVEL_LAST || (entry & TABLE) == 0)
			break;
		base = entry & ADDRESS & ~LOW(page);
		va &= LOW(shift);
	}
	if (level == 0)
		return "no page";
	*gpa = (entry & ADDRESS & ~LOW(shift)) | (va & LOW(shift));
	return NULL;
}

const char *
walk_arm64(const struct walk_arm64 *w, uint64_t va, uint64_t *gpa)
{
	bool upper = (va & VA_UPPER) != 0;
	unsigned page = granule(w->tcr, upper);
	unsigned size = (unsigned)(w->tcr >> (upper ? 16 : 0)) & 0x3f;
	unsigned input = 64 - size;

	if ((w->sctlr & SCTLR_M) == 0) {
		*gpa = va;
		return NULL;
	}
	if ((w->tcr & TCR_DS) != 0 || input > INPUT_MAX)
		return "addresses of 52 bits";
	if (page == 0 || input <= page)
		return "page tables of no known format";
	if ((upper ? ~va : va) >> input != 0)
		return "no address of that size";
	return descend(w, va, page, input, gpa);
}
