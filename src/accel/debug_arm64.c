/* SPDX-License-Identifier: ISC */
/* debug_arm64.c - a debugger's points as registers; see debug_arm64.h */

#include <errno.h>

#include "accel/debug_arm64.h"

#define ENABLED		1U		/* of DBGBCR and DBGWCR */
#define EL1_AND_EL0	(3U << 1)
#define BYTES_SHIFT	5		/* which of them, a bit each */
#define INSTRUCTION	(0xfU << BYTES_SHIFT)
#define LOADS		(1U << 3)
#define STORES		(2U << 3)

#define NEAR		16U		/* bytes of the longest access */

/* Their registers have 53 bits of an address, and the highest again. */
static uint64_t
extended(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 11) >> 11);
}

static void
add_break(struct debug_arm64 *r, unsigned n, uint64_t va)
{
	r->reg[DEBUG_BCR][n] = ENABLED | EL1_AND_EL0 | INSTRUCTION;
	r->reg[DEBUG_BVR][n] = extended(va & ~3ULL);
}

static void
add_watch(struct debug_arm64 *r, unsigned n, const struct accel_point *p)
{
	static const unsigned kinds[] = { [ACCEL_POINT_WRITE] = STORES,
		[ACCEL_POINT_READ] = LOADS,
		[ACCEL_POINT_ACCESS] = LOADS | STORES };
	uint64_t bytes = ((1U << p->len) - 1) << (p->addr & 7);

	r->reg[DEBUG_WCR][n] = ENABLED | EL1_AND_EL0 | kinds[p->kind] |
	    bytes << BYTES_SHIFT;
	r->reg[DEBUG_WVR][n] = extended(p->addr & ~7ULL);
}

int
debug_arm64_points(struct debug_arm64 *ret, const struct accel_debug *d,
    unsigned breaks, unsigned watches, struct err *e)
{
	struct debug_arm64 r = { .reg = { { 0 } } };
	unsigned nbreaks = 0, nwatches = 0;
	const struct accel_point *p;

	for (unsigned i = 0; i < d->npoints; i++) {
		p = &d->point[i];
		if (p->kind == ACCEL_POINT_EXECUTE && nbreaks < breaks)
			add_break(&r, nbreaks++, p->addr);
		else if (p->kind != ACCEL_POINT_EXECUTE && nwatches < watches)
			add_watch(&r, nwatches++, p);
		else
			return err_set(e, ENOSPC, "the processor has only %u "
			    "breakpoints and %u watchpoints", breaks,
			    watches);
	}
	*ret = r;
	return 0;
}

unsigned
debug_arm64_hits(const struct accel_debug *d, uint64_t far)
{
	unsigned exact = 0, near = 0;

	for (unsigned i = 0; i < d->npoints; i++) {
		if (d->point[i].kind == ACCEL_POINT_EXECUTE)
			continue;
		if (far - d->point[i].addr < d->point[i].len)
			exact |= 1U << i;
		if (far - d->point[i].addr + NEAR < 2 * NEAR)
			near |= 1U << i;
	}
	return exact != 0 ? exact : near;
}
