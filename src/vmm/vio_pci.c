/* SPDX-License-Identifier: ISC */
/*
 * vio_pci.c - virtio over PCI (virtio 1.2, section 4.1)
 *
 * BAR 0 are the ports of vio_legacy.c, where they are asked for; BAR 1 is
 * the MSI-X table; BAR 2 has a page each for the common
 * configuration, the ISR, the device's own configuration, and doorbells:
 * one of 4 bytes a queue, an ioeventfd while the device runs.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/vio_private.h"

#define VENDOR		0x1af4
#define DEVICE_MODERN	0x1040		/* + virtio's device ID */
#define SUBDEVICE	0x0040		/* at least, section 4.1.2.1 */

#define BAR_LEGACY	0
#define BAR_MSIX	1
#define BAR_MODERN	2
#define PAGE		0x1000
#define DOORBELL	4		/* bytes, the offset multiplier */

enum page { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY, PAGES };
#define WINDOW		(PAGES * PAGE)

/* Capabilities: section 4.1.4. */
enum {
	CAP_COMMON	= 1,
	CAP_NOTIFY	= 2,
	CAP_ISR		= 3,
	CAP_DEVICE	= 4,
	CAP_PCI		= 5,		/* a way into the windows */
};

struct cap {
	uint8_t		id;		/* 9: vendor's */
	uint8_t		next;
	uint8_t		len;
	uint8_t		type;
	uint8_t		bar;
	uint8_t		number;
	uint8_t		padding[2];
	uint32_t	offset;		/* in the BAR */
	uint32_t	bytes;
	uint32_t	extra;		/* NOTIFY: multiplier; PCI: data */
};
_Static_assert(sizeof(struct cap) == 20, "layout");
#define CAP_VENDOR	9
#define CAP_BASIC	16		/* bytes without 'extra' */

struct vio_pci {
	unsigned	pci_cap;	/* offset of CAP_PCI */
	/* Where each queue's doorbells are ioeventfds; 0: nowhere. */
	uint64_t	doorbell[VIO_QUEUES_MAX];
	uint64_t	port[VIO_QUEUES_MAX];	/* the old one */
};

/* --- the common configuration: section 4.1.4.3 -------------------------- */

struct reg {
	uint8_t		at, len;
	uint32_t	(*read)(struct vio *, unsigned half);
	void		(*write)(struct vio *, unsigned half, uint32_t);
	unsigned	half;		/* of 64 bits: 0 low, 1 high */
};

static uint32_t
get_device_select(struct vio *vio, unsigned half)
{
	(void)half;
	return vio->device_feature_select;
}

static void
set_device_select(struct vio *vio, unsigned half, uint32_t v)
{
	(void)half;
	vio->device_feature_select = v;
}

static uint32_t
get_offered(struct vio *vio, unsigned half)
{
	(void)half;
	return vio_get_features(vio);
}

static uint32_t
get_driver_select(struct vio *vio, unsigned half)
{
	(void)half;
	return vio->driver_feature_select;
}

static void
set_driver_select(struct vio *vio, unsigned half, uint32_t v)
{
	(void)half;
	vio->driver_feature_select = v;
}

static uint32_t
get_accepted(struct vio *vio, unsigned half)
{
	unsigned select = vio->driver_feature_select;

	(void)half;
	return select > 1 ? 0 : (uint32_t)(vio->accepted >> select * 32);
}

static void
set_accepted(struct vio *vio, unsigned half, uint32_t v)
{
	(void)half;
	vio_set_features(vio, v);
}

static uint32_t
get_config_vector(struct vio *vio, unsigned half)
{
	(void)half;
	return vio->config_vector;
}

static void
set_config_vector(struct vio *vio, unsigned half, uint32_t v)
{
	(void)half;
	vio_set_config_vector(vio, v);
}

static uint32_t
get_nqueues(struct vio *vio, unsigned half)
{
	(void)half;
	return vio->nqueues;
}

static uint32_t
get_status(struct vio *vio, unsigned half)
{
	(void)half;
	return vio->status;
}

static void
set_status(struct vio *vio, unsigned half, uint32_t v)
{
	(void)half;
	vio_set_status(vio, (uint8_t)v);
}

static uint32_t
get_generation(struct vio *vio, unsigned half)
{
	(void)half;
	return vio->generation;
}

static uint32_t
get_queue_select(struct vio *vio, unsigned half)
{
	(void)half;
	return vio->queue_select;
}

static void
set_queue_select(struct vio *vio, unsigned half, uint32_t v)
{
	(void)half;
	vio->queue_select = (uint16_t)v;
}

static uint32_t
get_queue_len(struct vio *vio, unsigned half)
{
	struct vio_queue *q = vio_selected(vio);

	(void)half;
	return q == NULL ? 0 : q->len;
}

static void
set_queue_len(struct vio *vio, unsigned half, uint32_t v)
{
	struct vio_queue *q = vio_selected(vio);

	(void)half;
	if (q != NULL && vio_queue_open(q) && v != 0 && v <= q->len_max &&
	    (v & (v - 1)) == 0)
		q->len = (uint16_t)v;
}

static uint32_t
get_queue_vector(struct vio *vio, unsigned half)
{
	struct vio_queue *q = vio_selected(vio);

	(void)half;
	return q == NULL ? PCI_NO_VECTOR : q->vector;
}

static void
set_queue_vector(struct vio *vio, unsigned half, uint32_t v)
{
	struct vio_queue *q = vio_selected(vio);

	(void)half;
	if (q != NULL)
		vio_set_vector(q, v);
}

static uint32_t
get_queue_enable(struct vio *vio, unsigned half)
{
	struct vio_queue *q = vio_selected(vio);

	(void)half;
	return q != NULL && q->enabled;
}

static void
set_queue_enable(struct vio *vio, unsigned half, uint32_t v)
{
	struct vio_queue *q = vio_selected(vio);

	(void)half;
	if (q != NULL && v == 1)
		vio_queue_enable(q);
}

static uint32_t
get_queue_notify(struct vio *vio, unsigned half)
{
	(void)half;
	return vio_selected(vio) == NULL ? 0 : vio->queue_select;
}

/* A reset is over when the write has returned. */
static uint32_t
get_queue_reset(struct vio *vio, unsigned half)
{
	(void)vio;
	(void)half;
	return 0;
}

static void
set_queue_reset(struct vio *vio, unsigned half, uint32_t v)
{
	struct vio_queue *q = vio_selected(vio);

	(void)half;
	if (q != NULL && v == 1)
		vio_queue_reset(q);
}

/* Half of one of the three addresses of the selected queue. */
static uint32_t
get_half(struct vio *vio, size_t member, unsigned half)
{
	struct vio_queue *q = vio_selected(vio);
	uint32_t v = 0;

	if (q != NULL)
		memcpy(&v, (uint8_t *)&q->addr + member + half * 4, 4);
	return v;
}

static void
set_half(struct vio *vio, size_t member, unsigned half, uint32_t v)
{
	struct vio_queue *q = vio_selected(vio);

	if (q != NULL && vio_queue_open(q))
		memcpy((uint8_t *)&q->addr + member + half * 4, &v, 4);
}

#define ADDRESS(member)							\
static uint32_t								\
get_##member(struct vio *vio, unsigned half)				\
{									\
	return get_half(vio, offsetof(struct virtq_addr, member), half); \
}									\
static void								\
set_##member(struct vio *vio, unsigned half, uint32_t v)		\
{									\
	set_half(vio, offsetof(struct virtq_addr, member), half, v);	\
}
ADDRESS(desc)
ADDRESS(avail)
ADDRESS(used)

static const struct reg regs[] = {
	{ 0x00, 4, get_device_select, set_device_select, 0 },
	{ 0x04, 4, get_offered, NULL, 0 },
	{ 0x08, 4, get_driver_select, set_driver_select, 0 },
	{ 0x0c, 4, get_accepted, set_accepted, 0 },
	{ 0x10, 2, get_config_vector, set_config_vector, 0 },
	{ 0x12, 2, get_nqueues, NULL, 0 },
	{ 0x14, 1, get_status, set_status, 0 },
	{ 0x15, 1, get_generation, NULL, 0 },
	{ 0x16, 2, get_queue_select, set_queue_select, 0 },
	{ 0x18, 2, get_queue_len, set_queue_len, 0 },
	{ 0x1a, 2, get_queue_vector, set_queue_vector, 0 },
	{ 0x1c, 2, get_queue_enable, set_queue_enable, 0 },
	{ 0x1e, 2, get_queue_notify, NULL, 0 },
	{ 0x20, 4, get_desc, set_desc, 0 },
	{ 0x24, 4, get_desc, set_desc, 1 },
	{ 0x28, 4, get_avail, set_avail, 0 },
	{ 0x2c, 4, get_avail, set_avail, 1 },
	{ 0x30, 4, get_used, set_used, 0 },
	{ 0x34, 4, get_used, set_used, 1 },
	/* 0x38: with VIRTIO_F_NOTIF_CONFIG_DATA only */
	{ 0x3a, 2, get_queue_reset, set_queue_reset, 0 },
};
#define COMMON_BYTES	0x3c

/* The register that has [at, at + len); NULL: none, or more than one has. */
static const struct reg *
reg_find(uint64_t at, unsigned len)
{
	for (size_t i = 0; i < COUNT(regs); i++)
		if (at >= regs[i].at && at + len <= regs[i].at + regs[i].len)
			return &regs[i];
	return NULL;
}

/* Section 4.1.3.1 has drivers read whole registers; iPXE reads parts. */
static uint64_t
common_read(struct vio *vio, uint64_t at, unsigned len)
{
	const struct reg *r = reg_find(at, len);

	if (len == 8)
		return common_read(vio, at, 4) |
		    common_read(vio, at + 4, 4) << 32;
	return r == NULL ? 0 : r->read(vio, r->half) >> (at - r->at) * 8;
}

static void
common_write(struct vio *vio, uint64_t at, unsigned len, uint64_t v)
{
	const struct reg *r = reg_find(at, len);

	if (len == 8) {
		common_write(vio, at, 4, v);
		common_write(vio, at + 4, 4, v >> 32);
	} else if (r != NULL && r->len == len && r->write != NULL)
		r->write(vio, r->half, (uint32_t)v);
}

/* --- the other pages ---------------------------------------------------- */

static uint64_t
isr_read(struct vio *vio, uint64_t at, unsigned len)
{
	(void)len;
	return at == 0 ? vio_take_isr(vio) : 0;
}

static uint64_t
device_read(struct vio *vio, uint64_t at, unsigned len)
{
	uint64_t v = 0;

	vio_config_get(vio, (unsigned)at, &v, len);
	return v;
}

static void
device_write(struct vio *vio, uint64_t at, unsigned len, uint64_t v)
{
	vio_config_put(vio, (unsigned)at, &v, len);
}

static void
notify_write(struct vio *vio, uint64_t at, unsigned len, uint64_t v)
{
	(void)len;
	(void)v;
	if (at % DOORBELL == 0 && at / DOORBELL < vio->nqueues)
		vio_kick(vio, (unsigned)(at / DOORBELL));
}

static const struct {
	uint64_t	(*read)(struct vio *, uint64_t at, unsigned len);
	void		(*write)(struct vio *, uint64_t at, unsigned len,
			    uint64_t);
} pages[PAGES] = {
	[PAGE_COMMON]	= { common_read, common_write },
	[PAGE_ISR]	= { isr_read, NULL },
	[PAGE_DEVICE]	= { device_read, device_write },
	[PAGE_NOTIFY]	= { NULL, notify_write },
};

static uint64_t
window_read(void *arg, uint64_t offset, unsigned len)
{
	uint64_t at = offset % PAGE;

	if (pages[offset / PAGE].read == NULL || at + len > PAGE)
		return 0;
	return pages[offset / PAGE].read(arg, at, len);
}

static void
window_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	uint64_t at = offset % PAGE;

	if (pages[offset / PAGE].write != NULL && at + len <= PAGE)
		pages[offset / PAGE].write(arg, at, len, value);
}

static const struct bus_ops window_ops = {
	.name	= "virtio",
	.read	= window_read,
	.write	= window_write,
};

/* --- a way into the window through the configuration space: 4.1.4.9 ----- */

/* The access that the capability describes now; false: none. */
static bool
pci_cap_access(struct vio *vio, struct cap *cap)
{
	memcpy(cap, pci_config(vio->pci) + vio->transport->pci_cap,
	    sizeof(*cap));
	return cap->bar == BAR_MODERN &&
	    (cap->bytes == 1 || cap->bytes == 2 || cap->bytes == 4) &&
	    cap->offset % cap->bytes == 0 &&
	    cap->offset <= WINDOW - cap->bytes;
}

/* Does [offset, +len) of the configuration space reach the data? */
static bool
touches_data(const struct vio *vio, unsigned offset, unsigned len)
{
	unsigned data = vio->transport->pci_cap + CAP_BASIC;

	return offset < data + 4 && data < offset + len;
}

/* What the guest is about to read, or may read from now on. */
static void
fetch(struct vio *vio)
{
	struct cap cap;
	uint32_t v;

	if (!pci_cap_access(vio, &cap))
		return;
	v = (uint32_t)window_read(vio, cap.offset, cap.bytes);
	memcpy(pci_config(vio->pci) + vio->transport->pci_cap + CAP_BASIC,
	    &v, cap.bytes);
}

static void
config_read(void *arg, unsigned offset, unsigned len)
{
	if (touches_data(arg, offset, len))
		fetch(arg);
}

static void
config_write(void *arg, unsigned offset, unsigned len)
{
	struct vio *vio = arg;
	unsigned at = vio->transport->pci_cap;
	struct cap cap;

	if (pci_shown(vio->pci) && offset < at + CAP_BASIC &&
	    at < offset + len)
		fetch(vio);
	if (touches_data(vio, offset, len) && pci_cap_access(vio, &cap))
		window_write(vio, cap.offset, cap.bytes,
		    cap.bytes == 4 ? cap.extra :
		    cap.extra & ((1U << cap.bytes * 8) - 1));
}

/* --- doorbells ---------------------------------------------------------- */

/* One of queue q, now at *now, shall be at 'want'. */
static void
doorbell(struct vio *vio, unsigned q, uint64_t *now, uint64_t want)
{
	struct board *board = vio->board;
	struct accel_ioevent io = { .fd = vio->queue[q].kick.wr, .addr = *now };
	struct err e;

	/* All queues share the port: the value written tells them apart. */
	if (now == &vio->transport->port[q]) {
		io.pio = io.match = true;
		io.len = 2;
		io.value = q;
	}
	if (*now == want)
		return;
	if (*now != 0) {
		io.remove = true;
		if (board->accel->ioevent(board->vm, &io, &e) == -1)
			fatalx("%s: doorbell %u: %s", vio->name, q, e.text);
		*now = 0;
	}
	if (want == 0)
		return;
	io.addr = want;
	io.remove = false;
	/* Without one, the write comes to us and kicks. */
	if (board->accel->ioevent(board->vm, &io, &e) == 0)
		*now = want;
	else
		log_limited(&vio->complaints, "%s: doorbell %u: %s",
		    vio->name, q, e.text);
}

void
vio_pci_settle(struct vio *vio)
{
	uint64_t window = pci_bar_addr(vio->pci, BAR_MODERN);
	uint64_t ports = pci_bar_addr(vio->pci, BAR_LEGACY);

	for (unsigned q = 0; q < vio->nqueues; q++) {
		bool on = vio->running && vio->queue[q].enabled;

		doorbell(vio, q, &vio->transport->doorbell[q],
		    on && window != 0 ?
		    window + PAGE_NOTIFY * PAGE + q * DOORBELL : 0);
		doorbell(vio, q, &vio->transport->port[q],
		    on && vio->legacy && ports != 0 ?
		    ports + VIO_LEGACY_NOTIFY : 0);
	}
}

static void
moved(void *arg, uint64_t addr)
{
	struct vio *vio = arg;

	(void)addr;
	if (vio->pci != NULL)
		vio_pci_settle(vio);
}

static void
msix(void *arg)
{
	struct vio *vio = arg;

	if (vio->pci != NULL)
		vio_irq_settle(vio);
}

/* --- plugging ----------------------------------------------------------- */

static int
add_caps(struct vio *vio, struct err *e)
{
	static const struct cap caps[] = {
		{ .type = CAP_COMMON, .offset = PAGE_COMMON * PAGE,
		  .bytes = COMMON_BYTES },
		{ .type = CAP_ISR, .offset = PAGE_ISR * PAGE, .bytes = 1 },
		{ .type = CAP_DEVICE, .offset = PAGE_DEVICE * PAGE,
		  .bytes = PAGE },
		{ .type = CAP_NOTIFY, .offset = PAGE_NOTIFY * PAGE,
		  .bytes = PAGE, .extra = DOORBELL },
		{ .type = CAP_PCI },
	};
	static const struct cap writable = {
		.bar = 0xff, .offset = UINT32_MAX, .bytes = UINT32_MAX,
		.extra = UINT32_MAX,
	};

	for (size_t i = 0; i < COUNT(caps); i++) {
		struct cap c = caps[i];
		struct pci_cap add = { .bytes = &c };
		int at;

		c.id = CAP_VENDOR;
		c.len = c.type == CAP_NOTIFY || c.type == CAP_PCI ?
		    sizeof(c) : CAP_BASIC;
		if (c.type != CAP_PCI)
			c.bar = BAR_MODERN;
		else
			add.mask = &writable;
		add.len = c.len;
		at = pci_capability(vio->pci, &add, e);
		if (at == -1)
			return -1;
		vio->transport->pci_cap = (unsigned)at;	/* the last */
	}
	return 0;
}

static void
add_ports(struct pci_setup *s)
{
	s->bar[BAR_LEGACY] = (struct pci_bar){ .len = VIO_LEGACY_BYTES,
	    .pio = true, .ops = &vio_legacy_ops, .moved = moved };
	s->decode = true;
}

/* The device as old drivers know it, besides. */
static void
add_legacy(const struct vio *vio, struct pci_setup *s)
{
	unsigned id = vio_legacy_id(vio->class->id);

	if (id == 0 || vio->config_len > VIO_LEGACY_CONFIG_MAX)
		return;
	s->id.device = (uint16_t)id;
	s->id.subdevice = (uint16_t)vio->class->id;
	s->id.revision = 0;
	add_ports(s);
}

/* The device as only old drivers know it. */
static void
make_old(const struct vio *vio, struct pci_setup *s)
{
	s->id = *vio->class->old;
	s->bar[BAR_MODERN] = (struct pci_bar){ .len = 0 };
	/*
	 * OpenBSD turns MSI-X on, finds no vector for a queue that is not
	 * there, and then waits for the line with MSI-X on.
	 */
	s->bar[BAR_MSIX] = (struct pci_bar){ .len = 0 };
	s->vectors = 0;
	s->config_read = NULL;
	s->config_write = NULL;
	add_ports(s);
}

int
vio_pci_plug(struct vio *vio, int slot, struct err *e)
{
	const struct vio_class *class = vio->class;
	struct pci_setup setup = {
		.name = vio->name,
		.slot = slot,
		.id = {
			.vendor = VENDOR,
			.device = (uint16_t)(DEVICE_MODERN + class->id),
			.subvendor = VENDOR,
			.subdevice = (uint16_t)(SUBDEVICE + class->id),
			.revision = 1,
			.class = class->pci_class,
		},
		.bar = {
			[BAR_MSIX] = { .len = PAGE },
			[BAR_MODERN] = { .len = WINDOW, .ops = &window_ops,
			    .moved = moved },
		},
		.vectors = vio->nqueues + 1,
		.msix_bar = BAR_MSIX,
		.config_read = config_read,
		.config_write = config_write,
		.msix = msix,
		.arg = vio,
	};

	if (class->old != NULL)
		make_old(vio, &setup);
	else if (vio->transitional)
		add_legacy(vio, &setup);
	vio->transport = calloc(1, sizeof(*vio->transport));
	if (vio->transport == NULL)
		return err_sys(e, "%s", vio->name);
	if (pci_add(&vio->pci, vio->board->pci, &setup, e) == 0 &&
	    (class->old != NULL || add_caps(vio, e) == 0))
		return 0;
	vio_pci_unplug(vio);
	return -1;
}

void
vio_pci_unplug(struct vio *vio)
{
	pci_remove(vio->pci);
	vio->pci = NULL;
	free(vio->transport);
	vio->transport = NULL;
}
