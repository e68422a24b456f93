/* SPDX-License-Identifier: ISC */
/* bus.c - who answers at an address; see bus.h */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/bus.h"

/* The number of ranges that begin at or below addr. */
static unsigned
upper(const struct bus *bus, uint64_t addr)
{
	unsigned lo = 0, hi = bus->nranges, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (bus->ranges[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
overlap(const struct bus_range *a, const struct bus_range *b)
{
	return a->base <= b->base ? b->base - a->base < a->len :
	    a->base - b->base < b->len;
}

int
bus_add(struct bus *bus, const struct bus_range *r, struct err *e)
{
	unsigned at = upper(bus, r->base);

	if (r->len == 0 || r->base + (r->len - 1) < r->base)
		return err_set(e, EINVAL, "%s: no range of addresses",
		    r->ops->name);
	if (bus->nranges == BUS_RANGES_MAX)
		return err_set(e, ENOSPC, "%s: more than %d ranges on a bus",
		    r->ops->name, BUS_RANGES_MAX);
	if ((at > 0 && overlap(&bus->ranges[at - 1], r)) ||
	    (at < bus->nranges && overlap(&bus->ranges[at], r)))
		return err_set(e, EEXIST, "%s: 0x%llx is taken", r->ops->name,
		    (unsigned long long)r->base);
	memmove(&bus->ranges[at + 1], &bus->ranges[at],
	    (bus->nranges - at) * sizeof(bus->ranges[0]));
	bus->ranges[at] = *r;
	bus->nranges++;
	return 0;
}

void
bus_remove(struct bus *bus, uint64_t base)
{
	unsigned at = upper(bus, base);

	if (at == 0 || bus->ranges[at - 1].base != base)
		return;
	bus->nranges--;
	memmove(&bus->ranges[at - 1], &bus->ranges[at],
	    (bus->nranges - (at - 1)) * sizeof(bus->ranges[0]));
}

/* The range that holds all of [addr, +len), or NULL. */
static const struct bus_range *
find(const struct bus *bus, uint64_t addr, unsigned len)
{
	unsigned at = upper(bus, addr);
	const struct bus_range *r;

	if (at == 0)
		return NULL;
	r = &bus->ranges[at - 1];
	if (addr - r->base >= r->len || len > r->len - (addr - r->base))
		return NULL;
	return r;
}

uint64_t
bus_read(const struct bus *bus, uint64_t addr, unsigned len)
{
	const struct bus_range *r = find(bus, addr, len);
	uint64_t mask = len == 8 ? UINT64_MAX : (1ULL << len * 8) - 1;

	if (r == NULL)
		return mask;
	return r->ops->read(r->arg, addr - r->base, len) & mask;
}

void
bus_write(const struct bus *bus, uint64_t addr, unsigned len, uint64_t value)
{
	const struct bus_range *r = find(bus, addr, len);
	uint64_t mask = len == 8 ? UINT64_MAX : (1ULL << len * 8) - 1;

	if (r != NULL)
		r->ops->write(r->arg, addr - r->base, len, value & mask);
}
