/* SPDX-License-Identifier: ISC */
/* vmm_vio.c - virtio's rules, as a driver meets them; the rng as its device */

#include "unit.h"
#include "vmm_kit.h"
#include "vmm/dev/rng.h"
#include "vmm/memory_log.h"

#define GOOD	(VIRTIO_BIT(VIRTIO_F_VERSION_1) |			\
		VIRTIO_BIT(VIRTIO_F_EVENT_IDX))

static struct vio *
rng_add(struct kit *k)
{
	struct vio *vio;

	assert_int_equal(rng_new(&vio, &k->board, "rng0", NULL), 0);
	return vio;
}

/* A driver that got as far as DRIVER_OK. */
static void
drive(struct kit_driver *d, struct kit *k, bool msix)
{
	kit_driver_init(d, k, 1, msix);
	assert_int_equal(kit_driver_features(d, GOOD), 11);
	kit_driver_queue(d, 0, 16);
	kit_driver_ok(d);
	assert_int_equal(kit_common(d, 0x14, 1), 15);
}

static void
ask(struct kit_driver *d, uint32_t len)
{
	struct virtq_buf b = { kit_alloc(d, len), len };
	uint32_t written;
	void *cookie;
	uint8_t *mem = memory_at(d->k->board.memory, b.gpa, len);
	unsigned zeroes = 0;

	memset(mem, 0, len);
	assert_true(virtq_driver_add(&d->q[0], &b, 0, 1, mem));
	(void)virtq_driver_wait(&d->q[0]);
	kit_kick(d, 0);
	assert_true(virtq_driver_get(&d->q[0], &cookie, &written));
	assert_ptr_equal(cookie, mem);
	assert_int_equal(written, len);
	for (uint32_t i = 0; i < len; i++)
		zeroes += mem[i] == 0;
	assert_in_range(zeroes, 0, len / 8);
}

static void
rng(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	for (int msi = 0; msi < 2; msi++) {
		kit_init(&k);
		vio = rng_add(&k);
		assert_int_equal(kit_config(&k, 1, 0, 4), 0x10441af4);
		drive(&d, &k, msi);
		assert_int_equal(k.vm.nioevents, 1);
		assert_int_equal(k.vm.ioevent[0].addr, d.notify);
		for (unsigned i = 1; i <= 20; i++) {
			ask(&d, 256);
			if (msi) {
				assert_int_equal(kit_sent(&k), i);
				assert_int_equal(k.vm.sent[0].data, 0x21);
				continue;
			}
			assert_int_equal(k.vm.level[pci_intx_gsi(1)], 1);
			assert_int_equal(kit_read(&k, d.isr, 1), 1);
			assert_int_equal(k.vm.level[pci_intx_gsi(1)], 0);
			assert_int_equal(kit_read(&k, d.isr, 1), 0);
		}
		assert_null(vio->broken);
		vio_unplug(vio);
		kit_fini(&k);
	}
}

/* What a device of this process writes is in a log; and no more. */
static void
logged(void **state)
{
	uint64_t pages[KIT_MEMORY / 4096 / 64] = { 0 };
	struct memory_log *log = NULL;
	struct kit_driver d;
	struct vio *vio;
	uint64_t gpa;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	drive(&d, &k, true);
	assert_int_equal(memory_log_new(&log, k.board.memory, &kit_accel,
	    &k.vm, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		gpa = d.next;
		ask(&d, 256);
		assert_int_equal(memory_log_take(log, pages, NULL), 0);
		assert_true(pages[gpa >> 18] & 1ULL << (gpa >> 12 & 63));
		memset(pages, 0, sizeof(pages));
		assert_int_equal(memory_log_take(log, pages, NULL), 0);
		for (size_t n = 0; n < COUNT(pages); n++)
			assert_int_equal(pages[n], 0);
	}
	/* Pages that are given back become zeroes. */
	memory_discard(k.board.memory, 0x100000, 0x2000);
	assert_int_equal(memory_log_take(log, pages, NULL), 0);
	assert_int_equal(pages[4], 3);
	memory_log_destroy(log);
	assert_null(memory_table(k.board.memory)->log);
	ask(&d, 256);
	vio_unplug(vio);
	kit_fini(&k);
}

/* --- rules -------------------------------------------------------------- */

static void
features(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	kit_driver_init(&d, &k, 1, true);
	assert_int_equal(kit_common(&d, 0x04, 4), (uint32_t)VIO_FEATURES);
	kit_common_set(&d, 0, 4, 1);
	assert_int_equal(kit_common(&d, 0x04, 4), VIO_FEATURES >> 32);
	kit_common_set(&d, 0, 4, 2);
	assert_int_equal(kit_common(&d, 0x04, 4), 0);
	/* Not offered; without VERSION_1; both right. */
	assert_int_equal(kit_driver_features(&d, GOOD | 1), 3);
	assert_int_equal(kit_driver_features(&d,
	    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)), 3);
	kit_common_set(&d, 8, 4, 7);
	kit_common_set(&d, 12, 4, 0xffffffff);	/* no such half */
	assert_int_equal(kit_driver_features(&d, GOOD), 11);
	/* Agreed is agreed. */
	kit_common_set(&d, 12, 4, 0);
	assert_int_equal(vio->accepted, GOOD);
	assert_int_equal(kit_common(&d, 12, 4), GOOD >> 32);
	vio_unplug(vio);
	kit_fini(&k);
}

static void
status(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	kit_driver_init(&d, &k, 1, true);
	/* DRIVER_OK before FEATURES_OK, and queues before it. */
	kit_common_set(&d, 0x14, 1, 7);
	assert_int_equal(kit_common(&d, 0x14, 1), 3);
	kit_driver_queue(&d, 0, 16);
	assert_int_equal(kit_common(&d, 0x1c, 2), 0);
	assert_int_equal(kit_driver_features(&d, GOOD), 11);
	/* Bits are not taken back; the device's own cannot be set. */
	kit_common_set(&d, 0x14, 1, 64 | 16 | 1);
	assert_int_equal(kit_common(&d, 0x14, 1), 11);
	kit_driver_queue(&d, 0, 16);
	kit_driver_ok(&d);
	assert_true(vio->running);
	kit_common_set(&d, 0x14, 1, 128 | 15);
	assert_int_equal(kit_common(&d, 0x14, 1), 143);
	kit_common_set(&d, 0x14, 1, 0);
	assert_int_equal(kit_common(&d, 0x14, 1), 0);
	assert_false(vio->running);
	assert_int_equal(kit_common(&d, 0x1a, 2), PCI_NO_VECTOR);
	assert_int_equal(kit_common(&d, 0x20, 8), 0);
	assert_int_equal(k.vm.nioevents, 0);
	/* And again from the beginning. */
	drive(&d, &k, true);
	ask(&d, 256);
	vio_unplug(vio);
	kit_fini(&k);
}

static void
queue_rules(void **state)
{
	static const uint16_t bad[] = { 0, 3, 65, 128, 0x8000, 0xffff };
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	kit_driver_init(&d, &k, 1, true);
	(void)kit_driver_features(&d, GOOD);
	assert_int_equal(kit_common(&d, 0x12, 2), 1);
	assert_int_equal(kit_common(&d, 0x18, 2), 64);
	for (size_t i = 0; i < COUNT(bad); i++) {
		kit_common_set(&d, 0x18, 2, bad[i]);
		assert_int_equal(kit_common(&d, 0x18, 2), 64);
	}
	/* Vectors that are there: one a queue, one for the config. */
	kit_common_set(&d, 0x1a, 2, 2);
	assert_int_equal(kit_common(&d, 0x1a, 2), PCI_NO_VECTOR);
	kit_common_set(&d, 0x10, 2, 1);
	assert_int_equal(kit_common(&d, 0x10, 2), 1);
	/* Queues that are not. */
	kit_common_set(&d, 0x16, 2, 1);
	assert_int_equal(kit_common(&d, 0x18, 2), 0);
	kit_common_set(&d, 0x18, 2, 8);
	kit_common_set(&d, 0x1c, 2, 1);
	kit_common_set(&d, 0x20, 8, 0x1000);
	assert_int_equal(kit_common(&d, 0x1c, 2), 0);
	kit_common_set(&d, 0x16, 2, 0xffff);
	assert_int_equal(kit_common(&d, 0x1a, 2), PCI_NO_VECTOR);
	/* Parts of a register are read, and not written; two are neither. */
	assert_int_equal(kit_common(&d, 0x04, 2), VIO_FEATURES & 0xffff);
	kit_common_set(&d, 0, 4, 1);
	assert_int_equal(kit_common(&d, 0x04, 2), VIO_FEATURES >> 32 & 0xffff);
	assert_int_equal(kit_common(&d, 0x19, 1), 0);
	assert_int_equal(kit_common(&d, 0x12, 4), 0);
	kit_common_set(&d, 0x16, 2, 0);
	kit_common_set(&d, 0x18, 1, 8);
	assert_int_equal(kit_common(&d, 0x18, 2), 64);
	kit_common_set(&d, 0x14, 4, 0);
	assert_int_equal(kit_common(&d, 0x14, 1), 11);
	/* An enabled queue stays as it is. */
	kit_driver_queue(&d, 0, 16);
	kit_common_set(&d, 0x18, 2, 8);
	kit_common_set(&d, 0x20, 8, 0);
	kit_common_set(&d, 0x1c, 2, 0);
	assert_int_equal(kit_common(&d, 0x18, 2), 16);
	assert_int_not_equal(kit_common(&d, 0x20, 8), 0);
	assert_int_equal(kit_common(&d, 0x1c, 2), 1);
	assert_int_equal(vio->queue[0].addr.desc, kit_common(&d, 0x20, 8));
	vio_unplug(vio);
	kit_fini(&k);
}

/* Queues that lie outside of memory, or crooked: the device is broken. */
static void
queue_lies(void **state)
{
	static const struct virtq_addr bad[] = {
		{ KIT_MEMORY, 0x1000, 0x2000 },
		{ 0x1000, KIT_MEMORY - 2, 0x2000 },
		{ 0x1000, 0x2000, UINT64_MAX - 7 },
		{ 0x1001, 0x2000, 0x3000 },
		{ 0x1000, 0x2001, 0x3000 },
		{ 0x1000, 0x2000, 0x3002 },
		{ MEMORY_PCI, 0x2000, 0x3000 },
	};
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	for (size_t i = 0; i < COUNT(bad); i++) {
		kit_driver_init(&d, &k, 1, true);
		(void)kit_driver_features(&d, GOOD);
		kit_common_set(&d, 0x16, 2, 0);
		kit_common_set(&d, 0x20, 8, bad[i].desc);
		kit_common_set(&d, 0x28, 8, bad[i].avail);
		kit_common_set(&d, 0x30, 8, bad[i].used);
		kit_common_set(&d, 0x1c, 2, 1);
		assert_int_equal(kit_common(&d, 0x1c, 2), 0);
		assert_int_equal(kit_common(&d, 0x14, 1), 11 | 64);
		kit_driver_ok(&d);
		assert_false(vio->running);
	}
	drive(&d, &k, true);
	ask(&d, 256);
	vio_unplug(vio);
	kit_fini(&k);
}

/* What a driver can get wrong in a queue: broken, told, mended by a reset. */
static void
chain_lies(void **state)
{
	static const struct virtq_desc bad[] = {
		{ KIT_MEMORY, 64, VIRTQ_DESC_F_WRITE, 0 },
		{ 0x10000, 64, 0, 0 },			/* nothing to fill */
		{ 0x10000, 64, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 0 },
		{ 0x10000, 64, VIRTQ_DESC_F_NEXT, 0xffff },
		{ 0x10000, 64, VIRTQ_DESC_F_INDIRECT, 0 },
		{ 0x10000, 0xffffffff, VIRTQ_DESC_F_WRITE, 0 },
	};
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	for (size_t i = 0; i < COUNT(bad) + 2; i++) {
		kit_driver_init(&d, &k, 1, true);
		(void)kit_driver_features(&d, GOOD);
		kit_common_set(&d, 0x10, 2, 0);
		kit_driver_queue(&d, 0, 16);
		kit_driver_ok(&d);
		k.vm.nsent = 0;
		if (i < COUNT(bad))
			d.q[0].desc[0] = bad[i];
		if (i == COUNT(bad))
			d.q[0].avail->ring[0] = 16;	/* no such head */
		d.q[0].avail->idx = i == COUNT(bad) + 1 ? 17 : 1;
		kit_write(&k, d.notify, 2, 0);
		kit_turn(&k);
		assert_int_equal(kit_common(&d, 0x14, 1), 15 | 64);
		assert_non_null(vio->broken);
		assert_int_equal(kit_sent(&k), 1);
		assert_int_equal(k.vm.sent[0].data, 0x20);
		/* Kicks of a broken device: nothing. */
		kit_write(&k, d.notify, 2, 0);
		kit_turn(&k);
		assert_int_equal(d.q[0].used->idx, 0);
	}
	drive(&d, &k, true);
	ask(&d, 256);
	vio_unplug(vio);
	kit_fini(&k);
}

/* A queue that never ends is served in portions. */
static void
budget(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;
	unsigned idx;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	drive(&d, &k, true);
	for (unsigned i = 0; i < 16; i++)
		d.q[0].desc[i] = (struct virtq_desc){ 0x80000, 4,
		    VIRTQ_DESC_F_WRITE, 0 };
	for (unsigned i = 0; i < 16; i++)
		d.q[0].avail->ring[i] = (uint16_t)i;
	vio->budget = 0;
	assert_false(vio_pop(vio, 0, &(struct virtq_chain){ 0 }));
	d.q[0].avail->idx = 16;
	kit_write(&k, d.notify, 2, 0);
	kit_turn(&k);
	assert_int_equal(d.q[0].used->idx, 16);
	/* The class thinks it costs all that is left: kicked again. */
	vio->budget = 5;
	vio_spend(vio, 7);
	assert_int_equal(vio->budget, 0);
	idx = 32;
	d.q[0].avail->idx = (uint16_t)idx;
	kit_write(&k, d.notify, 4, 0);
	kit_turn(&k);
	assert_int_equal(d.q[0].used->idx, 32);
	/* Doorbells of no queue, or not of its address. */
	kit_write(&k, d.notify + 4, 2, 0);
	kit_write(&k, d.notify + 2, 2, 0);
	vio_unplug(vio);
	kit_fini(&k);
}

/* --- the way through the configuration space ---------------------------- */

static uint32_t
through(struct kit *k, unsigned cap, uint32_t offset, uint32_t len)
{
	kit_config_set(k, 1, cap + 4, 1, 2);
	kit_config_set(k, 1, cap + 8, 4, offset);
	kit_config_set(k, 1, cap + 12, 4, len);
	return kit_config(k, 1, cap + 16, len == 3 ? 4 : len);
}

static void
pci_cfg(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;
	unsigned cap;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	cap = kit_cap(&k, 1, 9, 5);
	kit_driver_init(&d, &k, 1, true);
	assert_int_equal(through(&k, cap, 0x14, 1), 3);
	assert_int_equal(through(&k, cap, 0x18, 2), 64);
	kit_config_set(&k, 1, cap + 16, 2, 32);
	assert_int_equal(kit_common(&d, 0x18, 2), 32);
	assert_int_equal(through(&k, cap, 0x04, 4), (uint32_t)VIO_FEATURES);
	/* Shown, what is read is what was there when it was asked for. */
	assert_int_equal(pci_show(k.board.pci, NULL), 0);
	assert_int_equal(through(&k, cap, 0x18, 2), 32);
	kit_common_set(&d, 0x18, 2, 64);
	assert_int_equal(kit_config(&k, 1, cap + 16, 2), 32);
	assert_int_equal(through(&k, cap, 0x18, 2), 64);
	/* It works with the windows off, too. */
	kit_config_set(&k, 1, 4, 2, 0);
	(void)through(&k, cap, 0x14, 1);
	kit_config_set(&k, 1, cap + 16, 1, 0);
	assert_int_equal(vio->status, 0);
	/* Other bars, widths and places: nothing is done. */
	vio->status = 3;
	for (uint32_t i = 0; i < 64; i++) {
		kit_config_set(&k, 1, cap + 4, 1, i & 7);
		kit_config_set(&k, 1, cap + 8, 4, (i & 8) ? 0xffffffff :
		    (i & 16) ? 0x15 : 0x3ffe);
		kit_config_set(&k, 1, cap + 12, 4, (i & 32) ? 4 : 3);
		kit_config_set(&k, 1, cap + 16, 4, 0);
		(void)kit_config(&k, 1, cap + 16, 4);
	}
	assert_int_equal(vio->status, 3);
	vio_unplug(vio);
	kit_fini(&k);
}

/* --- windows that move while it runs ------------------------------------ */

static void
moving(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	drive(&d, &k, true);
	kit_config_set(&k, 1, 0x18, 4, 0xd0000000);
	assert_int_equal(k.vm.nioevents, 1);
	assert_int_equal(k.vm.ioevent[0].addr, 0xd0003000);
	kit_config_set(&k, 1, 4, 2, 0);
	assert_int_equal(k.vm.nioevents, 0);
	kit_config_set(&k, 1, 4, 2, 6);
	d.notify = 0xd0003000;
	d.common = 0xd0000000;
	ask(&d, 256);
	vio_unplug(vio);
	kit_fini(&k);
}

/* --- a class whose queues another process serves ------------------------ */

struct far {
	struct vio	vio;
	unsigned	starts, stops;
};

static int
far_start(struct vio *vio, struct err *e)
{
	(void)e;
	((struct far *)vio)->starts++;
	return 0;
}

static void
far_stop(struct vio *vio)
{
	((struct far *)vio)->stops++;
	vio->queue[0].base = 7;
}

static void
far_destroy(struct vio *vio)
{
	vio_fini(vio);
}

static const struct vio_class far_class = {
	.name = "far", .id = VIRTIO_ID_BLOCK, .start = far_start,
	.stop = far_stop, .destroy = far_destroy,
};

static void
far_add(struct kit *k, struct far *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(vio_init(&f->vio, &far_class, &k->board, "far",
	    NULL), 0);
	f->vio.offered = VIO_FEATURES;
	f->vio.nqueues = 1;
	f->vio.queue[0].len_max = 256;
	assert_int_equal(vio_plug(&f->vio, -1, NULL), 0);
}

static void
elsewhere(void **state)
{
	struct kit_driver d;
	struct far f;
	struct kit k;
	unsigned gsi = pci_intx_gsi(1);

	(void)state;
	kit_init(&k);
	far_add(&k, &f);
	drive(&d, &k, false);
	assert_int_equal(f.starts, 1);
	assert_int_equal(k.vm.ioevent[0].fd, f.vio.queue[0].kick.wr);
	/* INTx: through the main thread. */
	kit_turn(&k);
	(void)eventfd_write(f.vio.queue[0].call.wr, 1);
	kit_turn(&k);
	assert_int_equal(k.vm.level[gsi], 1);
	assert_int_equal(kit_read(&k, d.isr, 1), 1);
	assert_int_equal(k.vm.level[gsi], 0);
	/* MSI-X: past it. */
	kit_enable(&k, 1, true);
	kit_turn(&k);
	(void)eventfd_write(f.vio.queue[0].call.wr, 1);
	kit_turn(&k);
	assert_int_equal(k.vm.level[gsi], 0);
	assert_int_equal(kit_sent(&k), 1);
	assert_int_equal(k.vm.sent[0].data, 0x21);
	vio_interrupt(&f.vio, 0);
	assert_int_equal(kit_sent(&k), 2);
	kit_common_set(&d, 0x14, 1, 0);
	assert_int_equal(f.stops, 1);
	assert_int_equal(f.vio.queue[0].base, 0);
	assert_int_equal(k.vm.nirqfds, 0);
	vio_unplug(&f.vio);
	kit_fini(&k);
}

/* --- one queue begins anew (virtio 1.2, section 2.6.1) ------------------- */

#define RING_RESET	VIRTIO_BIT(VIRTIO_F_RING_RESET)

static void
ring_reset(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	/* Who has not agreed to it resets nothing. */
	drive(&d, &k, true);
	kit_common_set(&d, 0x3a, 2, 1);
	assert_int_equal(kit_common(&d, 0x1c, 2), 1);

	kit_driver_init(&d, &k, 1, true);
	assert_int_equal(kit_driver_features(&d, VIRTIO_BIT(
	    VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |
	    RING_RESET), 11);
	kit_driver_queue(&d, 0, 16);
	kit_driver_ok(&d);
	for (uint16_t len = 16; len >= 4; len /= 2) {
		ask(&d, 256);
		assert_int_equal(k.vm.nioevents, 1);
		kit_common_set(&d, 0x3a, 2, 0);		/* means nothing */
		assert_int_equal(kit_common(&d, 0x1c, 2), 1);
		kit_common_set(&d, 0x3a, 2, 1);
		assert_int_equal(kit_common(&d, 0x3a, 2), 0);
		assert_int_equal(kit_common(&d, 0x1c, 2), 0);
		assert_int_equal(kit_common(&d, 0x1a, 2), 0xffff);
		assert_int_equal(kit_common(&d, 0x20, 8), 0);
		assert_int_equal(k.vm.nioevents, 0);
		assert_int_equal(vio->queue[0].base, 0);
		kit_kick(&d, 0);			/* is not heard */
		kit_common_set(&d, 0x3a, 2, 1);		/* nor is this */
		kit_driver_queue(&d, 0, len);
		assert_int_equal(kit_common(&d, 0x18, 2), len);
	}
	ask(&d, 256);
	/* One that cannot be breaks the device, which a reset repairs. */
	kit_common_set(&d, 0x3a, 2, 1);
	kit_common_set(&d, 0x20, 8, 0xfffffffffff0);
	kit_common_set(&d, 0x1c, 2, 1);
	assert_non_null(vio->broken);
	assert_int_equal(kit_common(&d, 0x1c, 2), 0);
	drive(&d, &k, true);
	ask(&d, 256);
	vio_unplug(vio);
	kit_fini(&k);
}

/* --- drivers older than virtio 1.0 -------------------------------------- */

static void
port_set(struct kit *k, unsigned at, unsigned len, uint32_t v)
{
	bus_write(&k->board.pio, 0xc000 + at, len, v);
}

static uint32_t
port(struct kit *k, unsigned at, unsigned len)
{
	return (uint32_t)bus_read(&k->board.pio, 0xc000 + at, len);
}

static struct vio *
legacy_add(struct kit *k)
{
	kit_init(k);
	k->board.transitional = true;
	return rng_add(k);
}

/* As Linux 2.6 does; the queue is at page 0x30. */
static void
legacy_drive(struct kit_driver *d, struct kit *k)
{
	memset(d, 0, sizeof(*d));
	d->k = k;
	port_set(k, 18, 1, 3);
	port_set(k, 4, 4, 1U << VIRTIO_F_EVENT_IDX | 1);
	port_set(k, 14, 2, 0);
	assert_int_equal(port(k, 12, 2), 64);
	virtq_driver_init(&d->q[0], memory_at(k->board.memory, 0x30000,
	    0x4000), 64, true);
	d->q[0].used = memory_at(k->board.memory, 0x31000, 1);
	assert_int_equal(port(k, 8, 4), 0);
	port_set(k, 8, 4, 0x30);
	assert_int_equal(port(k, 8, 4), 0x30);
	port_set(k, 18, 1, 7);
}

static void
legacy(void **state)
{
	struct virtq_buf b = { 0x40000, 64 };
	struct kit_driver d;
	struct kit k;
	struct vio *vio = legacy_add(&k);
	uint32_t written;
	void *cookie;

	(void)state;
	/* Found, and switched on, as firmware would have left it. */
	assert_int_equal(kit_config(&k, 1, 0, 4), 0x10051af4);
	assert_int_equal(kit_config(&k, 1, 8, 1), 0);
	assert_int_equal(kit_config(&k, 1, 0x2e, 2), VIRTIO_ID_RNG);
	assert_int_equal(kit_config(&k, 1, 0x10, 4), 0xc001);
	assert_int_equal(port(&k, 0, 4), (1U << 27) |
	    (1U << VIRTIO_F_EVENT_IDX) | (1U << VIRTIO_F_INDIRECT_DESC));
	legacy_drive(&d, &k);
	assert_int_equal(vio->accepted, 1ULL << VIRTIO_F_EVENT_IDX);
	assert_int_equal(vio->queue[0].addr.avail, 0x30400);
	assert_int_equal(vio->queue[0].addr.used, 0x31000);
	assert_true(vio->running);
	assert_int_equal(k.vm.nioevents, 2);
	(void)virtq_driver_add(&d.q[0], &b, 0, 1, &b);
	(void)virtq_driver_wait(&d.q[0]);
	assert_true(virtq_driver_show(&d.q[0]));
	port_set(&k, 16, 2, 7);			/* no such queue */
	port_set(&k, 16, 2, 0);
	kit_turn(&k);
	assert_true(virtq_driver_get(&d.q[0], &cookie, &written));
	assert_int_equal(written, 64);
	assert_int_equal(k.vm.level[pci_intx_gsi(1)], 1);
	assert_int_equal(port(&k, 19, 1), 1);
	assert_int_equal(k.vm.level[pci_intx_gsi(1)], 0);
	vio_unplug(vio);
	kit_fini(&k);
}

static void
legacy_rest(void **state)
{
	struct kit_driver d;
	struct kit k;
	struct vio *vio = legacy_add(&k);

	(void)state;
	legacy_drive(&d, &k);
	/* The vectors are there with MSI-X only. */
	port_set(&k, 20, 2, 0);
	assert_int_equal(vio->config_vector, PCI_NO_VECTOR);
	kit_config_set(&k, 1, 0x42, 2, 0x8000);
	port_set(&k, 20, 2, 0);
	port_set(&k, 22, 2, 1);
	assert_int_equal(port(&k, 20, 2), 0);
	assert_int_equal(port(&k, 22, 2), 1);
	port_set(&k, 18, 1, 0);
	assert_false(vio->running);
	assert_int_equal(k.vm.nioevents, 0);
	/* A page that is not memory. */
	port_set(&k, 8, 4, 0xfffff);
	assert_int_equal(port(&k, 18, 1), 64);
	/* A modern driver finds what it looks for in the same device. */
	drive(&d, &k, true);
	ask(&d, 256);
	vio_unplug(vio);
	kit_fini(&k);
}

/* --- snapshots ---------------------------------------------------------- */

/* Saved with requests asked for and interrupts under way; goes on. */
static void
mid_flight(void **state)
{
	struct virtq_buf b = { 0x80000, 64 };
	struct kit_driver d;
	struct vio *vio, *other;
	struct kit k, l;
	json_t *s;
	struct err e;
	uint32_t written;
	void *cookie;

	(void)state;
	kit_init(&k);
	kit_init(&l);
	vio = rng_add(&k);
	other = rng_add(&l);
	drive(&d, &k, true);
	for (unsigned i = 0; i < 21; i++)
		ask(&d, 32);
	/* Kicked, not yet served; and a vector masked with one pending. */
	assert_true(virtq_driver_add(&d.q[0], &b, 0, 1, &b));
	(void)virtq_driver_wait(&d.q[0]);
	(void)virtq_driver_show(&d.q[0]);
	kit_write(&k, d.notify, 2, 0);
	kit_config_set(&k, 1, 0x42, 2, 0xc000);
	vio_config_changed(vio);
	kit_common_set(&d, 0x10, 2, 0);
	vio_config_changed(vio);
	vio_pause(vio);
	assert_false(vio->running);
	s = vio_save(vio);
	assert_non_null(s);
	memcpy(memory_at(l.board.memory, 0, KIT_MEMORY),
	    memory_at(k.board.memory, 0, KIT_MEMORY), KIT_MEMORY);
	assert_int_equal(vio_load(other, s, &e), 0);
	assert_int_equal(vio_resume(other, &e), 0);
	d.k = &l;
	kit_turn(&l);
	d.q[0].desc = memory_at(l.board.memory, kit_common(&d, 0x20, 8), 1);
	d.q[0].avail = memory_at(l.board.memory, kit_common(&d, 0x28, 8), 1);
	d.q[0].used = memory_at(l.board.memory, kit_common(&d, 0x30, 8), 1);
	assert_true(virtq_driver_get(&d.q[0], &cookie, &written));
	assert_int_equal(written, 64);
	assert_int_equal(kit_sent(&l), 0);
	kit_config_set(&l, 1, 0x42, 2, 0x8000);
	assert_int_equal(kit_sent(&l), 2);
	ask(&d, 32);
	/* The one that was saved goes on as well. */
	assert_int_equal(vio_resume(vio, &e), 0);
	json_decref(s);
	vio_unplug(vio);
	vio_unplug(other);
	kit_fini(&k);
	kit_fini(&l);
}

static void
bad_states(void **state)
{
	static const char *const members[] = {
		"class", "accepted", "status", "queues", "pci", "legacy",
	};
	struct vio *vio;
	struct far f;
	struct kit k;
	json_t *s, *q;
	struct err e;

	(void)state;
	kit_init(&k);
	vio = rng_add(&k);
	far_add(&k, &f);
	for (size_t i = 0; i < COUNT(members); i++) {
		s = vio_save(vio);
		json_object_del(s, members[i]);
		assert_int_equal(vio_load(vio, s, &e), -1);
		assert_non_null(strstr(e.text, members[i]));
		json_decref(s);
	}
	s = vio_save(vio);
	json_object_set_new(s, "accepted", json_string("0100000000000000"));
	json_object_set_new(s, "status", json_integer(11));
	assert_int_equal(vio_load(vio, s, &e), -1);
	assert_non_null(strstr(e.text, "rng0: features 0x1"));
	json_object_set_new(s, "status", json_integer(0));
	q = json_array_get(json_object_get(s, "queues"), 0);
	json_object_set_new(q, "len", json_integer(24));
	assert_int_equal(vio_load(vio, s, &e), -1);
	json_decref(s);
	s = vio_save(&f.vio);
	assert_int_equal(vio_load(vio, s, &e), -1);
	assert_non_null(strstr(e.text, "far"));
	json_decref(s);
	vio_unplug(vio);
	vio_unplug(&f.vio);
	kit_fini(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng),
		cmocka_unit_test(logged),
		cmocka_unit_test(features),
		cmocka_unit_test(status),
		cmocka_unit_test(queue_rules),
		cmocka_unit_test(queue_lies),
		cmocka_unit_test(chain_lies),
		cmocka_unit_test(budget),
		cmocka_unit_test(pci_cfg),
		cmocka_unit_test(moving),
		cmocka_unit_test(elsewhere),
		cmocka_unit_test(ring_reset),
		cmocka_unit_test(legacy),
		cmocka_unit_test(legacy_rest),
		cmocka_unit_test(mid_flight),
		cmocka_unit_test(bad_states),
	};

	return unit_run("vmm_vio", tests);
}
