/* SPDX-License-Identifier: ISC */
/* shadow.c - copied queues: before a real viod, before liars, stopped */

#include "unit.h"
#include "drive.h"
#include "virtio/virtq.h"
#include "vmm/shadow.h"

#define DISK_BYTES	(16UL << 20)
#define GPA		0x40000000ULL	/* guest memory, which is private */
#define BYTES		(32UL << 20)
#define HEADS		(1UL << 20)	/* headers and status bytes */
#define DATA		(2UL << 20)
#define SLOT_BYTES	32

static char *viod;

/* A guest with one queue, and the shadow in front of it. */
struct world {
	uint8_t			*mem;
	struct guest_memory	 table;
	struct virtq_driver	 driver;
	struct virtq		 guest;
	uint16_t		 base;
	struct shadow		*shadow;
	struct frontend_queue	 fq;
	unsigned		 interrupts;

	/* The back-end: of drive.h, or the test itself. */
	struct drive		 d;
	struct guest_memory	 seen;
	struct virtq		 back;
	struct virtq_chain	 c;
};

static void
guest_start(struct world *w, uint16_t len, bool event_idx)
{
	struct virtq_addr a = virtq_driver_addr(&w->driver, GPA);
	struct err e;

	assert_int_equal(virtq_init(&w->guest, &w->table, len, &a, w->base,
	    &e), 0);
	w->guest.event_idx = event_idx;
	w->guest.indirect = true;
	shadow_start(w->shadow, 0, &w->guest, event_idx, &w->fq);
}

static void
up(struct world *w, uint16_t len, bool disk, bool event_idx)
{
	struct guest_region r = { .gpa = GPA, .user = GPA, .len = BYTES };
	struct shadow_setup setup = { .nqueues = 1, .disk = disk };
	struct err e;

	memset(w, 0, sizeof(*w));
	w->mem = calloc(1, BYTES);
	r.host = w->mem;
	guest_memory_init(&w->table);
	assert_int_equal(guest_memory_add(&w->table, &r, &e), 0);
	virtq_driver_init(&w->driver, w->mem, len, event_idx);
	assert_int_equal(shadow_new(&w->shadow, &setup, &e), 0);
	guest_start(w, len, event_idx);
}

static void
down(struct world *w)
{
	shadow_destroy(w->shadow);
	guest_memory_fini(&w->seen);
	free(w->mem);
}

static void
run(struct world *w)
{
	w->interrupts += shadow_run(w->shadow, 0);
}

/* --- a real viod ---------------------------------------------------------- */

static void
hello(struct world *w, uint64_t features)
{
	struct frontend_region region;
	struct err e;

	shadow_region(w->shadow, &region);
	assert_int_equal(frontend_init(&w->d.fe, drive_dial(&w->d), features,
	    &e), 0);
	assert_int_equal(frontend_memory(&w->d.fe, &region, 1, &e), 0);
	assert_int_equal(frontend_start(&w->d.fe, 0, &w->fq, &e), 0);
}

static void
up_viod(struct world *w, uint64_t features, const char *o1, const char *o2)
{
	const char *argv[] = { viod, "blk", "-d", "6", "-S", NULL, o1, o2,
	    NULL };

	up(w, 64, true, (features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX)) != 0);
	drive_init(&w->d, DISK_BYTES);
	argv[5] = w->d.sock;
	drive_exec(&w->d, argv);
	hello(w, features);
}

static void
down_viod(struct world *w)
{
	drive_fini(&w->d);
	down(w);
}

/* A request of len bytes in 'pieces' pieces, by slot; false: no room. */
static bool
add(struct world *w, struct drive_req *r)
{
	struct virtio_blk_req head = { .type = r->type, .sector = r->sector };
	struct virtq_buf b[64];
	uint32_t at = r->data, left = r->len, part;
	unsigned n = 0, pieces = r->len == 0 ? 0 : r->pieces;
	bool in = r->type == VIRTIO_BLK_T_IN;

	memcpy(w->mem + HEADS + r->slot * SLOT_BYTES, &head, sizeof(head));
	w->mem[HEADS + r->slot * SLOT_BYTES + 16] = 0xff;
	b[n++] = (struct virtq_buf){ GPA + HEADS + r->slot * SLOT_BYTES, 16 };
	for (unsigned i = 0; i < pieces; i++) {
		part = i + 1 == pieces ? left : left / (pieces - i);
		b[n++] = (struct virtq_buf){ GPA + at, part };
		at += part;
		left -= part;
	}
	b[n++] = (struct virtq_buf){ GPA + HEADS + r->slot * SLOT_BYTES + 16,
	    1 };
	return virtq_driver_add(&w->driver, b, in ? 1 : 1 + pieces,
	    in ? pieces + 1 : 1, r);
}

static int
status(const struct world *w, const struct drive_req *r)
{
	return w->mem[HEADS + r->slot * SLOT_BYTES + 16];
}

static void
wait_call(struct world *w)
{
	struct pollfd p = { .fd = shadow_call_fd(w->shadow, 0),
	    .events = POLLIN };

	uint64_t n;

	assert_int_equal(poll(&p, 1, DRIVE_WAIT_MS), 1);
	assert_int_equal(read(p.fd, &n, sizeof(n)), sizeof(n));
	run(w);
}

/* Wait for one request. */
static struct drive_req *
get(struct world *w)
{
	struct drive_req *r;
	void *cookie;
	uint32_t written;

	while (!virtq_driver_get(&w->driver, &cookie, &written)) {
		assert_null(w->driver.broken);
		assert_null(w->guest.broken);
		assert_null(shadow_broken(w->shadow, 0));
		wait_call(w);
	}
	r = cookie;
	r->written = written;
	return r;
}

static void
integrity(uint64_t features)
{
	static uint8_t copy[DISK_BYTES];
	static struct world w;
	struct drive_req r;
	uint32_t sectors;
	uint8_t *data;

	up_viod(&w, features, NULL, NULL);
	memset(copy, 0, sizeof(copy));
	srand(3);
	for (unsigned i = 0; i < 200; i++) {
		memset(&r, 0, sizeof(r));
		/* Every tenth is done in parts. */
		sectors = 1 + (uint32_t)rand() %
		    (i % 10 == 0 ? 6U << 11 : 512);
		r.sector = (uint32_t)rand() % (DISK_BYTES / 512 - sectors);
		r.len = sectors * 512;
		r.pieces = 1 + (unsigned)rand() % 40;
		r.data = DATA + (uint32_t)rand() % 4096;
		r.type = rand() % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
		data = w.mem + r.data;
		memset(data, (int)i, r.len);
		data[r.len / 2] = (uint8_t)rand();
		if (r.type == VIRTIO_BLK_T_OUT)
			memcpy(copy + r.sector * 512, data, r.len);
		assert_true(add(&w, &r));
		(void)virtq_driver_show(&w.driver);
		run(&w);
		assert_ptr_equal(get(&w), &r);
		assert_int_equal(status(&w, &r), VIRTIO_BLK_S_OK);
		assert_memory_equal(data, copy + r.sector * 512, r.len);
		assert_int_equal(r.written,
		    r.type == VIRTIO_BLK_T_IN ? r.len + 1 : 1);
	}
	down_viod(&w);
}

static void
integrity_event(void **state)
{
	(void)state;
	integrity(~0ULL & ~VIRTIO_BIT(VIRTIO_F_RING_PACKED));
}

static void
integrity_flags(void **state)
{
	(void)state;
	integrity(~(VIRTIO_BIT(VIRTIO_F_RING_PACKED) |
	    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)));
}

/* More than the room holds at once; also errors, alone and in parts. */
static void
crowded(void **state)
{
	static struct world w;
	static struct drive_req r[16];
	struct drive_req bad = { .type = VIRTIO_BLK_T_IN, .pieces = 1,
	    .slot = 20, .data = DATA, .len = 5U << 20,
	    .sector = (DISK_BYTES - (3U << 20)) / 512 };

	(void)state;
	up_viod(&w, ~0ULL, NULL, NULL);
	for (unsigned i = 0; i < 16; i++) {
		r[i] = (struct drive_req){ .type = VIRTIO_BLK_T_OUT,
		    .slot = i, .pieces = 2, .sector = i * 2048,
		    .data = DATA + i * 65536, .len = 1U << 20 };
		assert_true(add(&w, &r[i]));
	}
	(void)virtq_driver_show(&w.driver);
	run(&w);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(status(&w, get(&w)), VIRTIO_BLK_S_OK);
	assert_true(add(&w, &bad));
	(void)virtq_driver_show(&w.driver);
	run(&w);
	assert_ptr_equal(get(&w), &bad);
	assert_int_equal(status(&w, &bad), VIRTIO_BLK_S_IOERR);
	assert_int_equal(bad.written, 1);
	bad.len = 4096;
	bad.sector = DISK_BYTES / 512;
	assert_true(add(&w, &bad));
	(void)virtq_driver_show(&w.driver);
	run(&w);
	assert_ptr_equal(get(&w), &bad);
	assert_int_equal(status(&w, &bad), VIRTIO_BLK_S_IOERR);
	down_viod(&w);
}

/*
 * Stop in the middle, with another shadow and back-end afterwards: every
 * request is answered once and its data is there.
 */
static void
stopped(void **state)
{
	static struct world w;
	static struct drive_req r[12];
	struct shadow_setup setup = { .nqueues = 1, .disk = true };
	struct shadow *next;
	const uint16_t *heads;
	unsigned n;
	uint16_t unused;
	struct err e;
	uint8_t c;

	(void)state;
	up_viod(&w, ~0ULL, NULL, NULL);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 12; i++) {
			r[i] = (struct drive_req){ .slot = i, .pieces = 3,
			    .type = VIRTIO_BLK_T_OUT, .sector = i * 1024,
			    .data = DATA + i * 65536,
			    .len = i % 6 == 5 ? 3U << 20 : 65536 };
			memset(w.mem + r[i].data, (int)(round + i), 65536);
			assert_true(add(&w, &r[i]));
		}
		(void)virtq_driver_show(&w.driver);
		run(&w);
		for (n = 0; n < round % 5; n++)
			(void)get(&w);
		assert_int_equal(frontend_stop(&w.d.fe, 0, &unused, &e), 0);
		(void)shadow_stop(w.shadow, 0);
		w.base = w.guest.avail_idx;
		assert_int_equal(shadow_new(&next, &setup, &e), 0);
		n = shadow_pending(w.shadow, 0, &heads);
		assert_int_equal(shadow_set_pending(next, 0, heads, n, &e),
		    0);
		shadow_destroy(w.shadow);
		w.shadow = next;
		guest_start(&w, 64, true);
		frontend_fini(&w.d.fe);
		hello(&w, ~0ULL);
		for (n = round % 5; n < 12; n++)
			assert_int_equal(status(&w, get(&w)), 0);
		for (unsigned i = 0; i < 11; i++) {
			assert_int_equal(status(&w, &r[i]), 0);
			assert_int_equal(pread(w.d.fd, &c, 1,
			    (off_t)r[i].sector * 512 + 4095), 1);
			if (i < 5)
				assert_int_equal(c, (uint8_t)(round + i));
		}
	}
	down_viod(&w);
}

/* --- a back-end of the test's own ----------------------------------------- */

static void
up_back(struct world *w, bool disk)
{
	struct frontend_region f;
	struct guest_region r;
	struct err e;

	up(w, 16, disk, false);
	shadow_region(w->shadow, &f);
	r = (struct guest_region){ .gpa = f.gpa, .user = f.user,
	    .len = f.len };
	assert_int_equal(guest_memory_map(&w->seen, &r, f.fd, f.offset, &e),
	    0);
	assert_int_equal(virtq_init(&w->back, &w->seen, w->fq.len,
	    &w->fq.addr, w->fq.base, &e), 0);
}

/* The guest's bytes [0x100, +8) to read, 16 to write. */
static void
offer(struct world *w)
{
	static const struct virtq_buf b[3] = { { GPA + HEADS, 8 },
	    { GPA + DATA, 10 }, { GPA + DATA + 100, 6 } };

	memcpy(w->mem + HEADS, "question", 8);
	memset(w->mem + DATA, '-', 200);
	assert_true(virtq_driver_add(&w->driver, b, 1, 2, w));
	(void)virtq_driver_show(&w->driver);
	run(w);
}

static void
answer(struct world *w, uint32_t written)
{
	(void)virtq_copy_in(&w->c, 0, "0123456789abcdef", 16);
	virtq_push(&w->back, w->c.head, written);
	(void)virtq_flush(&w->back);
	run(w);
}

/* What is written comes back, whatever the back-end says how much. */
static void
lengths(void **state)
{
	static const uint32_t says[] = { 16, 17, 4096, UINT32_MAX, 12, 0 };
	static struct world w;
	uint32_t written;
	void *cookie;
	char text[9] = "";

	(void)state;
	up_back(&w, false);
	for (unsigned i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		offer(&w);
		assert_true(virtq_pop(&w.back, &w.c));
		assert_int_equal(w.c.out_len, 8);
		assert_int_equal(w.c.in_len, 16);
		assert_int_equal(virtq_copy_out(&w.c, 0, text, 8), 8);
		assert_string_equal(text, "question");
		answer(&w, says[i]);
		assert_true(virtq_driver_get(&w.driver, &cookie, &written));
		assert_int_equal(written, says[i] < 16 ? says[i] : 16);
		assert_memory_equal(w.mem + DATA, "0123456789",
		    written < 10 ? written : 10);
		assert_int_equal(w.mem[DATA + 10], '-');
		assert_int_equal(w.mem[DATA + 100], written > 10 ? 'a' : '-');
		assert_int_equal(w.mem[DATA + 102], written > 12 ? 'c' : '-');
		assert_int_equal(w.mem[DATA + 106], '-');
	}
	down(&w);
}

/* Answers to what was not asked: nothing reaches the guest. */
static void
lies(void **state)
{
	static const struct { uint16_t idx; uint32_t id; } lie[] = {
		{ 2, 0 }, { 0xffff, 0 }, { 1, 1 }, { 1, 31 }, { 1, 32 },
		{ 1, UINT32_MAX },
	};
	static struct world w;
	uint32_t written;
	void *cookie;

	(void)state;
	for (unsigned i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
		up_back(&w, false);
		offer(&w);
		w.back.used->ring[0].id = lie[i].id;
		w.back.used->idx = lie[i].idx;
		run(&w);
		assert_non_null(shadow_broken(w.shadow, 0));
		assert_false(virtq_driver_get(&w.driver, &cookie, &written));
		assert_null(w.guest.broken);
		down(&w);
	}
}

/* A back-end that writes over the ring and the room changes only answers. */
static void
scribbles(void **state)
{
	static struct world w;
	uint32_t written;
	void *cookie;

	(void)state;
	up_back(&w, false);
	for (unsigned i = 0; i < 200; i++) {
		offer(&w);
		assert_true(virtq_pop(&w.back, &w.c));
		memset((void *)(uintptr_t)w.back.desc, (int)i,
		    VIRTQ_DESC_BYTES(w.fq.len));
		virtq_push(&w.back, w.c.head, 16);
		(void)virtq_flush(&w.back);
		run(&w);
		assert_true(virtq_driver_get(&w.driver, &cookie, &written));
		assert_null(shadow_broken(w.shadow, 0));
		assert_int_equal(w.mem[DATA + 106], '-');
	}
	down(&w);
}

/* What is too large, and no disk's read or write, breaks the guest's queue. */
static void
too_large(void **state)
{
	static const struct { unsigned nout, nin; uint32_t type; } bad[] = {
		{ 1, 1, VIRTIO_BLK_T_FLUSH }, { 1, 1, VIRTIO_BLK_T_OUT },
		{ 2, 0, VIRTIO_BLK_T_OUT }, { 0, 2, VIRTIO_BLK_T_IN },
		{ 2, 1, VIRTIO_BLK_T_IN },
	};
	static struct world w;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct virtq_buf b[3] = { { GPA + HEADS, 16 },
		    { GPA + DATA, 3U << 20 }, { GPA + HEADS + 16, 2 } };

		up_back(&w, true);
		memcpy(w.mem + HEADS, &bad[i].type, 4);
		assert_true(virtq_driver_add(&w.driver, b, bad[i].nout,
		    bad[i].nin, &w));
		(void)virtq_driver_show(&w.driver);
		run(&w);
		assert_non_null(w.guest.broken);
		assert_false(virtq_pop(&w.back, &w.c));
		down(&w);
	}
}

/* The state of a snapshot is foreign too. */
static void
bad_pending(void **state)
{
	static uint16_t heads[VIRTQ_LEN_MAX];
	static struct world w;
	struct err e;

	(void)state;
	up_back(&w, false);
	offer(&w);
	(void)shadow_stop(w.shadow, 0);
	for (unsigned i = 0; i < VIRTQ_LEN_MAX; i++)
		heads[i] = (uint16_t)(i * 7);
	assert_int_equal(shadow_set_pending(w.shadow, 0, heads,
	    VIRTQ_LEN_MAX + 1, &e), -1);
	assert_int_equal(shadow_set_pending(w.shadow, 1, heads, 1, &e), -1);
	assert_int_equal(shadow_set_pending(w.shadow, 0, heads,
	    VIRTQ_LEN_MAX, &e), 0);
	guest_start(&w, 16, false);
	run(&w);
	assert_non_null(w.guest.broken);
	(void)shadow_stop(w.shadow, 0);
	guest_start(&w, 16, false);
	down(&w);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integrity_event),
		cmocka_unit_test(integrity_flags),
		cmocka_unit_test(crowded),
		cmocka_unit_test(stopped),
		cmocka_unit_test(lengths),
		cmocka_unit_test(lies),
		cmocka_unit_test(scribbles),
		cmocka_unit_test(too_large),
		cmocka_unit_test(bad_pending),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	return unit_run("shadow", tests);
}
