/* SPDX-License-Identifier: ISC */
/* virtq.c - both sides of a ring against each other, and lies */

#include <string.h>

#include "unit.h"
#include "virtio/virtq.h"
#include "virtio/virtq_driver.h"

#define GPA	0x100000ULL
#define USER	0x7f0000000000ULL
#define RING	0x4000		/* bytes for the ring */

static uint8_t memory[0x20000] __attribute__((aligned(4096)));

struct pair {
	struct guest_memory	 mem;
	struct virtq_driver	 driver;
	struct virtq		 q;
	struct virtq_chain	 c;
};

static void
setup(struct pair *p, uint16_t len, bool event_idx)
{
	struct guest_region r = {
		.gpa = GPA, .user = USER, .len = sizeof(memory),
		.host = memory,
	};
	struct virtq_addr a;

	memset(memory, 0, sizeof(memory));
	guest_memory_init(&p->mem);
	assert_int_equal(guest_memory_add(&p->mem, &r, NULL), 0);
	virtq_driver_init(&p->driver, memory, len, event_idx);
	a = virtq_driver_addr(&p->driver, USER);
	assert_int_equal(virtq_init(&p->q, &p->mem, len, &a, 0, NULL), 0);
	p->q.event_idx = event_idx;
	p->q.indirect = true;
}

/* One readable and one writable buffer. */
static bool
add(struct pair *p, void *cookie)
{
	static const struct virtq_buf b[2] = {
		{ GPA + RING, 100 }, { GPA + RING + 200, 50 },
	};

	return virtq_driver_add(&p->driver, b, 1, 1, cookie);
}

static void
there_and_back(void **state)
{
	struct pair p;
	int cookies[8];
	uint32_t written;
	void *cookie;

	(void)state;
	for (int event = 0; event < 2; event++) {
		setup(&p, 16, event);
		for (unsigned n = 0; n < 70000; n++) {	/* indices wrap */
			int *mine = &cookies[n % 8];

			assert_true(add(&p, mine));
			(void)virtq_driver_show(&p.driver);
			assert_true(virtq_pop(&p.q, &p.c));
			assert_int_equal(p.c.nout, 1);
			assert_int_equal(p.c.nin, 1);
			assert_int_equal(p.c.out_len, 100);
			assert_int_equal(p.c.in_len, 50);
			assert_ptr_equal(p.c.iov[1].iov_base,
			    memory + RING + 200);
			assert_false(virtq_pop(&p.q, &p.c));
			virtq_push(&p.q, p.c.head, n);
			(void)virtq_flush(&p.q);
			assert_true(virtq_driver_get(&p.driver, &cookie,
			    &written));
			assert_ptr_equal(cookie, mine);
			assert_int_equal(written, n);
		}
		assert_null(p.q.broken);
	}
}

static bool
marked(struct guest_log *log, uint64_t offset)
{
	uint64_t n = (GPA + offset) / GUEST_PAGE;

	return (log->bits[n / 8] & 1 << n % 8) != 0;
}

/*
 * The pages of a chain's writable pieces are marked when it is pushed, those
 * of the used ring when they change: neither before nor without a log.
 */
static void
logged(void **state)
{
	static const struct virtq_buf b[3] = {
		{ GPA + 0x8000, 0x1000 }, { GPA + 0xafff, 2 },
		{ GPA + 0xe000, 1 },
	};
	uint8_t bits[(GPA + sizeof(memory)) / GUEST_PAGE / 8] = { 0 };
	struct guest_log log = { bits, sizeof(bits), -1 };
	uint64_t used;
	struct pair p;

	(void)state;
	for (int event = 0; event < 2; event++) {
		setup(&p, 256, event);
		used = (uint64_t)((uint8_t *)p.q.used - memory);
		memset(bits, 0, sizeof(bits));
		p.mem.log = &log;
		assert_true(virtq_driver_add(&p.driver, b, 1, 2, &p));
		(void)virtq_driver_show(&p.driver);
		assert_true(virtq_pop(&p.q, &p.c));
		assert_false(marked(&log, 0xa000));
		virtq_push(&p.q, p.c.head, 1);
		assert_true(marked(&log, 0xa000) && marked(&log, 0xb000));
		assert_true(marked(&log, 0xe000));
		assert_false(marked(&log, 0x8000) || marked(&log, 0xc000));
		assert_true(marked(&log, used));
		/* Each step of the ring by itself. */
		memset(bits, 0, sizeof(bits));
		(void)virtq_flush(&p.q);
		assert_true(marked(&log, used));
		memset(bits, 0, sizeof(bits));
		virtq_notify_off(&p.q);
		assert_int_equal(marked(&log, used), !event);
		memset(bits, 0, sizeof(bits));
		(void)virtq_notify_on(&p.q);
		assert_true(marked(&log, event ? used + 4 + 256 * 8 : used));
		assert_false(marked(&log, 0xa000));
	}
}

/* A chain that has become bad after it was popped: pushed, and no harm. */
static void
logged_lies(void **state)
{
	uint8_t bits[(GPA + sizeof(memory)) / GUEST_PAGE / 8] = { 0 };
	struct guest_log log = { bits, sizeof(bits), -1 };
	struct virtq_desc *d;
	struct pair p;

	(void)state;
	setup(&p, 16, false);
	p.mem.log = &log;
	assert_true(add(&p, &p));
	(void)virtq_driver_show(&p.driver);
	assert_true(virtq_pop(&p.q, &p.c));
	d = (struct virtq_desc *)(void *)memory;
	for (unsigned i = 0; i < 16; i++)
		d[i].addr = 0;
	virtq_push(&p.q, p.c.head, 1);
	(void)virtq_flush(&p.q);
	assert_null(p.q.broken);
}

/* Kicks and interrupts only when the other side waits. */
static void
suppression(void **state)
{
	struct pair p;
	uint32_t written;
	void *cookie;

	(void)state;
	for (int event = 0; event < 2; event++) {
		setup(&p, 16, event);
		assert_false(virtq_notify_on(&p.q));
		assert_true(add(&p, &p));
		assert_true(virtq_driver_show(&p.driver));
		/* Nobody asked again: no second kick. */
		virtq_notify_off(&p.q);
		assert_true(add(&p, &p));
		assert_false(virtq_driver_show(&p.driver));
		/* Came too late: look again. */
		assert_true(virtq_notify_on(&p.q));
		virtq_notify_off(&p.q);
		virtq_driver_quiet(&p.driver);
		assert_true(virtq_pop(&p.q, &p.c));
		virtq_push(&p.q, p.c.head, 0);
		(void)virtq_flush(&p.q);
		assert_true(virtq_driver_get(&p.driver, &cookie, &written));
		assert_false(virtq_driver_wait(&p.driver));
		assert_true(virtq_pop(&p.q, &p.c));
		virtq_push(&p.q, p.c.head, 0);
		assert_true(virtq_flush(&p.q));
		assert_false(virtq_flush(&p.q));	/* nothing new */
		assert_false(virtq_notify_on(&p.q));
		assert_true(add(&p, &p));
		assert_true(virtq_driver_show(&p.driver));
	}
}

static void
unpop(void **state)
{
	struct pair p;
	uint16_t head;

	(void)state;
	setup(&p, 16, true);
	assert_true(add(&p, &p));
	(void)virtq_driver_show(&p.driver);
	assert_true(virtq_pop(&p.q, &p.c));
	head = p.c.head;
	virtq_unpop(&p.q, head);
	assert_int_equal(virtq_waiting(&p.q), 1);
	assert_true(virtq_pop(&p.q, &p.c));
	assert_int_equal(p.c.head, head);
}

static void
copying(void **state)
{
	const struct virtq_buf b[] = {
		{ GPA + RING, 3 }, { GPA + RING + 16, 4 },
		{ GPA + RING + 32, 2 }, { GPA + RING + 48, 5 },
	};
	struct pair p;
	char text[16] = "";

	(void)state;
	setup(&p, 16, true);
	memcpy(memory + RING, "abc", 3);
	memcpy(memory + RING + 16, "defg", 4);
	assert_true(virtq_driver_add(&p.driver, b, 2, 2, &p));
	(void)virtq_driver_show(&p.driver);
	assert_true(virtq_pop(&p.q, &p.c));
	assert_int_equal(virtq_copy_out(&p.c, 0, text, 16), 7);
	assert_memory_equal(text, "abcdefg", 7);
	assert_int_equal(virtq_copy_out(&p.c, 2, text, 3), 3);
	assert_memory_equal(text, "cde", 3);
	assert_int_equal(virtq_copy_out(&p.c, 7, text, 3), 0);
	assert_int_equal(virtq_copy_out(&p.c, UINT64_MAX, text, 3), 0);
	assert_int_equal(virtq_copy_in(&p.c, 1, "12345678", 8), 6);
	assert_memory_equal(memory + RING + 33, "1", 1);
	assert_memory_equal(memory + RING + 48, "23456", 5);
}

static void
indirect(void **state)
{
	struct virtq_desc t[3] = {
		{ GPA + RING, 16, VIRTQ_DESC_F_NEXT, 2 }, { 0, 0, 0, 0 },
		{ GPA + RING + 64, 8, VIRTQ_DESC_F_WRITE, 0 },
	};
	struct pair p;

	(void)state;
	setup(&p, 16, true);
	/* The table at an odd address, behind a plain descriptor. */
	memcpy(memory + RING + 0x1001, t, sizeof(t));
	p.driver.desc[0] = (struct virtq_desc){ GPA + RING, 10,
	    VIRTQ_DESC_F_NEXT, 1 };
	p.driver.desc[1] = (struct virtq_desc){ GPA + RING + 0x1001, 48,
	    VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE, 0 };
	p.driver.avail->idx = 1;
	assert_true(virtq_pop(&p.q, &p.c));
	assert_int_equal(p.c.nout, 2);
	assert_int_equal(p.c.nin, 1);
	assert_int_equal(p.c.out_len, 26);
}

/* Each is chain 0 of a fresh queue and must break it. */
static void
lies(void **state)
{
	const uint64_t at = GPA + RING, table = GPA + RING + 0x100;
	const struct virtq_desc bad[][2] = {
		{ { 0, 1, 0, 0 } }, { { at, 0, 0, 0 } },
		{ { at, UINT32_MAX, 0, 0 } }, { { UINT64_MAX, 1, 0, 0 } },
		{ { at, 1, 1, 0 } }, { { at, 1, 1, 16 } },
		{ { at, 1, 1, 1 }, { at, 1, 1, 1 } },
		{ { at, 1, 3, 1 }, { at, 1, 0, 0 } },
		{ { table, 16, 5, 1 } }, { { table, 8, 4, 0 } },
		{ { table, 0, 4, 0 } }, { { table, 16 * 1025, 4, 0 } },
		{ { GPA + sizeof(memory) - 8, 16, 4, 0 } },
		{ { table, 16, 4, 0 } },	/* indirect in indirect */
		{ { table + 16, 16, 4, 0 } },	/* leaves its table */
	};
	const struct virtq_desc inner[2] = {
		{ table, 16, 4, 0 }, { at, 1, 1, 1 },
	};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup(&p, 16, true);
		memcpy(memory + RING + 0x100, inner, sizeof(inner));
		memcpy(p.driver.desc, bad[i], sizeof(bad[i]));
		p.driver.avail->idx = 1;
		assert_false(virtq_pop(&p.q, &p.c));
		assert_non_null(p.q.broken);
		assert_int_equal(virtq_waiting(&p.q), 0);
		assert_false(virtq_notify_on(&p.q));
	}
}

static void
bad_indices(void **state)
{
	struct pair p;

	(void)state;
	setup(&p, 16, true);
	p.driver.avail->idx = 17;
	assert_false(virtq_pop(&p.q, &p.c));
	assert_non_null(p.q.broken);
	setup(&p, 16, true);
	p.driver.avail->ring[0] = 16;
	p.driver.avail->idx = 1;
	assert_false(virtq_pop(&p.q, &p.c));
	assert_non_null(p.q.broken);
	/* The same chain twice. */
	setup(&p, 16, true);
	p.driver.desc[0] = (struct virtq_desc){ GPA + RING, 1, 0, 0 };
	p.driver.avail->idx = 2;
	assert_true(virtq_pop(&p.q, &p.c));
	assert_false(virtq_pop(&p.q, &p.c));
	assert_non_null(p.q.broken);
}

static void
bad_setup(void **state)
{
	static const uint16_t lens[] = { 0, 3, 2048, 65535 };
	struct virtq_addr a;
	struct pair p;
	struct virtq q;
	struct err e;

	(void)state;
	setup(&p, 16, true);
	a = virtq_driver_addr(&p.driver, USER);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(virtq_init(&q, &p.mem, lens[i], &a, 0, &e),
		    -1);
	a.desc++;
	assert_int_equal(virtq_init(&q, &p.mem, 16, &a, 0, &e), -1);
	a = virtq_driver_addr(&p.driver, USER);
	a.avail++;
	assert_int_equal(virtq_init(&q, &p.mem, 16, &a, 0, &e), -1);
	a = virtq_driver_addr(&p.driver, USER);
	a.used += 2;
	assert_int_equal(virtq_init(&q, &p.mem, 16, &a, 0, &e), -1);
	a = virtq_driver_addr(&p.driver, USER);
	a.used = USER + sizeof(memory) - 100;
	assert_int_equal(virtq_init(&q, &p.mem, 16, &a, 0, &e), -1);
}

/* --- in-flight record ---------------------------------------------------- */

/*
 * Four chains; the device dies after 'steps' of: pop all, answer the third
 * and the first in one batch, answer the second.  Whatever the step, the
 * next device answers the rest, and every chain is answered once.
 */
static void
die_after(unsigned steps)
{
	static uint64_t record[4096];
	struct inflight *f = inflight_queue(record, 16, 0);
	struct virtq_addr a;
	struct pair p;
	struct virtq next;
	uint16_t heads[4], seen = 0;
	unsigned answered = 0;
	int cookies[4];

	memset(record, 0, sizeof(record));
	setup(&p, 16, true);
	assert_int_equal(virtq_track(&p.q, f, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(add(&p, &cookies[i]));
	(void)virtq_driver_show(&p.driver);
	for (unsigned i = 0; i < 4 && i < steps; i++) {
		assert_true(virtq_pop(&p.q, &p.c));
		heads[i] = p.c.head;
	}
	if (steps > 4)
		virtq_push(&p.q, heads[2], 0);
	if (steps > 5)
		virtq_push(&p.q, heads[0], 0);
	if (steps > 6)
		(void)virtq_flush(&p.q);
	if (steps > 7)
		virtq_push(&p.q, heads[1], 0);
	/* Seen by the guest, not yet struck off the record. */
	if (steps > 8)
		p.driver.used->idx = 3;

	a = virtq_driver_addr(&p.driver, USER);
	assert_int_equal(virtq_init(&next, &p.mem, 16, &a, 999, NULL), 0);
	assert_int_equal(virtq_track(&next, f, NULL), 0);
	while (virtq_pop(&next, &p.c)) {
		virtq_push(&next, p.c.head, 0);
		(void)virtq_flush(&next);
	}
	assert_null(next.broken);
	assert_int_equal(p.driver.used->idx, 4);
	for (; answered < 4; answered++)
		seen |= (uint16_t)(1U <<
		    p.driver.used->ring[answered].id);
	assert_int_equal(seen, 1 << 0 | 1 << 2 | 1 << 4 | 1 << 6);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(f->desc[i].inflight, 0);
}

static void
record(void **state)
{
	(void)state;
	for (unsigned steps = 0; steps <= 9; steps++)
		die_after(steps);
}

/* The record's memory is the front-end's: lies there harm nobody. */
static void
record_lies(void **state)
{
	static uint64_t memory_[4096];
	struct inflight *f = inflight_queue(memory_, 16, 0);
	uint16_t heads[VIRTQ_LEN_MAX];
	struct pair p;

	(void)state;
	setup(&p, 16, true);
	f->version = 1;
	f->desc_num = 32;
	assert_int_equal(virtq_track(&p.q, f, NULL), -1);
	f->desc_num = 16;
	f->version = 2;
	assert_int_equal(virtq_track(&p.q, f, NULL), -1);
	f->version = 1;
	f->used_idx = 40000;
	f->last_batch_head = 65535;
	for (unsigned i = 0; i < 16; i++)
		f->desc[i] = (struct inflight_desc){ .inflight = 1,
		    .next = 65535, .counter = UINT64_MAX };
	assert_int_equal(inflight_recover(f, 16, 0, heads), 16);
	assert_int_equal(virtq_track(&p.q, f, NULL), 0);
	/* All chains are empty descriptors: broken, not crashed. */
	assert_false(virtq_pop(&p.q, &p.c));
	assert_non_null(p.q.broken);
}

/* A device that answers what it was not asked, or rewrites descriptors. */
static void
device_lies(void **state)
{
	static const struct {
		uint16_t	idx;
		uint32_t	id;
	} lie[] = {
		{ 2, 0 }, { 0x8000, 0 }, { UINT16_MAX, 0 },	/* too many */
		{ 1, 1 }, { 1, 2 }, { 1, 15 },		/* not a head */
		{ 1, 16 }, { 1, UINT32_MAX }, { 1, 1U << 16 },
	};
	struct pair p;
	uint32_t written;
	void *cookie;

	(void)state;
	for (size_t i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
		setup(&p, 16, true);
		assert_true(add(&p, &p));
		p.driver.used->ring[0].id = lie[i].id;
		p.driver.used->idx = lie[i].idx;
		assert_false(virtq_driver_get(&p.driver, &cookie, &written));
		assert_non_null(p.driver.broken);
		/* It stays so. */
		p.driver.used->ring[0].id = 0;
		p.driver.used->idx = 1;
		assert_false(virtq_driver_get(&p.driver, &cookie, &written));
	}
	setup(&p, 16, true);
	for (unsigned i = 0; i < 8; i++)
		assert_true(add(&p, &p));
	memset(p.driver.desc, 0xff, 16 * sizeof(*p.driver.desc));
	for (unsigned i = 0; i < 8; i++)
		p.driver.used->ring[i] = (struct virtq_used_elem){
		    (7 - i) * 2, 1 };
	p.driver.used->idx = 8;
	for (unsigned i = 0; i < 8; i++) {
		assert_true(virtq_driver_get(&p.driver, &cookie, &written));
		assert_ptr_equal(cookie, &p);
	}
	assert_int_equal(p.driver.nfree, 16);
	/* Twice the same. */
	assert_true(add(&p, &p));
	assert_true(add(&p, &p));
	p.driver.used->ring[8].id = p.driver.used->ring[9].id = 0;
	p.driver.used->idx = 10;
	assert_true(virtq_driver_get(&p.driver, &cookie, &written));
	assert_false(virtq_driver_get(&p.driver, &cookie, &written));
	assert_non_null(p.driver.broken);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(logged),
		cmocka_unit_test(logged_lies),
		cmocka_unit_test(suppression),
		cmocka_unit_test(unpop),
		cmocka_unit_test(copying),
		cmocka_unit_test(indirect),
		cmocka_unit_test(lies),
		cmocka_unit_test(bad_indices),
		cmocka_unit_test(bad_setup),
		cmocka_unit_test(device_lies),
		cmocka_unit_test(record),
		cmocka_unit_test(record_lies),
	};

	return unit_run("virtq", tests);
}
