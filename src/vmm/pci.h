/* SPDX-License-Identifier: ISC */
/*
 * pci.h - one PCI bus: configuration space, windows, interrupts
 *
 * Bus 0 with function 0 of 32 devices, reached by configuration mechanism 1
 * (ports 0xcf8 and 0xcfc) and ECAM.  A device states its identity, windows
 * (BARs) and capabilities; reads, write masks, sizing, moving of windows,
 * MSI-X and INTx are done here.  The windows have addresses from the start:
 * there is no firmware that would give them any.
 *
 * Source: PCI Local Bus Specification 3.0, chapter 6; PCI Express Base 4.0,
 * section 7.
 */

#ifndef VMM_PCI_H
#define VMM_PCI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "vmm/bus.h"

#define PCI_SLOTS		32
#define PCI_BARS		6
#define PCI_VECTORS_MAX		64	/* MSI-X vectors of a device */
#define PCI_CONFIG_BYTES	256

struct board;
struct pci;
struct pci_device;

struct pci_bar {
	uint64_t		 len;	/* power of 2, 16 at least; 0: none */
	bool			 pio;
	bool			 wide;	/* 64 bits: takes the next BAR too */
	const struct bus_ops	*ops;
	/* The window moved (or went: addr 0), for ioeventfds in it. */
	void			(*moved)(void *arg, uint64_t addr);
};

/* What a device is; static data of its class. */
struct pci_identity {
	uint16_t	vendor, device, subvendor, subdevice;
	uint8_t		revision;
	uint32_t	class;		/* 24 bits */
};

struct pci_setup {
	const char		*name;		/* "disk0"; copied */
	int			 slot;		/* -1: the first free one */
	struct pci_identity	 id;
	struct pci_bar		 bar[PCI_BARS];
	unsigned		 vectors;	/* MSI-X; 0: only INTx */
	unsigned		 msix_bar;	/* a BAR of its own, ops NULL */
	void			*arg;		/* of ops and moved */
};

int	pci_new(struct pci **ret, struct board *, struct err *);
void	pci_destroy(struct pci *);
OWN_DEFINE(struct pci, pci_destroy);

/* Plug in; the slot's number tells the guest.  remove unplugs at once. */
int	pci_add(struct pci_device **ret, struct pci *,
	    const struct pci_setup *, struct err *);
void	pci_remove(struct pci_device *);

/*
 * Add a capability of len bytes (its first two are filled in here); *offset
 * is where it is.  Only before the guest runs.
 */
int	pci_capability(struct pci_device *, const void *, unsigned len,
	    unsigned *offset, struct err *);

unsigned pci_slot(const struct pci_device *);
struct pci_device *pci_find(struct pci *, const char *name);

/* A BAR's address now; 0: it is off. */
uint64_t pci_bar_addr(const struct pci_device *, unsigned bar);

/*
 * Interrupts.  With MSI-X on: send 'vector' (dropped into the PBA while it
 * is masked).  pci_msix_fd() binds an eventfd of the device to a vector:
 * written to, the interrupt is sent without us whenever the vector is not
 * masked; fd -1 unbinds.  With MSI-X off, pci_intx() is the line, which is
 * shared: it is high while any device's is.
 */
bool	pci_msix_on(const struct pci_device *);
void	pci_msix_send(struct pci_device *, unsigned vector);
int	pci_msix_fd(struct pci_device *, unsigned vector, int fd,
	    struct err *);
void	pci_intx(struct pci_device *, bool level);

/* The GSI of a slot's INTx; the same is in ACPI and the MP table. */
unsigned pci_intx_gsi(unsigned slot);

/* Power on state: windows where they were, everything off. */
void	pci_reset(struct pci *);

json_t	*pci_save(const struct pci_device *);
int	 pci_load(struct pci_device *, const json_t *, struct err *);

#endif
