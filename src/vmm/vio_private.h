/* SPDX-License-Identifier: ISC */
/*
 * vio_private.h - between the virtio device and its transport
 *
 * The transport (vio_pci.c) knows registers, the device (vio.c) the rules
 * of virtio: what a driver may do when.  What it may not is ignored.
 */

#ifndef VMM_VIO_PRIVATE_H
#define VMM_VIO_PRIVATE_H

#include "vmm/pci.h"
#include "vmm/vio.h"

/* --- vio.c, for the transport ------------------------------------------- */

void	vio_set_status(struct vio *, uint8_t);

/* The 32 bits that the driver selected. */
uint32_t vio_get_features(const struct vio *);
void	vio_set_features(struct vio *, uint32_t);

/* Of the queue that the driver selected; NULL: there is none. */
struct vio_queue *vio_selected(struct vio *);
/* May the driver change it, still or again? */
bool	vio_queue_open(const struct vio_queue *);
void	vio_queue_enable(struct vio_queue *);
/* As after power on, at once; nothing without VIRTIO_F_RING_RESET. */
void	vio_queue_reset(struct vio_queue *);
void	vio_set_vector(struct vio_queue *, unsigned vector);
void	vio_set_config_vector(struct vio *, unsigned vector);

/* The ISR byte: reading it lowers the line. */
uint8_t	vio_take_isr(struct vio *);

/* Bytes of the config space; zeroes behind its end, nothing to write. */
void	vio_config_get(struct vio *, unsigned offset, void *to, unsigned len);
void	vio_config_put(struct vio *, unsigned offset, const void *from,
	    unsigned len);

/* MSI-X was switched on or off. */
void	vio_irq_settle(struct vio *);

/* --- vio_pci.c, for the device ------------------------------------------ */

int	vio_pci_plug(struct vio *, int slot, struct err *);
void	vio_pci_unplug(struct vio *);
/* Doorbells are ioeventfds while the device runs. */
void	vio_pci_settle(struct vio *);

/* --- vio_legacy.c -------------------------------------------------------- */

#define VIO_LEGACY_BYTES	128	/* of ports */
#define VIO_LEGACY_NOTIFY	16	/* the doorbell among them */
#define VIO_LEGACY_CONFIG_MAX	(VIO_LEGACY_BYTES - 24)

/* The PCI device number that old drivers look for; 0: there are none. */
unsigned vio_legacy_id(unsigned id);
/* What an old driver did not agree to and must; NULL: nothing. */
const char *vio_legacy_wrong(const struct vio *);

extern const struct bus_ops vio_legacy_ops;

#endif
