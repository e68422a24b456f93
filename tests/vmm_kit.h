/* SPDX-License-Identifier: ISC */
/*
 * vmm_kit.h - a board without a processor, and a guest's way of using it
 *
 * For tests of PCI and virtio: an accelerator that keeps what it is told and
 * sends what a real one would, and functions that do what a driver does.
 */

#ifndef VMM_KIT_H
#define VMM_KIT_H

#include <sys/eventfd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event_kit.h"
#include "lib/util.h"
#include "virtio/virtq_driver.h"
#include "vmm/board.h"
#include "vmm/memory.h"
#include "vmm/pci.h"
#include "vmm/vio.h"

#define KIT_MEMORY	(4ULL << 20)
#define KIT_FDS		256
#define KIT_SENT	256

struct accel_vm {
	int			level[ACCEL_GSI_MSI];
	bool			routed[ACCEL_GSI_MAX];
	struct accel_msi	msi[ACCEL_GSI_MAX];
	unsigned		nirqfds, nioevents;
	struct accel_irqfd	irqfd[KIT_FDS];
	struct accel_ioevent	ioevent[KIT_FDS];
	unsigned		nsent;
	struct accel_msi	sent[KIT_SENT];
	bool			refuse_msi;
	struct accel_memory	shown;		/* PCI's, last mapped */
	struct accel_memory	flash;		/* the same of variables */
};

struct kit {
	struct accel_vm		vm;
	struct board		board;
};

/* --- the accelerator ---------------------------------------------------- */

static inline void
kit_send(struct accel_vm *vm, unsigned gsi)
{
	if (vm->routed[gsi] && vm->nsent < KIT_SENT)
		vm->sent[vm->nsent++] = vm->msi[gsi];
}

static inline int
kit_irq(struct accel_vm *vm, unsigned gsi, int level, struct err *e)
{
	(void)e;
	if (gsi >= ACCEL_GSI_MAX)
		abort();
	if (gsi < ACCEL_GSI_MSI)
		vm->level[gsi] = level;
	else if (level)
		kit_send(vm, gsi);
	return 0;
}

static inline int
kit_irqfd(struct accel_vm *vm, const struct accel_irqfd *f, struct err *e)
{
	unsigned i = 0;

	while (i < vm->nirqfds && (vm->irqfd[i].fd != f->fd ||
	    vm->irqfd[i].gsi != f->gsi))
		i++;
	if (f->remove) {
		if (i == vm->nirqfds)
			abort();
		vm->irqfd[i] = vm->irqfd[--vm->nirqfds];
		return 0;
	}
	if (i < vm->nirqfds)
		abort();
	if (i == KIT_FDS)
		return err_set(e, ENOSPC, "no more irqfds");
	vm->irqfd[vm->nirqfds++] = *f;
	return 0;
}

static inline int
kit_msi(struct accel_vm *vm, unsigned gsi, const struct accel_msi *m,
    struct err *e)
{
	if (gsi < ACCEL_GSI_MSI || gsi >= ACCEL_GSI_MAX)
		abort();
	vm->routed[gsi] = false;
	if (m == NULL)
		return 0;
	/* As KVM does. */
	if (vm->refuse_msi || m->address >> 32 & 0xff)
		return err_set(e, EINVAL, "no such message");
	vm->routed[gsi] = true;
	vm->msi[gsi] = *m;
	return 0;
}

static inline int
kit_ioevent(struct accel_vm *vm, const struct accel_ioevent *x,
    struct err *e)
{
	unsigned i = 0;

	while (i < vm->nioevents && (vm->ioevent[i].fd != x->fd ||
	    vm->ioevent[i].addr != x->addr || vm->ioevent[i].pio != x->pio))
		i++;
	if (x->remove) {
		if (i == vm->nioevents)
			abort();
		vm->ioevent[i] = vm->ioevent[--vm->nioevents];
		return 0;
	}
	if (i < vm->nioevents)
		abort();
	if (i == KIT_FDS)
		return err_set(e, ENOSPC, "no more ioeventfds");
	vm->ioevent[vm->nioevents++] = *x;
	return 0;
}

static inline int
kit_map(struct accel_vm *vm, const struct accel_memory *m, struct err *e)
{
	struct accel_memory *last = m->slot == MEMORY_SLOT_VARIABLES ?
	    &vm->flash : &vm->shown;

	(void)e;
	if (m->slot < MEMORY_SLOTS)	/* for its log */
		return 0;
	if ((m->slot != MEMORY_SLOT_PCI && last != &vm->flash) ||
	    !m->readonly || (m->bytes == 0) == (last->bytes == 0))
		abort();
	*last = *m;
	return 0;
}

/* Nothing is written by processors. */
static inline int
kit_dirty(struct accel_vm *vm, unsigned slot, uint64_t *bitmap, struct err *e)
{
	(void)vm;
	(void)e;
	if (slot != 0)
		abort();
	memset(bitmap, 0, KIT_MEMORY / 4096 / 8);
	return 0;
}

static const struct accel kit_accel = {
	.map	 = kit_map,
	.dirty	 = kit_dirty,
	.name	 = "kit",
	.irq	 = kit_irq,
	.irqfd	 = kit_irqfd,
	.msi	 = kit_msi,
	.ioevent = kit_ioevent,
};

/* What irqfds send; the messages sent so far. */
static inline unsigned
kit_sent(struct kit *k)
{
	eventfd_t n;

	for (unsigned i = 0; i < k->vm.nirqfds; i++)
		if (eventfd_read(k->vm.irqfd[i].fd, &n) == 0)
			kit_send(&k->vm, k->vm.irqfd[i].gsi);
	return k->vm.nsent;
}

/* --- the board ---------------------------------------------------------- */

/* A guest that resets or ends itself: nothing is done about it. */
static inline void
kit_event(void *arg, enum board_event what)
{
	(void)arg;
	if (what >= BOARD_EVENTS)
		abort();
}

static inline void
kit_init(struct kit *k)
{
	struct memory_setup s = { .bytes = KIT_MEMORY, .file = -1 };

	memset(k, 0, sizeof(*k));
	k->board.accel = &kit_accel;
	k->board.vm = &k->vm;
	k->board.event = kit_event;
	k->board.loop = kit_loop();
	if (k->board.loop == NULL ||
	    pthread_mutex_init(&k->board.lock, NULL) != 0 ||
	    memory_new(&k->board.memory, &s, NULL) == -1 ||
	    pci_new(&k->board.pci, &k->board, NULL) == -1)
		abort();
}

static inline void
kit_fini(struct kit *k)
{
	pci_destroy(k->board.pci);
	memory_destroy(k->board.memory);
	(void)pthread_mutex_destroy(&k->board.lock);
	event_loop_destroy(k->board.loop);
	if (k->vm.nirqfds != 0 || k->vm.nioevents != 0 ||
	    k->vm.shown.bytes != 0 ||
	    k->board.mmio.nranges != 0 || k->board.pio.nranges != 0)
		abort();
}

/* The main thread's turn: what is readable now. */
static inline void
kit_turn(struct kit *k)
{
	kit_settle(k->board.loop);
}

/* --- what a guest does -------------------------------------------------- */

static inline uint32_t
kit_config(struct kit *k, unsigned slot, unsigned reg, unsigned len)
{
	bus_write(&k->board.pio, 0xcf8, 4, 0x80000000U | slot << 11 |
	    (reg & 0xfc));
	return (uint32_t)bus_read(&k->board.pio, 0xcfc + (reg & 3), len);
}

static inline void
kit_config_set(struct kit *k, unsigned slot, unsigned reg, unsigned len,
    uint32_t v)
{
	bus_write(&k->board.pio, 0xcf8, 4, 0x80000000U | slot << 11 |
	    (reg & 0xfc));
	bus_write(&k->board.pio, 0xcfc + (reg & 3), len, v);
}

/* The offset of a capability: of the vendor's one by its type; 0: none. */
static inline unsigned
kit_cap(struct kit *k, unsigned slot, unsigned id, unsigned type)
{
	unsigned at = kit_config(k, slot, 0x34, 1);

	for (; at != 0; at = kit_config(k, slot, at + 1, 1))
		if (kit_config(k, slot, at, 1) == id &&
		    (id != 9 || kit_config(k, slot, at + 3, 1) == type))
			return at;
	return 0;
}

/* Address of what a virtio capability describes. */
static inline uint64_t
kit_region(struct kit *k, unsigned slot, unsigned type)
{
	unsigned at = kit_cap(k, slot, 9, type);

	return (kit_config(k, slot, 0x10 + 4 * kit_config(k, slot, at + 4, 1),
	    4) & ~15ULL) + kit_config(k, slot, at + 8, 4);
}

static inline uint64_t
kit_read(struct kit *k, uint64_t addr, unsigned len)
{
	return bus_read(&k->board.mmio, addr, len);
}

static inline void
kit_write(struct kit *k, uint64_t addr, unsigned len, uint64_t v)
{
	bus_write(&k->board.mmio, addr, len, v);
}

/* Memory and bus mastering on; MSI-X with all vectors open, or not. */
static inline void
kit_enable(struct kit *k, unsigned slot, bool msix)
{
	unsigned cap = kit_cap(k, slot, 0x11, 0), n;
	uint64_t table;

	kit_config_set(k, slot, 4, 2, 7);
	if (!msix)
		return;
	n = (kit_config(k, slot, cap + 2, 2) & 0x7ff) + 1;
	table = kit_config(k, slot, 0x10 + 4 * (kit_config(k, slot, cap + 4,
	    4) & 7), 4) & ~15ULL;
	kit_config_set(k, slot, cap + 2, 2, 0x8000);
	for (unsigned v = 0; v < n; v++) {
		kit_write(k, table + v * 16, 8, 0xfee00000);
		kit_write(k, table + v * 16 + 8, 8, 0x20 + v);
	}
}

/* A virtio driver of one device. */
struct kit_driver {
	struct kit		*k;
	unsigned		 slot;
	uint64_t		 common, isr, device, notify;
	struct virtq_driver	 q[4];
	uint64_t		 next;		/* free guest memory */
};

static inline uint64_t
kit_common(struct kit_driver *d, unsigned reg, unsigned len)
{
	return kit_read(d->k, d->common + reg, len);
}

static inline void
kit_common_set(struct kit_driver *d, unsigned reg, unsigned len, uint64_t v)
{
	kit_write(d->k, d->common + reg, len, v);
}

/* Up to DRIVER: found, reset, greeted. */
static inline void
kit_driver_init(struct kit_driver *d, struct kit *k, unsigned slot, bool msix)
{
	memset(d, 0, sizeof(*d));
	d->k = k;
	d->slot = slot;
	d->next = 0x10000;
	kit_enable(k, slot, msix);
	d->common = kit_region(k, slot, 1);
	d->notify = kit_region(k, slot, 2);
	d->isr = kit_region(k, slot, 3);
	d->device = kit_region(k, slot, 4);
	kit_common_set(d, 0x14, 1, 0);
	kit_common_set(d, 0x14, 1, 1);
	kit_common_set(d, 0x14, 1, 3);
}

/* FEATURES_OK; what the status is then. */
static inline unsigned
kit_driver_features(struct kit_driver *d, uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		kit_common_set(d, 8, 4, i);
		kit_common_set(d, 12, 4, (uint32_t)(features >> i * 32));
	}
	kit_common_set(d, 0x14, 1, 3 | 8);
	return (unsigned)kit_common(d, 0x14, 1);
}

static inline uint64_t
kit_alloc(struct kit_driver *d, size_t len)
{
	uint64_t at = d->next;

	d->next += (len + 4095) & ~4095ULL;
	return at;
}

/* Set up queue i with n descriptors and vector i + 1. */
static inline void
kit_driver_queue(struct kit_driver *d, unsigned i, uint16_t n)
{
	uint64_t gpa = kit_alloc(d, virtq_driver_bytes(n));
	void *mem = memory_at(d->k->board.memory, gpa, virtq_driver_bytes(n));
	struct virtq_addr a;

	memset(mem, 0, virtq_driver_bytes(n));
	virtq_driver_init(&d->q[i], mem, n, true);
	a = virtq_driver_addr(&d->q[i], gpa);
	kit_common_set(d, 0x16, 2, i);
	kit_common_set(d, 0x18, 2, n);
	kit_common_set(d, 0x1a, 2, i + 1);
	kit_common_set(d, 0x20, 8, a.desc);
	kit_common_set(d, 0x28, 4, (uint32_t)a.avail);
	kit_common_set(d, 0x2c, 4, a.avail >> 32);
	kit_common_set(d, 0x30, 8, a.used);
	kit_common_set(d, 0x1c, 2, 1);
}

static inline void
kit_driver_ok(struct kit_driver *d)
{
	kit_common_set(d, 0x14, 1, 15);
}

/* Make what was added known, as the doorbell's ioeventfd or by an exit. */
static inline void
kit_kick(struct kit_driver *d, unsigned q)
{
	if (virtq_driver_show(&d->q[q]))
		kit_write(d->k, d->notify + q * 4, 2, q);
	kit_turn(d->k);
}

#endif
