/* SPDX-License-Identifier: ISC */
/*
 * vio_legacy.c - registers for drivers older than virtio 1.0
 *
 * One window of ports.  A driver that uses it has no FEATURES_OK, cannot
 * choose a queue's length, and gives the number of the page where all three
 * parts of the queue lie behind each other.
 *
 * Source: virtio 1.2, sections 2.7.2, 4.1.4.10 and 4.1.5.1.3.
 */

#include <string.h>

#include "lib/util.h"
#include "vmm/vio_private.h"

#define PAGE		4096
#define FEATURE_ANY_LAYOUT	27	/* headers and data as one likes */

enum {
	REG_OFFERED	= 0,		/* 32 bits */
	REG_ACCEPTED	= 4,
	REG_QUEUE_PAGE	= 8,
	REG_QUEUE_LEN	= 12,		/* 16 bits */
	REG_QUEUE	= 14,
	REG_NOTIFY	= VIO_LEGACY_NOTIFY,
	REG_STATUS	= 18,		/* 8 bits */
	REG_ISR		= 19,
	REG_CONFIG_VECTOR = 20,		/* 16 bits, with MSI-X only */
	REG_QUEUE_VECTOR = 22,
	REG_END		= 24,
};

/* Where the device's own config space begins. */
static unsigned
config_at(const struct vio *vio)
{
	return pci_msix_on(vio->pci) ? REG_END : REG_CONFIG_VECTOR;
}

unsigned
vio_legacy_id(unsigned id)
{
	static const uint8_t ids[] = {	/* from 0x1000 on */
		VIRTIO_ID_NET, VIRTIO_ID_BLOCK, VIRTIO_ID_BALLOON,
		VIRTIO_ID_CONSOLE, VIRTIO_ID_SCSI, VIRTIO_ID_RNG,
	};

	for (unsigned i = 0; i < COUNT(ids); i++)
		if (ids[i] == id)
			return 0x1000 + i;
	return 0;
}

const char *
vio_legacy_wrong(const struct vio *vio)
{
	/* Its header would be shorter than all of our devices know. */
	if (vio->legacy && vio->class->id == VIRTIO_ID_NET &&
	    !(vio->accepted & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)))
		return "an old network driver without MRG_RXBUF";
	return NULL;
}

static void
set_page(struct vio *vio, uint32_t page)
{
	struct vio_queue *q = vio_selected(vio);

	if (q == NULL || !vio_queue_open(q) || page == 0)
		return;
	q->len = q->len_max;
	q->addr.desc = (uint64_t)page * PAGE;
	q->addr.avail = q->addr.desc + VIRTQ_DESC_BYTES(q->len);
	q->addr.used = (q->addr.avail + VIRTQ_AVAIL_BYTES(q->len) + PAGE - 1) &
	    ~(uint64_t)(PAGE - 1);
	vio_queue_enable(q);
}

/* --- registers ---------------------------------------------------------- */

static const struct { uint8_t at, len; } regs[] = {
	{ REG_OFFERED, 4 }, { REG_ACCEPTED, 4 }, { REG_QUEUE_PAGE, 4 },
	{ REG_QUEUE_LEN, 2 }, { REG_QUEUE, 2 }, { REG_NOTIFY, 2 },
	{ REG_STATUS, 1 }, { REG_ISR, 1 }, { REG_CONFIG_VECTOR, 2 },
	{ REG_QUEUE_VECTOR, 2 },
};

/* Which register holds [at, +len); -1: none, or more than one does. */
static int
reg_find(unsigned at, unsigned len)
{
	for (unsigned i = 0; i < COUNT(regs); i++)
		if (at >= regs[i].at && at + len <= regs[i].at + regs[i].len)
			return (int)i;
	return -1;
}

static uint32_t
reg_read(struct vio *vio, unsigned reg)
{
	struct vio_queue *q = vio_selected(vio);

	switch (reg) {
	case REG_OFFERED:
		return (uint32_t)(vio->offered |
		    VIRTIO_BIT(FEATURE_ANY_LAYOUT));
	case REG_ACCEPTED:
		return (uint32_t)vio->accepted;
	case REG_QUEUE_PAGE:
		return q != NULL && q->enabled ?
		    (uint32_t)(q->addr.desc / PAGE) : 0;
	case REG_QUEUE_LEN:
		return q == NULL ? 0 : q->len_max;
	case REG_QUEUE:
		return vio->queue_select;
	case REG_STATUS:
		return vio->status;
	case REG_ISR:
		return vio_take_isr(vio);
	case REG_CONFIG_VECTOR:
		return vio->config_vector;
	case REG_QUEUE_VECTOR:
		return q == NULL ? PCI_NO_VECTOR : q->vector;
	default:
		return 0;
	}
}

static uint64_t
ports_read(void *arg, uint64_t offset, unsigned len)
{
	struct vio *vio = arg;
	unsigned at = (unsigned)offset;
	uint64_t v = 0;
	int i;

	if (at < config_at(vio)) {
		i = reg_find(at, len);
		return i == -1 ? 0 :
		    reg_read(vio, regs[i].at) >> (at - regs[i].at) * 8;
	}
	vio_config_get(vio, at - config_at(vio), &v, len);
	return v;
}

static void
reg_write(struct vio *vio, unsigned reg, uint32_t v)
{
	struct vio_queue *q = vio_selected(vio);

	switch (reg) {
	case REG_ACCEPTED:
		vio->legacy = true;
		vio->driver_feature_select = 0;
		vio_set_features(vio, v & (uint32_t)vio->offered);
		break;
	case REG_QUEUE_PAGE:
		vio->legacy = true;
		set_page(vio, v);
		break;
	case REG_QUEUE:
		vio->queue_select = (uint16_t)v;
		break;
	case REG_NOTIFY:
		if (v < vio->nqueues)
			vio_kick(vio, v);
		break;
	case REG_STATUS:
		vio->legacy = true;
		vio_set_status(vio, (uint8_t)v);
		break;
	case REG_CONFIG_VECTOR:
		vio_set_config_vector(vio, v);
		break;
	case REG_QUEUE_VECTOR:
		if (q != NULL)
			vio_set_vector(q, v);
		break;
	}
}

/* Registers are written whole, as drivers must; the rest is ignored. */
static void
ports_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct vio *vio = arg;
	unsigned at = (unsigned)offset;
	int i;

	if (at >= config_at(vio)) {
		vio_config_put(vio, at - config_at(vio), &value, len);
		return;
	}
	i = reg_find(at, len);
	if (i != -1 && regs[i].len == len)
		reg_write(vio, regs[i].at, (uint32_t)value);
}

const struct bus_ops vio_legacy_ops = {
	.name	= "virtio, old",
	.read	= ports_read,
	.write	= ports_write,
};
