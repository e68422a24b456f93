/* SPDX-License-Identifier: ISC */
/*
 * pci_private.h - a PCI function, for the files of pci.h
 *
 * pci.c has the bus and configuration space, pci_bar.c the windows,
 * pci_msix.c the interrupts, pci_show.c what a guest reads without us,
 * pci_state.c reset and snapshots.
 */

#ifndef VMM_PCI_PRIVATE_H
#define VMM_PCI_PRIVATE_H

#include "accel/accel.h"
#include "lib/log.h"
#include "vmm/map.h"
#include "vmm/pci.h"

#define PCI_NAME_MAX	32

/* Registers of the header: PCI 3.0, section 6.1. */
enum {
	PCI_VENDOR		= 0x00,
	PCI_DEVICE		= 0x02,
	PCI_COMMAND		= 0x04,
	PCI_STATUS		= 0x06,
	PCI_REVISION		= 0x08,
	PCI_CLASS		= 0x09,		/* 3 bytes */
	PCI_CACHE_LINE		= 0x0c,
	PCI_LATENCY		= 0x0d,
	PCI_BAR			= 0x10,		/* 6 of 4 bytes */
	PCI_SUBVENDOR		= 0x2c,
	PCI_SUBDEVICE		= 0x2e,
	PCI_CAPABILITIES	= 0x34,
	PCI_INT_LINE		= 0x3c,
	PCI_INT_PIN		= 0x3d,
	PCI_HEADER_END		= 0x40,
};

enum {
	PCI_COMMAND_IO		= 0x001,
	PCI_COMMAND_MEMORY	= 0x002,
	PCI_COMMAND_MASTER	= 0x004,
	PCI_COMMAND_NO_INTX	= 0x400,
};
enum {
	PCI_STATUS_INTX		= 0x08,
	PCI_STATUS_CAPS		= 0x10,
};

/* A window. */
struct pci_window {
	struct pci_bar	 is;
	uint64_t	 home;		/* where it was put first */
	uint64_t	 addr;		/* where it answers; 0: nowhere */
};

/* An MSI-X vector; the guest's words of it are in the table. */
struct pci_vector {
	unsigned		gsi;	/* 0: none yet */
	bool			routed;
	struct accel_msi	route;	/* of the GSI, when routed */
};

/* An eventfd that stands for a vector. */
struct pci_bind {
	int		fd;
	unsigned	vector;
	bool		attached;	/* to the vector's GSI */
};

#define PCI_MSIX_ENTRY	16		/* bytes */

struct pci_msix {
	unsigned		 n;	/* vectors */
	unsigned		 cap;	/* offset in the configuration space */
	bool			 was_on;
	uint8_t			 table[PCI_VECTORS_MAX * PCI_MSIX_ENTRY];
	uint64_t		 pending;	/* a bit a vector */
	struct pci_vector	 vector[PCI_VECTORS_MAX];
	unsigned		 nbinds;
	struct pci_bind		 bind[PCI_BINDS_MAX];
};

struct pci_device {
	struct pci		*pci;
	char			 name[PCI_NAME_MAX + 1];
	unsigned		 slot;
	struct pci_setup	 setup;		/* name: the one above */
	uint8_t			*config;	/* in the bus's space */
	uint8_t			 mask[PCI_CONFIG_BYTES];  /* writable bits */
	uint8_t			 fresh[PCI_CONFIG_BYTES]; /* after power on */
	unsigned		 cap_last;	/* the newest one's offset */
	unsigned		 cap_free;	/* where the next would be */
	struct pci_window	 window[PCI_BARS];
	bool			 intx;		/* what the device wants */
	struct pci_msix		 msix;
	struct log_limit	 complaints;
};

struct pci {
	struct board		*board;
	struct pci_device	*slot[PCI_SLOTS];
	uint8_t			*space;		/* as ECAM shows it */
	unsigned		 shown;		/* slots the guest reads */
	uint32_t		 address;	/* port 0xcf8 */
	uint32_t		 line[MAP_LINES];	/* slots that pull it */
	bool			 crowded;	/* a window lost its place */
};

/* --- pci.c -------------------------------------------------------------- */

/* Little-endian values in the configuration space. */
uint32_t pci_get(const struct pci_device *, unsigned offset, unsigned len);
void	 pci_put(uint8_t *space, unsigned offset, unsigned len,
	    uint32_t value);

/* Do what the configuration space says now, whatever changed in it. */
void	pci_settle(struct pci_device *);

/* --- pci_show.c ---------------------------------------------------------- */

int	pci_show_init(struct pci *, struct err *);
void	pci_show_fini(struct pci *);
/* A slot's 4096 bytes; all zeroes, or all ones where there is no device. */
uint8_t	*pci_show_slot(struct pci *, unsigned slot, bool there);

/* --- pci_bar.c ---------------------------------------------------------- */

/* Give each window a place and say so in the BARs. */
int	pci_bar_init(struct pci_device *, struct err *);
/* Put windows where the BARs say; off: nowhere. */
void	pci_bar_settle(struct pci_device *);
void	pci_bar_off(struct pci_device *);

/* --- pci_msix.c --------------------------------------------------------- */

int	pci_msix_init(struct pci_device *, struct err *);
void	pci_msix_fini(struct pci_device *);
void	pci_msix_settle(struct pci_device *);
/* All masked, nothing pending; what is bound stays bound. */
void	pci_msix_reset(struct pci_device *);
/* Take interrupts that were signalled and not sent into 'pending'. */
void	pci_msix_collect(struct pci_device *);

extern const struct bus_ops pci_msix_ops;

#endif
