/* SPDX-License-Identifier: ISC */
/* vmm_dev.c - console and balloon, with good drivers and with lying ones */

#include <sys/socket.h>

#include <fcntl.h>

#include "unit.h"
#include "vmm_kit.h"
#include "vmm/dev/balloon.h"
#include "vmm/dev/console.h"

#define BASE	(VIRTIO_BIT(VIRTIO_F_VERSION_1) |			\
		VIRTIO_BIT(VIRTIO_F_EVENT_IDX))

/* --- console ------------------------------------------------------------- */

struct terminal {
	struct kit		 k;
	struct kit_driver	 d;
	struct vio		*vio;
	int			 fd;		/* the reader's end */
};

static struct vio *
console_on(struct kit *k, int *fd)
{
	struct vio_console_setup s = { .board = &k->board, .name = "console" };
	struct vio *vio;
	int sv[2], small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	(void)setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	(void)fcntl(sv[1], F_SETFL, O_NONBLOCK);
	s.fd = sv[0];
	*fd = sv[1];
	assert_int_equal(vio_console_new(&vio, &s, NULL), 0);
	return vio;
}

static void
terminal_drive(struct terminal *t)
{
	kit_driver_init(&t->d, &t->k, 1, true);
	assert_int_equal(kit_driver_features(&t->d, BASE | 1), 11);
	kit_driver_queue(&t->d, 0, 16);
	kit_driver_queue(&t->d, 1, 16);
	kit_driver_ok(&t->d);
}

static void
terminal_new(struct terminal *t)
{
	kit_init(&t->k);
	t->vio = console_on(&t->k, &t->fd);
	terminal_drive(t);
}

static void
terminal_end(struct terminal *t)
{
	vio_unplug(t->vio);
	if (t->fd != -1)
		(void)close(t->fd);
	kit_fini(&t->k);
}

/* Put a chain of n pieces of len bytes into the queue; its memory. */
static uint8_t *
put(struct terminal *t, unsigned q, unsigned n, uint32_t len)
{
	struct virtq_buf b[8];
	uint64_t gpa = kit_alloc(&t->d, (size_t)n * len);

	for (unsigned i = 0; i < n; i++)
		b[i] = (struct virtq_buf){ gpa + i * len, len };
	assert_true(virtq_driver_add(&t->d.q[q], b, q == 1 ? n : 0,
	    q == 1 ? 0 : n, t));
	return memory_at(t->k.board.memory, gpa, (uint64_t)n * len);
}

static bool
done(struct terminal *t, unsigned q, uint32_t *written)
{
	void *cookie;

	return virtq_driver_get(&t->d.q[q], &cookie, written);
}

static void
console_output(void **state)
{
	struct terminal t;
	char buf[64] = "";
	uint32_t n;

	(void)state;
	terminal_new(&t);
	assert_int_equal(kit_read(&t.k, t.d.device, 8), 0x100000000);
	memcpy(put(&t, 1, 3, 4), "hello, world", 12);
	(void)virtq_driver_wait(&t.d.q[1]);
	kit_kick(&t.d, 1);
	assert_int_equal(read(t.fd, buf, sizeof(buf)), 12);
	assert_string_equal(buf, "hello, world");
	assert_true(done(&t, 1, &n));
	assert_int_equal(kit_sent(&t.k), 1);
	assert_int_equal(t.k.vm.sent[0].data, 0x22);
	/* A character in need, without any queue. */
	kit_common_set(&t.d, 0x14, 1, 0);
	kit_write(&t.k, t.d.device + 8, 4, '!');
	assert_int_equal(read(t.fd, buf, sizeof(buf)), 1);
	assert_int_equal(buf[0], '!');
	terminal_end(&t);
}

/* A slow reader: nothing is lost, the guest waits, nothing blocks. */
static void
console_slow(void **state)
{
	struct terminal t;
	uint8_t *mem, got[60000];
	size_t total = 0, want = sizeof(got);
	ssize_t n;
	uint32_t written;

	(void)state;
	terminal_new(&t);
	mem = put(&t, 1, 6, 10000);
	for (size_t i = 0; i < want; i++)
		mem[i] = (uint8_t)(i * 7 + i / 256);
	kit_kick(&t.d, 1);
	assert_false(done(&t, 1, &written));
	while (total < want) {
		n = read(t.fd, got + total, 1000);
		assert_true(n > 0 || errno == EAGAIN);
		total += n > 0 ? (size_t)n : 0;
		kit_turn(&t.k);
	}
	assert_memory_equal(got, mem, want);
	kit_turn(&t.k);
	assert_true(done(&t, 1, &written));
	assert_int_equal(read(t.fd, got, 1), -1);
	/* Nobody there any more: swallowed. */
	(void)close(t.fd);
	t.fd = -1;
	(void)put(&t, 1, 1, 100);
	(void)put(&t, 1, 1, 100);
	kit_kick(&t.d, 1);
	assert_true(done(&t, 1, &written));
	assert_true(done(&t, 1, &written));
	assert_null(t.vio->broken);
	terminal_end(&t);
}

static void
console_input(void **state)
{
	struct terminal t;
	uint8_t *mem;
	uint32_t n;

	(void)state;
	terminal_new(&t);
	/* Typed before the guest has room: kept. */
	assert_int_equal(write(t.fd, "abc", 3), 3);
	kit_turn(&t.k);
	mem = put(&t, 0, 1, 2);
	(void)virtq_driver_wait(&t.d.q[0]);
	kit_kick(&t.d, 0);
	kit_turn(&t.k);
	assert_true(done(&t, 0, &n));
	assert_int_equal(n, 2);
	assert_memory_equal(mem, "ab", 2);
	assert_int_equal(kit_sent(&t.k), 1);
	assert_int_equal(t.k.vm.sent[0].data, 0x21);
	mem = put(&t, 0, 2, 64);
	kit_kick(&t.d, 0);
	kit_turn(&t.k);
	assert_true(done(&t, 0, &n));
	assert_int_equal(n, 1);
	assert_int_equal(mem[0], 'c');
	/* Room before anything is typed. */
	mem = put(&t, 0, 1, 64);
	kit_kick(&t.d, 0);
	kit_turn(&t.k);
	assert_false(done(&t, 0, &n));
	assert_int_equal(write(t.fd, "xyz", 3), 3);
	kit_turn(&t.k);
	assert_true(done(&t, 0, &n));
	assert_memory_equal(mem, "xyz", 3);
	/* The other end goes while the guest waits. */
	(void)put(&t, 0, 1, 64);
	kit_kick(&t.d, 0);
	(void)close(t.fd);
	t.fd = -1;
	for (unsigned i = 0; i < 5; i++)
		kit_turn(&t.k);
	assert_false(done(&t, 0, &n));
	assert_null(t.vio->broken);
	terminal_end(&t);
}

static void
console_size(void **state)
{
	struct terminal t;

	(void)state;
	terminal_new(&t);
	kit_common_set(&t.d, 0x10, 2, 0);
	vio_console_resize(t.vio, 132, 43);
	assert_int_equal(kit_sent(&t.k), 1);
	assert_int_equal(t.k.vm.sent[0].data, 0x20);
	assert_int_equal(kit_read(&t.k, t.d.device, 4), 43 << 16 | 132);
	/* Behind the end, across it, and what cannot be written. */
	assert_int_equal(kit_read(&t.k, t.d.device + 12, 4), 0);
	assert_int_equal(kit_read(&t.k, t.d.device + 8, 8), 0);
	kit_write(&t.k, t.d.device, 8, UINT64_MAX);
	kit_write(&t.k, t.d.device + 8, 8, UINT64_MAX);
	assert_int_equal(kit_read(&t.k, t.d.device, 4), 43 << 16 | 132);
	terminal_end(&t);
}

/* Wrong directions, empty rooms, a chain that shrinks under our hands. */
static void
console_lies(void **state)
{
	struct terminal t;
	uint32_t n;
	char c;

	(void)state;
	terminal_new(&t);
	/* Output to be read into, input from what is to be sent. */
	assert_true(virtq_driver_add(&t.d.q[1],
	    &(struct virtq_buf){ 0x80000, 16 }, 0, 1, &t));
	assert_true(virtq_driver_add(&t.d.q[0],
	    &(struct virtq_buf){ 0x80000, 16 }, 1, 0, &t));
	assert_int_equal(write(t.fd, "q", 1), 1);
	kit_kick(&t.d, 0);
	kit_kick(&t.d, 1);
	assert_true(done(&t, 1, &n));
	assert_true(done(&t, 0, &n));
	assert_int_equal(n, 0);
	assert_int_equal(read(t.fd, &c, 1), -1);
	/* Part is sent; then the chain becomes shorter than that. */
	(void)put(&t, 1, 1, 60000);
	kit_kick(&t.d, 1);
	assert_false(done(&t, 1, &n));
	for (unsigned i = 0; i < 16; i++)
		t.d.q[1].desc[i].len = 1;
	for (unsigned i = 0; i < 300 && !done(&t, 1, &n); i++) {
		char sink[1000];

		if (read(t.fd, sink, sizeof(sink)) < 1)
			kit_turn(&t.k);
	}
	assert_null(t.vio->broken);
	/* Reset while the socket is full: what was half sent is forgotten. */
	(void)put(&t, 1, 1, 60000);
	kit_kick(&t.d, 1);
	kit_common_set(&t.d, 0x14, 1, 0);
	kit_turn(&t.k);
	terminal_drive(&t);
	memcpy(put(&t, 1, 1, 3), "new", 3);
	kit_kick(&t.d, 1);
	while (read(t.fd, &c, 1) == 1)
		kit_turn(&t.k);
	assert_int_equal(c, 'w');
	terminal_end(&t);
}

/* Saved with half a chain sent: the rest comes out of the other. */
static void
console_moves(void **state)
{
	struct terminal t;
	struct kit l;
	struct vio *other;
	uint8_t *mem, got[60000];
	size_t total = 0;
	ssize_t n;
	json_t *s;
	int fd;

	(void)state;
	terminal_new(&t);
	kit_init(&l);
	other = console_on(&l, &fd);
	mem = put(&t, 1, 6, 10000);
	for (size_t i = 0; i < sizeof(got); i++)
		mem[i] = (uint8_t)(i % 251);
	kit_kick(&t.d, 1);
	vio_console_resize(t.vio, 100, 30);
	vio_pause(t.vio);
	s = vio_save(t.vio);
	assert_non_null(s);
	while ((n = read(t.fd, got + total, 1000)) > 0)
		total += (size_t)n;
	assert_in_range(total, 1, sizeof(got) - 1);
	memcpy(memory_at(l.board.memory, 0, KIT_MEMORY),
	    memory_at(t.k.board.memory, 0, KIT_MEMORY), KIT_MEMORY);
	assert_int_equal(vio_load(other, s, NULL), 0);
	assert_int_equal(vio_resume(other, NULL), 0);
	while (total < sizeof(got)) {
		kit_turn(&l);
		n = read(fd, got + total, sizeof(got) - total);
		assert_true(n > 0 || errno == EAGAIN);
		total += n > 0 ? (size_t)n : 0;
	}
	assert_memory_equal(got, mem, sizeof(got));
	assert_int_equal(kit_read(&l, t.d.device, 4), 30 << 16 | 100);
	json_decref(s);
	(void)close(fd);
	vio_unplug(other);
	kit_fini(&l);
	terminal_end(&t);
}

/* --- balloon ------------------------------------------------------------- */

#define REPORTING	VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING)
#define STATS		VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ)

static void
balloon_new(struct terminal *t, uint64_t features)
{
	struct vio_balloon_setup s = {
		.board = &t->k.board, .name = "balloon", .bytes = 1 << 20,
		.deflate_on_oom = true, .reporting = true,
	};

	kit_init(&t->k);
	t->fd = -1;
	assert_int_equal(vio_balloon_new(&t->vio, &s, NULL), 0);
	kit_driver_init(&t->d, &t->k, 1, true);
	assert_int_equal(kit_driver_features(&t->d, BASE | features), 11);
	for (unsigned q = 0; q < 4; q++)
		kit_driver_queue(&t->d, q, 16);
	kit_driver_ok(&t->d);
}

/* A readable chain with these bytes in queue q, served. */
static void
tell(struct terminal *t, unsigned q, const void *bytes, uint32_t len)
{
	struct virtq_buf b = { kit_alloc(&t->d, len), len };

	memcpy(memory_at(t->k.board.memory, b.gpa, len), bytes, len);
	assert_true(virtq_driver_add(&t->d.q[q], &b, 1, 0, t));
	kit_kick(&t->d, q);
}

static void
balloon_pages(void **state)
{
	static const uint32_t pages[] = {
		0x203, 0x202, 0x201, 0x200, 0x300, 0x301, 0xffffffff,
		0x3ff, 0x400, 0x280,
	};
	struct vio_balloon_info info;
	struct terminal t;
	uint8_t *mem;
	uint32_t n;

	(void)state;
	balloon_new(&t, REPORTING | STATS);
	assert_int_equal(kit_read(&t.k, t.d.device, 4), 256);
	mem = memory_at(t.k.board.memory, 0, KIT_MEMORY);
	memset(mem + 0x200000, 0x5a, 0x200000);
	tell(&t, 0, pages, sizeof(pages));
	assert_true(done(&t, 0, &n));
	for (unsigned p = 0x200; p < 0x400; p++)
		assert_int_equal(mem[p * 4096 + 17], p < 0x204 || p == 0x280 ||
		    p == 0x300 || p == 0x301 ? 0 : 0x5a);
	kit_write(&t.k, t.d.device + 4, 4, 8);
	kit_write(&t.k, t.d.device, 4, 9999);
	tell(&t, 1, pages, 16);
	assert_true(done(&t, 1, &n));
	/* Free pages, by the fourth queue. */
	assert_true(virtq_driver_add(&t.d.q[3],
	    &(struct virtq_buf){ 0x310000, 0x8000 }, 0, 1, &t));
	kit_kick(&t.d, 3);
	assert_true(done(&t, 3, &n));
	assert_int_equal(n, 0);
	assert_int_equal(mem[0x310000], 0);
	assert_int_equal(mem[0x317fff], 0);
	assert_int_equal(mem[0x318000], 0x5a);
	vio_balloon_info(t.vio, &info);
	assert_int_equal(info.target, 1 << 20);
	assert_int_equal(info.actual, 8 << 12);
	assert_int_equal(info.reported, 0x8000);
	assert_int_equal(info.free, UINT64_MAX);
	terminal_end(&t);
}

static void
balloon_target(void **state)
{
	struct terminal t;
	struct err e;

	(void)state;
	balloon_new(&t, STATS);
	kit_common_set(&t.d, 0x10, 2, 0);
	assert_int_equal(vio_balloon_set(t.vio, 2 << 20, &e), 0);
	assert_int_equal(kit_sent(&t.k), 1);
	assert_int_equal(kit_read(&t.k, t.d.device, 8), 512);
	assert_int_equal(vio_balloon_set(t.vio, KIT_MEMORY + 4096, &e), -1);
	assert_int_equal(kit_read(&t.k, t.d.device, 8), 512);
	terminal_end(&t);
}

static void
balloon_stats(void **state)
{
	struct virtio_balloon_stat s[] = {
		{ VIRTIO_BALLOON_S_MEMFREE, 1000 },
		{ VIRTIO_BALLOON_S_MEMTOT, 4000 },
		{ 999, 7 }, { VIRTIO_BALLOON_S_MAX, 8 },
	};
	struct vio_balloon_info info;
	struct terminal t;
	uint32_t n;

	(void)state;
	balloon_new(&t, STATS);
	tell(&t, 2, s, sizeof(s));
	assert_false(done(&t, 2, &n));		/* ours until we ask */
	(void)virtq_driver_wait(&t.d.q[2]);
	vio_balloon_info(t.vio, &info);
	assert_int_equal(info.free, 1000);
	assert_int_equal(info.total, 4000);
	assert_int_equal(info.caches, UINT64_MAX);
	assert_true(done(&t, 2, &n));
	assert_int_equal(kit_sent(&t.k), 1);
	vio_balloon_info(t.vio, &info);		/* nothing to ask with */
	s[0].val = 2000;
	tell(&t, 2, s, 20);
	vio_balloon_info(t.vio, &info);
	assert_int_equal(info.free, 2000);
	/* More bytes than statistics, and less than one. */
	tell(&t, 2, s, 9);
	(void)virtq_driver_add(&t.d.q[2],
	    &(struct virtq_buf){ 0x80000, 0x10000 }, 1, 0, &t);
	kit_kick(&t.d, 2);
	vio_balloon_info(t.vio, &info);
	vio_balloon_info(t.vio, &info);
	assert_null(t.vio->broken);
	terminal_end(&t);
}

/* Without statistics the reports come one queue earlier. */
static void
balloon_queues(void **state)
{
	struct terminal t;
	uint8_t *mem;

	(void)state;
	balloon_new(&t, REPORTING);
	mem = memory_at(t.k.board.memory, 0, KIT_MEMORY);
	memset(mem + 0x310000, 1, 0x1000);
	(void)virtq_driver_add(&t.d.q[2],
	    &(struct virtq_buf){ 0x310000, 0x1000 }, 0, 1, &t);
	kit_kick(&t.d, 2);
	assert_int_equal(mem[0x310000], 0);
	terminal_end(&t);
	/* Not agreed upon: pages stay. */
	balloon_new(&t, 0);
	mem = memory_at(t.k.board.memory, 0, KIT_MEMORY);
	memset(mem + 0x310000, 1, 0x1000);
	(void)virtq_driver_add(&t.d.q[3],
	    &(struct virtq_buf){ 0x310000, 0x1000 }, 0, 1, &t);
	kit_kick(&t.d, 3);
	assert_int_equal(mem[0x310000], 1);
	terminal_end(&t);
}

static void
balloon_moves(void **state)
{
	struct vio_balloon_info info;
	struct terminal t, u;
	json_t *s;

	(void)state;
	balloon_new(&t, STATS);
	balloon_new(&u, STATS);
	assert_int_equal(vio_balloon_set(t.vio, 3 << 20, NULL), 0);
	kit_write(&t.k, t.d.device + 4, 4, 700);
	vio_pause(t.vio);
	s = vio_save(t.vio);
	vio_pause(u.vio);
	assert_int_equal(vio_load(u.vio, s, NULL), 0);
	assert_int_equal(vio_resume(u.vio, NULL), 0);
	vio_balloon_info(u.vio, &info);
	assert_int_equal(info.target, 3 << 20);
	assert_int_equal(info.actual, 700 << 12);
	json_decref(s);
	terminal_end(&t);
	terminal_end(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(console_output),
		cmocka_unit_test(console_slow),
		cmocka_unit_test(console_input),
		cmocka_unit_test(console_size),
		cmocka_unit_test(console_lies),
		cmocka_unit_test(console_moves),
		cmocka_unit_test(balloon_pages),
		cmocka_unit_test(balloon_target),
		cmocka_unit_test(balloon_stats),
		cmocka_unit_test(balloon_queues),
		cmocka_unit_test(balloon_moves),
	};

	return unit_run("vmm_dev", tests);
}
