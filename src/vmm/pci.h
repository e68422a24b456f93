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

#define PCI_BINDS_MAX		64	/* eventfds bound to vectors */
#define PCI_NO_VECTOR		0xffff

/* Ports that windows are given; a guest may move them from 0x1000 on. */
#define PCI_PORTS		0xc000
#define PCI_PORTS_END		0x10000

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
	unsigned		 msix_bar;	/* 4096 bytes, no ops */
	/*
	 * The windows answer from the start, as firmware would leave them.
	 * Costs guests that do not need it some exits.
	 */
	bool			 decode;

	/*
	 * Of the config space [offset, +len): about to be read; written.
	 * While pci_shown(), there is no telling when it is read.
	 */
	void			(*config_read)(void *arg, unsigned offset,
				    unsigned len);
	void			(*config_write)(void *arg, unsigned offset,
				    unsigned len);
	/* MSI-X was switched on or off. */
	void			(*msix)(void *arg);
	void			*arg;		/* of all of these */
};

/* bytes[0] is the capability's id; bytes[1], the next one, is filled in. */
struct pci_cap {
	const void	*bytes;
	const void	*mask;		/* bits the guest may write, or NULL */
	unsigned	 len;
};

/*
 * With the host bridge in slot 0.  A guest's reads of ECAM come to us until
 * pci_show(), which is for when the devices are there, and again after each
 * that comes or goes: from then on it reads them as memory, without an exit.
 * Main thread.
 */
int	pci_new(struct pci **ret, struct board *, struct err *);
int	pci_show(struct pci *, struct err *);
/* The devices are gone by then. */
void	pci_destroy(struct pci *);
OWN_DEFINE(struct pci, pci_destroy);

/* Plug in; the slot's number tells the guest.  remove unplugs at once. */
int	pci_add(struct pci_device **ret, struct pci *,
	    const struct pci_setup *, struct err *);
void	pci_remove(struct pci_device *);

/* Add a capability; its offset, or -1.  Only before the guest runs. */
int	pci_capability(struct pci_device *, const struct pci_cap *,
	    struct err *);

unsigned pci_slot(const struct pci_device *);
struct pci_device *pci_find(struct pci *, const char *name);
/* Slots with a device in them, a bit each. */
uint32_t pci_slots(const struct pci *);

/* The configuration space, for the hooks of it. */
uint8_t	*pci_config(struct pci_device *);
bool	 pci_shown(const struct pci_device *);

/* A BAR's address now; 0: it is off. */
uint64_t pci_bar_addr(const struct pci_device *, unsigned bar);

/*
 * Interrupts.  With MSI-X on: send 'vector' (kept in the PBA while it is
 * masked).  pci_msix_bind() makes an eventfd of the device that vector:
 * written to, the interrupt is sent without us while the vector is not
 * masked.  Several may share one; PCI_NO_VECTOR takes the eventfd, which
 * does not block, back.  With MSI-X off, pci_intx() is the line, which is
 * shared: it is high while any device's is.
 */
bool	pci_msix_on(const struct pci_device *);
void	pci_msix_send(struct pci_device *, unsigned vector);
void	pci_msix_bind(struct pci_device *, int fd, unsigned vector);
void	pci_intx(struct pci_device *, bool level);

/* The GSI of a slot's INTA; the same is in ACPI and the MP table. */
unsigned pci_intx_gsi(unsigned slot);
bool	pci_intx_is(unsigned gsi);
/* All of them, a bit a GSI. */
uint16_t pci_intx_lines(void);

/* Power on state: windows where they were, everything off. */
void	pci_reset(struct pci *);

/*
 * What the guest set in a device's configuration space and MSI-X table.
 * load refuses the state of another kind of device.  bus: that of the bus
 * and its bridge.  A state is the caller's; NULL: out of memory.
 */
json_t	*pci_save(struct pci_device *);
int	 pci_load(struct pci_device *, const json_t *, struct err *);
json_t	*pci_bus_save(struct pci *);
int	 pci_bus_load(struct pci *, const json_t *, struct err *);

#endif
