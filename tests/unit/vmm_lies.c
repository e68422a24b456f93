/* SPDX-License-Identifier: ISC */
/*
 * vmm_lies.c - what no driver may do, told to each device there is
 *
 * Virtio 1.2: section 2.1.2 (DEVICE_NEEDS_RESET), 2.7.5 (descriptors), 4.1.3.1
 * (widths of accesses).  A device that was lied to has stopped, says so in its
 * status and by one interrupt of its configuration, and is as good as new
 * after a reset.
 */

#include "unit.h"
#include "drive.h"
#include "vmm_kit.h"
#include "vmm/dev/balloon.h"
#include "vmm/dev/console.h"
#include "vmm/dev/rng.h"
#include "vmm/dev/vhost.h"

#define LEN		16		/* of each queue */
#define DATA		0x200000ULL	/* free guest memory */
#define TABLE		0x210000ULL	/* of indirect descriptors */
#define NEEDS_RESET	VIRTIO_STATUS_NEEDS_RESET
#define NEXT		VIRTQ_DESC_F_NEXT
#define WRITE		VIRTQ_DESC_F_WRITE
#define INDIRECT	VIRTQ_DESC_F_INDIRECT
#define OK		(VIRTIO_STATUS_ACKNOWLEDGE |			\
			VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK | \
			VIRTIO_STATUS_DRIVER_OK)

/* --- the devices --------------------------------------------------------- */

struct world {
	struct kit		 k;
	struct drive		 d;
	struct kit_driver	 drv;
	struct vio		*vio;
	int			 fd;		/* of the console, or -1 */
};

/* Where one is made, and the queue that it takes chains from unasked. */
struct device {
	const char	*name;
	unsigned	 queue;
	bool		 written;	/* its chains are for the device to
					   write to */
	void		(*make)(struct world *, const struct device *);
	enum vhost_kind	 kind;		/* of other processes, and how */
	bool		 shared;
	const char	*argv[8];
};

static char *viod;

static void
make_rng(struct world *w, const struct device *dev)
{
	(void)dev;
	assert_int_equal(rng_new(&w->vio, &w->k.board, "dev0", NULL), 0);
}

static void
make_console(struct world *w, const struct device *dev)
{
	struct vio_console_setup s = { .board = &w->k.board, .name = "dev0" };
	int sv[2];

	(void)dev;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	s.fd = sv[0];
	w->fd = sv[1];
	assert_int_equal(vio_console_new(&w->vio, &s, NULL), 0);
}

static void
make_balloon(struct world *w, const struct device *dev)
{
	struct vio_balloon_setup s = { .board = &w->k.board, .name = "dev0",
	    .bytes = 1 << 20 };

	(void)dev;
	assert_int_equal(vio_balloon_new(&w->vio, &s, NULL), 0);
}

/* In a process, on memory of the guest's or on copies. */
static void
make_vhost(struct world *w, const struct device *dev)
{
	struct memory_setup m = { .bytes = KIT_MEMORY, .file = -1,
	    .shared = true };
	struct vhost_setup s = { .name = "dev0", .kind = dev->kind };
	const char *argv[COUNT(dev->argv) + 3] = { viod };
	size_t n = 0;

	for (; dev->argv[n] != NULL; n++)
		argv[n + 1] = dev->argv[n];
	drive_init(&w->d, 1 << 20);
	argv[++n] = "-S";
	argv[++n] = w->d.sock;
	if (dev->shared) {
		memory_destroy(w->k.board.memory);
		assert_int_equal(memory_new(&w->k.board.memory, &m, NULL), 0);
	}
	drive_exec(&w->d, argv);
	s.fd = drive_dial(&w->d);
	assert_int_equal(vio_vhost_new(&w->vio, &w->k.board, &s, NULL), 0);
}

#define NET(shared)	VHOST_NET, shared,				\
			{ "net", "-m", "52:54:00:12:34:56" }
#define BLK(shared)	VHOST_BLK, shared, { "blk", "-d", "6" }
#define SCSI(shared)	VHOST_SCSI, shared, { "scsi", "-d", "6" }

static const struct device devices[] = {
	{ "rng", 0, true, make_rng, 0, false, { NULL } },
	{ "console", 1, false, make_console, 0, false, { NULL } },
	{ "balloon", 0, false, make_balloon, 0, false, { NULL } },
	{ "blk, copies", 0, false, make_vhost, BLK(false) },
	{ "blk, shared", 0, false, make_vhost, BLK(true) },
	{ "net, copies", 1, false, make_vhost, NET(false) },
	{ "net, shared", 1, false, make_vhost, NET(true) },
	{ "scsi, copies", 2, false, make_vhost, SCSI(false) },
	{ "scsi, shared", 2, false, make_vhost, SCSI(true) },
};

static void
up(struct world *w, const struct device *dev)
{
	memset(w, 0, sizeof(*w));
	w->fd = -1;
	kit_init(&w->k);
	dev->make(w, dev);
}

static void
down(struct world *w, const struct device *dev)
{
	vio_unplug(w->vio);
	if (w->fd != -1)
		(void)close(w->fd);
	if (dev->make == make_vhost)
		drive_fini(&w->d);
	kit_fini(&w->k);
}

/* To DRIVER_OK with all queues there are up to the one that is lied in. */
static void
drive(struct world *w, const struct device *dev, bool msix, bool indirect)
{
	uint64_t features = VIRTIO_BIT(VIRTIO_F_VERSION_1);

	if (indirect)
		features |= VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
	kit_config_set(&w->k, 1, kit_cap(&w->k, 1, 0x11, 0) + 2, 2, 0);
	kit_driver_init(&w->drv, &w->k, 1, msix);
	assert_int_equal(kit_driver_features(&w->drv, features), OK & ~4);
	if (msix)
		kit_common_set(&w->drv, 0x10, 2, 0);
	for (unsigned q = 0; q <= dev->queue; q++)
		kit_driver_queue(&w->drv, q, LEN);
	kit_driver_ok(&w->drv);
	assert_int_equal(kit_common(&w->drv, 0x14, 1), OK);
}

/* --- lies ---------------------------------------------------------------- */

/* Flags are what is told to a device that reads; WRITE is added as need be. */
struct lie {
	const char		*what;
	bool			 indirect;	/* agreed to */
	uint16_t		 head, idx;
	struct virtq_desc	 desc[3], table[3];
};

#define END	0x400000ULL	/* of memory: KIT_MEMORY */
#define TOO_LONG	0xffffffffU

static const struct lie lies[] = {
	{ "a loop of one", false, 0, 1, { { DATA, 8, NEXT, 0 } }, { { 0 } } },
	{ "a loop of three", false, 0, 1, { { DATA, 8, NEXT, 1 },
	    { DATA, 8, NEXT, 2 }, { DATA, 8, NEXT, 0 } }, { { 0 } } },
	{ "a loop behind the head", false, 0, 1, { { DATA, 8, NEXT, 1 },
	    { DATA, 8, NEXT, 2 }, { DATA, 8, NEXT, 1 } }, { { 0 } } },
	{ "a loop in a table", true, 0, 1, { { TABLE, 48, INDIRECT, 0 } },
	    { { DATA, 8, NEXT, 1 }, { DATA, 8, NEXT, 2 },
	    { DATA, 8, NEXT, 0 } } },
	{ "a length of 0", false, 0, 1, { { DATA, 0, 0, 0 } }, { { 0 } } },
	{ "a length of 0, then one", false, 0, 1, { { DATA, 0, NEXT, 1 },
	    { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "too long", false, 0, 1, { { DATA, TOO_LONG, 0, 0 } }, { { 0 } } },
	{ "one byte too many", false, 0, 1, { { END - 8, 9, 0, 0 } },
	    { { 0 } } },
	{ "a length that wraps", false, 0, 1, { { UINT64_MAX - 7, 16, 0, 0 } },
	    { { 0 } } },
	{ "no memory", false, 0, 1, { { END, 8, 0, 0 } }, { { 0 } } },
	{ "a successor that is none", false, 0, 1,
	    { { DATA, 8, NEXT, LEN } }, { { 0 } } },
	{ "a successor far away", false, 0, 1,
	    { { DATA, 8, NEXT, 0xffff } }, { { 0 } } },
	{ "a head that is none", false, LEN, 1, { { DATA, 8, 0, 0 } },
	    { { 0 } } },
	{ "a head far away", false, 0xffff, 1, { { DATA, 8, 0, 0 } },
	    { { 0 } } },
	{ "more than the queue has", false, 0, LEN + 1,
	    { { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "an index that went back", false, 0, 0xffff,
	    { { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "read behind written", false, 0, 1, { { DATA, 8, WRITE | NEXT, 1 },
	    { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "a table nobody agreed to", false, 0, 1,
	    { { TABLE, 16, INDIRECT, 0 } }, { { DATA, 8, 0, 0 } } },
	{ "a table in a table", true, 0, 1, { { TABLE, 16, INDIRECT, 0 } },
	    { { TABLE, 16, INDIRECT, 0 } } },
	{ "a table with a successor", true, 0, 1,
	    { { TABLE, 16, INDIRECT | NEXT, 1 }, { DATA, 8, 0, 0 } },
	    { { DATA, 8, 0, 0 } } },
	{ "a table of nothing", true, 0, 1, { { TABLE, 0, INDIRECT, 0 } },
	    { { 0 } } },
	{ "a table of half a descriptor", true, 0, 1,
	    { { TABLE, 24, INDIRECT, 0 } }, { { DATA, 8, 0, 0 } } },
	{ "a long table", true, 0, 1,
	    { { TABLE, TOO_LONG & ~15U, INDIRECT, 0 } },
	    { { DATA, 8, 0, 0 } } },
	{ "a table without memory", true, 0, 1,
	    { { END - 8, 16, INDIRECT, 0 } }, { { 0 } } },
	{ "a successor out of its table", true, 0, 1,
	    { { TABLE, 16, INDIRECT, 0 } }, { { DATA, 8, NEXT, 1 } } },
};

/* Its descriptors in guest memory, and known. */
static void
tell(struct world *w, const struct device *dev, const struct lie *l)
{
	struct virtq_driver *q = &w->drv.q[dev->queue];
	struct virtq_desc *table = memory_at(w->k.board.memory, TABLE,
	    sizeof(l->table));
	const uint16_t add = dev->written ? WRITE : 0;

	memcpy(table, l->table, sizeof(l->table));
	memcpy(q->desc, l->desc, sizeof(l->desc));
	for (size_t i = 0; i < COUNT(l->desc); i++) {
		if (!(l->desc[i].flags & INDIRECT))
			q->desc[i].flags |= add;
		if (!(l->table[i].flags & INDIRECT))
			table[i].flags |= add;
	}
	/* What is read may not be behind what is written. */
	if (l->desc[0].flags & WRITE)
		q->desc[1].flags &= (uint16_t)~WRITE;
	q->avail->ring[0] = l->head;
	__atomic_store_n(&q->avail->idx, l->idx, __ATOMIC_RELEASE);
	kit_write(&w->k, w->drv.notify + dev->queue * 4, 2, dev->queue);
}

static void
wait_broken(struct world *w, const char *dev, const char *what)
{
	for (unsigned i = 0; i < DRIVE_WAIT_MS; i++) {
		kit_turn(&w->k);
		if (w->vio->broken != NULL)
			return;
		(void)usleep(1000);
	}
	fail_msg("%s: %s: believed", dev, what);
}

/* One lie: stopped, told once, and mended by a reset. */
static void
lie(struct world *w, const struct device *dev, const struct lie *l, bool msix)
{
	struct virtq_driver *q = &w->drv.q[dev->queue];

	drive(w, dev, msix, l->indirect);
	w->k.vm.nsent = 0;
	tell(w, dev, l);
	wait_broken(w, dev->name, l->what);
	if (kit_common(&w->drv, 0x14, 1) != (OK | NEEDS_RESET) ||
	    q->used->idx != 0)
		fail_msg("%s: %s: status %#x, %u answered", dev->name, l->what,
		    (unsigned)kit_common(&w->drv, 0x14, 1), q->used->idx);
	if (msix) {
		assert_int_equal(kit_sent(&w->k), 1);
		assert_int_equal(w->k.vm.sent[0].data, 0x20);
	} else {
		assert_int_equal(kit_read(&w->k, w->drv.isr, 1), 2);
		assert_int_equal(kit_read(&w->k, w->drv.isr, 1), 0);
	}
	/* Kicks, and a truth that comes too late: nothing. */
	q->desc[0] = (struct virtq_desc){ DATA, 8, dev->written ? WRITE : 0,
	    0 };
	kit_write(&w->k, w->drv.notify + dev->queue * 4, 2, dev->queue);
	kit_turn(&w->k);
	assert_int_equal(q->used->idx, 0);
	/* Nobody but a reset takes it back. */
	kit_common_set(&w->drv, 0x14, 1, OK);
	assert_int_equal(kit_common(&w->drv, 0x14, 1), OK | NEEDS_RESET);
	kit_common_set(&w->drv, 0x14, 1, 0);
	assert_int_equal(kit_common(&w->drv, 0x14, 1), 0);
	assert_null(w->vio->broken);
}

static void
lying(void **state)
{
	static struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT(devices); i++) {
		up(&w, &devices[i]);
		for (size_t n = 0; n < COUNT(lies); n++)
			lie(&w, &devices[i], &lies[n], n % 4 != 0);
		/* The processes that were lied to live. */
		drive(&w, &devices[i], true, true);
		kit_turn(&w.k);
		assert_null(w.vio->broken);
		down(&w, &devices[i]);
	}
}

/* --- resets -------------------------------------------------------------- */

/* A chain is waiting, is kicked, and the driver takes all of it back. */
static void
reset_busy(void **state)
{
	static struct world w;
	uint8_t *mem;

	(void)state;
	for (size_t i = 0; i < COUNT(devices); i++) {
		const struct device *dev = &devices[i];
		struct virtq_buf b[2] = { { DATA, 64 }, { DATA + 64, 64 } };

		up(&w, dev);
		mem = memory_at(w.k.board.memory, DATA, 128);
		for (unsigned n = 0; n < 8; n++) {
			struct virtq_driver *q = &w.drv.q[dev->queue];

			drive(&w, dev, n & 1, true);
			memset(mem, 0, 128);
			while (virtq_driver_add(q, b, dev->written ? 0 : 1,
			    dev->written ? 2 : 1, &w))
				;
			(void)virtq_driver_show(q);
			kit_write(&w.k, w.drv.notify + dev->queue * 4, 2,
			    dev->queue);
			if (n & 2)
				kit_turn(&w.k);
			kit_common_set(&w.drv, 0x14, 1, 0);
			assert_int_equal(kit_common(&w.drv, 0x14, 1), 0);
			/* From here on the memory is the driver's alone. */
			memset(mem, 0x5a, 128);
			memset(q->used, 0x5a, VIRTQ_USED_BYTES(LEN));
			kit_turn(&w.k);
			(void)usleep(1000);
			kit_turn(&w.k);
			for (unsigned at = 0; at < 128; at++)
				assert_int_equal(mem[at], 0x5a);
			assert_int_equal(q->used->idx, 0x5a5a);
			assert_int_equal(kit_read(&w.k, w.drv.isr, 1), 0);
		}
		drive(&w, dev, true, true);
		assert_null(w.vio->broken);
		down(&w, dev);
	}
}

/* --- registers ----------------------------------------------------------- */

/* Registers of the common configuration: 4.1.4.3. */
static const struct { uint8_t at, len; bool written; } common[] = {
	{ 0x00, 4, true }, { 0x04, 4, false }, { 0x08, 4, true },
	{ 0x0c, 4, true }, { 0x10, 2, true }, { 0x12, 2, false },
	{ 0x14, 1, true }, { 0x15, 1, false }, { 0x16, 2, true },
	{ 0x18, 2, true }, { 0x1a, 2, true }, { 0x1c, 2, true },
	{ 0x1e, 2, false }, { 0x20, 4, true }, { 0x24, 4, true },
	{ 0x28, 4, true }, { 0x2c, 4, true }, { 0x30, 4, true },
	{ 0x34, 4, true }, { 0x3a, 2, true },
};

static uint64_t
cut(uint64_t v, unsigned len)
{
	return len == 8 ? v : v & ((1ULL << len * 8) - 1);
}

/* What an access must read: a part of a register, or two whole ones. */
static uint64_t
expected(struct world *w, unsigned at, unsigned len)
{
	for (size_t i = 0; i < COUNT(common); i++)
		if (at >= common[i].at &&
		    at + len <= common[i].at + common[i].len)
			return cut(kit_common(&w->drv, common[i].at,
			    common[i].len) >> (at - common[i].at) * 8, len);
	return len == 8 ? expected(w, at, 4) | expected(w, at + 4, 4) << 32 :
	    0;
}

static bool
is_whole(unsigned at, unsigned len)
{
	for (size_t i = 0; i < COUNT(common); i++)
		if (at == common[i].at && len == common[i].len)
			return true;
	return len == 8 && (is_whole(at, 4) || is_whole(at + 4, 4));
}

static void
common_widths(void **state)
{
	static struct world w;
	uint8_t before[0x40], after[0x40];

	(void)state;
	up(&w, &devices[0]);
	drive(&w, &devices[0], true, true);
	kit_common_set(&w.drv, 0, 4, 1);
	for (unsigned len = 1; len <= 8; len *= 2)
		for (unsigned at = 0; at < 0x44; at++)
			if (kit_common(&w.drv, at, len) !=
			    expected(&w, at, len))
				fail_msg("%u bytes at %#x", len, at);
	/* What is no whole register is not written. */
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (unsigned at = 0; at < 0x44; at++) {
			if (is_whole(at, len))
				continue;
			for (unsigned i = 0; i < sizeof(before); i++)
				before[i] = (uint8_t)expected(&w, i, 1);
			kit_common_set(&w.drv, at, len, 0x1111111111111111);
			for (unsigned i = 0; i < sizeof(after); i++)
				after[i] = (uint8_t)expected(&w, i, 1);
			if (memcmp(before, after, sizeof(after)) != 0)
				fail_msg("%u bytes to %#x", len, at);
		}
	}
	assert_int_equal(kit_common(&w.drv, 0x14, 1), OK);
	down(&w, &devices[0]);
}

/* All pages of the window, to its end and across the borders. */
static void
window_widths(void **state)
{
	static struct world w;
	uint8_t config[64];
	uint64_t v;

	(void)state;
	up(&w, &devices[4]);
	drive(&w, &devices[4], true, true);
	assert_true(w.vio->config_len <= sizeof(config));
	for (unsigned at = 0; at < sizeof(config); at++)
		config[at] = (uint8_t)kit_read(&w.k, w.drv.device + at, 1);
	for (unsigned at = w.vio->config_len; at < sizeof(config); at++)
		assert_int_equal(config[at], 0);
	for (unsigned len = 1; len <= 8; len *= 2) {
		for (unsigned at = 0; at + len <= sizeof(config); at++) {
			v = 0;
			memcpy(&v, config + at, len);
			assert_int_equal(kit_read(&w.k, w.drv.device + at,
			    len), v);
		}
		for (unsigned at = 0xff0; at < 0x1000; at++) {
			/* Behind the end, and across it. */
			assert_int_equal(kit_read(&w.k, w.drv.device + at,
			    len), 0);
			kit_write(&w.k, w.drv.device + at, len, ~0ULL);
			assert_int_equal(kit_read(&w.k, w.drv.notify + at,
			    len), at + len > 0x1000 ? cut(~0ULL, len) : 0);
			kit_write(&w.k, w.drv.isr + at, len, ~0ULL);
			assert_int_equal(kit_read(&w.k, w.drv.isr + at, len),
			    0);
		}
		/* Read-only and writable bytes of a disk's configuration. */
		for (unsigned at = 0; at < sizeof(config); at++)
			kit_write(&w.k, w.drv.device + at, len, 0);
		for (unsigned at = 0; at < sizeof(config); at++)
			if (at != offsetof(struct virtio_blk_config,
			    writeback))
				assert_int_equal(kit_read(&w.k,
				    w.drv.device + at, 1), config[at]);
	}
	assert_int_equal(kit_common(&w.drv, 0x14, 1), OK);
	down(&w, &devices[4]);
}

/* --- ports --------------------------------------------------------------- */

/* Registers of 4.1.4.10, with MSI-X. */
static const struct { uint8_t at, len; } ports[] = {
	{ 0, 4 }, { 4, 4 }, { 8, 4 }, { 12, 2 }, { 14, 2 }, { 16, 2 },
	{ 18, 1 }, { 19, 1 }, { 20, 2 }, { 22, 2 },
};
#define PORTS_END	24

static uint32_t
port(struct world *w, unsigned at, unsigned len)
{
	return (uint32_t)bus_read(&w->k.board.pio, 0xc000 + at, len);
}

static uint32_t
port_expected(struct world *w, unsigned at, unsigned len)
{
	for (size_t i = 0; i < COUNT(ports); i++)
		if (at >= ports[i].at && at + len <= ports[i].at +
		    ports[i].len)
			return (uint32_t)cut(port(w, ports[i].at,
			    ports[i].len) >> (at - ports[i].at) * 8, len);
	return 0;
}

static bool
is_port(unsigned at, unsigned len)
{
	for (size_t i = 0; i < COUNT(ports); i++)
		if (at == ports[i].at && len == ports[i].len)
			return true;
	return false;
}

static void
port_widths(void **state)
{
	static struct world w;
	uint32_t before[PORTS_END], v;

	(void)state;
	memset(&w, 0, sizeof(w));
	w.fd = -1;
	kit_init(&w.k);
	w.k.board.transitional = true;
	devices[1].make(&w, &devices[1]);	/* which has a size */
	vio_console_resize(w.vio, 0x1234, 0x5678);
	kit_enable(&w.k, 1, true);
	bus_write(&w.k.board.pio, 0xc000 + 18, 1, 3);
	bus_write(&w.k.board.pio, 0xc000 + 8, 4, 0x30);
	bus_write(&w.k.board.pio, 0xc000 + 20, 2, 1);
	bus_write(&w.k.board.pio, 0xc000 + 22, 2, 2);
	for (unsigned len = 1; len <= 4; len *= 2)
		for (unsigned at = 0; at + len <= PORTS_END; at++)
			if (port(&w, at, len) != port_expected(&w, at, len))
				fail_msg("%u bytes at %u: %#x", len, at,
				    port(&w, at, len));
	/* Behind them is the device's configuration, in any width. */
	assert_int_equal(port(&w, PORTS_END, 4), 0x56781234);
	assert_int_equal(port(&w, PORTS_END + 1, 2), 0x7812);
	assert_int_equal(port(&w, PORTS_END + 3, 1), 0x56);
	for (unsigned len = 1; len <= 4; len *= 2) {
		for (unsigned at = 0; at + len <= PORTS_END; at++) {
			if (is_port(at, len))
				continue;
			for (unsigned i = 0; i < PORTS_END; i++)
				before[i] = port_expected(&w, i, 1);
			bus_write(&w.k.board.pio, 0xc000 + at, len,
			    0x11111111);
			for (unsigned i = 0; i < PORTS_END; i++) {
				v = port_expected(&w, i, 1);
				if (v != before[i])
					fail_msg("%u bytes to %u", len, at);
			}
		}
	}
	/* To the last port, and past it. */
	for (unsigned at = 100; at < 132; at++)
		for (unsigned len = 1; len <= 4; len *= 2) {
			bus_write(&w.k.board.pio, 0xc000 + at, len, ~0U);
			(void)port(&w, at, len);
		}
	assert_int_equal(port(&w, 18, 1), 3);
	vio_unplug(w.vio);
	(void)close(w.fd);
	kit_fini(&w.k);
}

/* --- lengths of queues ---------------------------------------------------- */

/* Only powers of two up to the device's are taken. */
static void
queue_lengths(void **state)
{
	static struct world w;
	unsigned max, want;

	(void)state;
	for (size_t i = 0; i < COUNT(devices); i++) {
		up(&w, &devices[i]);
		kit_driver_init(&w.drv, &w.k, 1, true);
		(void)kit_driver_features(&w.drv,
		    VIRTIO_BIT(VIRTIO_F_VERSION_1));
		for (unsigned q = 0; q < w.vio->nqueues; q++) {
			kit_common_set(&w.drv, 0x16, 2, q);
			max = want = (unsigned)kit_common(&w.drv, 0x18, 2);
			for (unsigned n = 0; n < 0x10000; n++) {
				kit_common_set(&w.drv, 0x18, 2, n);
				if (n != 0 && n <= max && (n & (n - 1)) == 0)
					want = n;
				if (kit_common(&w.drv, 0x18, 2) != want)
					fail_msg("%s: queue %u of %u",
					    devices[i].name, q, n);
			}
		}
		down(&w, &devices[i]);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lying),
		cmocka_unit_test(reset_busy),
		cmocka_unit_test(common_widths),
		cmocka_unit_test(window_widths),
		cmocka_unit_test(port_widths),
		cmocka_unit_test(queue_lengths),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	return unit_run("vmm_lies", tests);
}
