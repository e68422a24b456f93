/* SPDX-License-Identifier: ISC */
/*
 * pci_show.c - configuration space that a guest reads as memory
 *
 * A guest that looks for its devices reads each one's configuration space
 * some 170 times.  The bytes are what ECAM shows, so the guest is given
 * them, read-only: only writes come to us.  Mechanism 1 has ports and
 * cannot be had so cheaply; a guest does without it when it is told to
 * (Linux: pci=noearly reserve=0xcf8,8).
 *
 * From slot 0 to the last device there is one piece of memory.  The other
 * seven functions of a slot take none and read as zeroes, which no vendor
 * has for a number; behind the last slot reads come to us.
 */

#include <sys/mman.h>

#include <string.h>

#include "vmm/board.h"
#include "vmm/map.h"
#include "vmm/memory.h"
#include "vmm/pci_private.h"

#define SLOT		0x8000		/* bytes of ECAM: 8 functions */
#define FUNCTION	0x1000

int
pci_show_init(struct pci *pci, struct err *e)
{
	void *p = mmap(NULL, MEMORY_ECAM_LEN, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return err_sys(e, "PCI configuration space");
	pci->space = p;
	return 0;
}

uint8_t *
pci_show_slot(struct pci *pci, unsigned slot, bool there)
{
	return memset(pci->space + (size_t)slot * SLOT, there ? 0 : 0xff,
	    FUNCTION);
}

/* Show the first n slots. */
static int
show(struct pci *pci, unsigned n, struct err *e)
{
	struct board *board = pci->board;
	struct accel_memory m = {
		.slot = MEMORY_SLOT_PCI, .gpa = map.ecam,
		.host = pci->space, .readonly = true,
	};

	if (n == pci->shown)
		return 0;
	/* A piece cannot grow: it goes, and comes. */
	if (pci->shown != 0 && board->accel->map(board->vm, &m, e) == -1)
		return -1;
	pci->shown = 0;
	m.bytes = (uint64_t)n * SLOT;
	if (n != 0 && board->accel->map(board->vm, &m, e) == -1)
		return -1;
	pci->shown = n;
	return 0;
}

int
pci_show(struct pci *pci, struct err *e)
{
	unsigned n = PCI_SLOTS;

	while (n > 0 && pci->slot[n - 1] == NULL)
		n--;
	for (unsigned i = 0; i < n; i++)
		if (pci->slot[i] == NULL)
			(void)pci_show_slot(pci, i, false);
	if (n < pci->shown)
		n = pci->shown;
	return show(pci, n, e);
}

bool
pci_shown(const struct pci_device *d)
{
	return d->slot < d->pci->shown;
}

void
pci_show_fini(struct pci *pci)
{
	struct err e;

	if (show(pci, 0, &e) == -1)
		fatalx("PCI configuration space: %s", e.text);
	(void)munmap(pci->space, MEMORY_ECAM_LEN);
}
