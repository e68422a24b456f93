/* SPDX-License-Identifier: ISC */
/*
 * pci_bar.c - where the windows of devices are; see pci.h
 *
 * A guest sizes a window by writing ones to its BAR and moves it by writing
 * an address.  A place outside of the windows' ranges, or that another has,
 * is none: the window answers nowhere until the guest changes its mind or
 * the other goes.
 */

#include <errno.h>

#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/map.h"
#include "vmm/pci_private.h"

#define BAR_PIO		0x1		/* type bits: PCI 3.0, 6.2.5.1 */
#define BAR_WIDE	0x4
#define PORTS_FIRST	0x1000		/* below are the board's */

static unsigned
bar_reg(unsigned n)
{
	return PCI_BAR + n * 4;
}

/* What the BAR holds, without type bits. */
static uint64_t
bar_value(const struct pci_device *d, unsigned n)
{
	const struct pci_bar *b = &d->window[n].is;
	uint64_t v = pci_get(d, bar_reg(n), 4);

	if (b->wide)
		v |= (uint64_t)pci_get(d, bar_reg(n + 1), 4) << 32;
	return v & ~(b->len - 1);
}

static bool
inside(uint64_t addr, uint64_t len, uint64_t from, uint64_t to)
{
	return addr >= from && addr < to && len <= to - addr;
}

/* May a window be there? */
static bool
allowed(const struct pci_bar *b, uint64_t addr)
{
	if (b->pio)
		return inside(addr, b->len, PORTS_FIRST, PCI_PORTS_END);
	return inside(addr, b->len, map.pci, map.pci_end) ||
	    (b->wide && inside(addr, b->len, map.pci64, map.pci64_end));
}

/* Where the guest wants the window now; 0: nowhere. */
static uint64_t
wanted(const struct pci_device *d, unsigned n)
{
	const struct pci_bar *b = &d->window[n].is;
	uint32_t on = b->pio ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	uint64_t addr;

	if (b->len == 0 || !(pci_get(d, PCI_COMMAND, 2) & on))
		return 0;
	addr = bar_value(d, n);
	return allowed(b, addr) ? addr : 0;
}

static struct bus *
bus_of(struct pci_device *d, unsigned n)
{
	return d->window[n].is.pio ? &d->pci->board->pio :
	    &d->pci->board->mmio;
}

static void
moved(struct pci_device *d, unsigned n, uint64_t addr)
{
	struct pci_window *w = &d->window[n];

	w->addr = addr;
	if (w->is.moved != NULL)
		w->is.moved(d->setup.arg, addr);
}

/* Take the window from where it is, unless it shall be there. */
static void
leave(struct pci_device *d, unsigned n, uint64_t want)
{
	struct pci_window *w = &d->window[n];

	if (w->addr == 0 || w->addr == want)
		return;
	bus_remove(bus_of(d, n), w->addr);
	moved(d, n, 0);
}

/* Put the window where it shall be; false: another one is there. */
static bool
enter(struct pci_device *d, unsigned n, uint64_t want)
{
	struct pci_window *w = &d->window[n];
	struct bus_range r = {
		.base = want, .len = w->is.len, .ops = w->is.ops,
		.arg = d->setup.arg,
	};

	if (want == 0 || w->addr == want)
		return true;
	if (w->is.ops == &pci_msix_ops)
		r.arg = d;
	if (bus_add(bus_of(d, n), &r, NULL) == -1)
		return false;
	moved(d, n, want);
	return true;
}

void
pci_bar_settle(struct pci_device *d)
{
	struct pci *pci = d->pci;
	bool left = false;

	for (unsigned n = 0; n < PCI_BARS; n++) {
		uint64_t before = d->window[n].addr;

		leave(d, n, wanted(d, n));
		left = left || d->window[n].addr != before;
	}
	for (unsigned n = 0; n < PCI_BARS; n++)
		if (!enter(d, n, wanted(d, n)))
			pci->crowded = true;
	if (!left || !pci->crowded)
		return;
	/* Somebody may have waited for the place. */
	pci->crowded = false;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		for (unsigned n = 0; n < PCI_BARS; n++)
			if (pci->slot[i] != NULL && !enter(pci->slot[i], n,
			    wanted(pci->slot[i], n)))
				pci->crowded = true;
}

void
pci_bar_off(struct pci_device *d)
{
	uint32_t command = pci_get(d, PCI_COMMAND, 2);

	pci_put(d->config, PCI_COMMAND, 2, command &
	    ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	pci_bar_settle(d);
}

uint64_t
pci_bar_addr(const struct pci_device *d, unsigned bar)
{
	return d->window[bar].addr;
}

/* --- first places ------------------------------------------------------- */

/* The end of a window, of whichever device, in the way; 0: there is none. */
static uint64_t
in_the_way(const struct pci *pci, const struct pci_bar *b, uint64_t addr)
{
	const struct pci_device *d;
	uint64_t at;

	for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS * 2; i++) {
		unsigned n = i / 2 % PCI_BARS;
		const struct pci_window *w;

		d = pci->slot[i / 2 / PCI_BARS];
		if (d == NULL)
			continue;
		w = &d->window[n];
		if (w->is.len == 0 || w->is.pio != b->pio)
			continue;
		at = i % 2 == 0 ? w->home : bar_value(d, n);
		if (addr < at + w->is.len && at < addr + b->len)
			return at + w->is.len;
	}
	return 0;
}

/* The lowest place in [from, to); 0: none. */
static uint64_t
place(const struct pci *pci, const struct pci_bar *b, uint64_t from,
    uint64_t to)
{
	uint64_t addr = (from + b->len - 1) & ~(b->len - 1), end;

	while (inside(addr, b->len, from, to)) {
		end = in_the_way(pci, b, addr);
		if (end == 0)
			return addr;
		addr = (end + b->len - 1) & ~(b->len - 1);
	}
	return 0;
}

static uint64_t
first_place(const struct pci *pci, const struct pci_bar *b)
{
	uint64_t addr;

	if (b->pio)
		return place(pci, b, PCI_PORTS, PCI_PORTS_END);
	/* Low first: the others may be above what a processor addresses. */
	addr = place(pci, b, map.pci, map.pci_end);
	if (addr == 0 && b->wide)
		addr = place(pci, b, map.pci64, map.pci64_end);
	return addr;
}

int
pci_bar_init(struct pci_device *d, struct err *e)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		struct pci_window *w = &d->window[n];
		const struct pci_bar *b = &w->is;
		uint64_t mask;

		if (d->setup.bar[n].len == 0)
			continue;
		w->is = d->setup.bar[n];
		if (b->ops == NULL)
			w->is.ops = &pci_msix_ops;
		w->home = first_place(d->pci, b);
		if (w->home == 0)
			return err_set(e, ENOSPC,
			    "%s: no room for a PCI window of %llu bytes",
			    d->name, (unsigned long long)b->len);
		mask = ~(b->len - 1);
		pci_put(d->mask, bar_reg(n), 4, (uint32_t)mask);
		pci_put(d->config, bar_reg(n), 4, (uint32_t)w->home |
		    (b->pio ? BAR_PIO : b->wide ? BAR_WIDE : 0));
		if (b->wide) {
			n++;
			pci_put(d->mask, bar_reg(n), 4,
			    (uint32_t)(mask >> 32));
			pci_put(d->config, bar_reg(n), 4,
			    (uint32_t)(w->home >> 32));
		}
	}
	return 0;
}
