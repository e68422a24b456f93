/* SPDX-License-Identifier: ISC */
/* guest_memory.c - addresses into shared memory, and lies about them */

#include <sys/mman.h>

#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "os/os.h"
#include "virtio/guest_memory.h"

static uint8_t a[8192], b[4096];

/* [0x1000,+8192) in a, [0x3000,+4096) in b right behind it. */
static void
two_regions(struct guest_memory *m)
{
	struct guest_region r = {
		.gpa = 0x1000, .user = 0x7000000, .len = sizeof(a), .host = a,
	};

	guest_memory_init(m);
	assert_int_equal(guest_memory_add(m, &r, NULL), 0);
	r = (struct guest_region){
		.gpa = 0x3000, .user = 0x9000000, .len = sizeof(b), .host = b,
	};
	assert_int_equal(guest_memory_add(m, &r, NULL), 0);
}

static void
pointers(void **state)
{
	struct guest_memory m;

	(void)state;
	two_regions(&m);
	assert_ptr_equal(guest_memory_at(&m, 0x1000, 1), a);
	assert_ptr_equal(guest_memory_at(&m, 0x1000, 8192), a);
	assert_ptr_equal(guest_memory_at(&m, 0x2fff, 1), a + 8191);
	assert_ptr_equal(guest_memory_at(&m, 0x3000, 4096), b);
	assert_null(guest_memory_at(&m, 0x2fff, 2));	/* two regions */
	assert_null(guest_memory_at(&m, 0xfff, 1));
	assert_null(guest_memory_at(&m, 0x4000, 1));
	assert_null(guest_memory_at(&m, 0x1000, 0));
	assert_null(guest_memory_at(&m, 0x1000, UINT64_MAX));
	assert_null(guest_memory_at(&m, UINT64_MAX, 1));
	assert_ptr_equal(guest_memory_at_user(&m, 0x9000010, 16), b + 16);
	assert_null(guest_memory_at_user(&m, 0x9000010, 4096));
	assert_null(guest_memory_at_user(&m, 0x3000, 1));
	guest_memory_fini(&m);
}

static void
iovecs(void **state)
{
	struct guest_memory m;
	struct iovec iov[2];

	(void)state;
	two_regions(&m);
	assert_int_equal(guest_memory_iov(&m, 0x1000, 8192, iov, 1), 1);
	assert_int_equal(guest_memory_iov(&m, 0x2ff0, 0x20, iov, 2), 2);
	assert_ptr_equal(iov[0].iov_base, a + 0x1ff0);
	assert_int_equal(iov[0].iov_len, 16);
	assert_ptr_equal(iov[1].iov_base, b);
	assert_int_equal(iov[1].iov_len, 16);
	assert_int_equal(guest_memory_iov(&m, 0x2ff0, 0x20, iov, 1), -1);
	assert_int_equal(guest_memory_iov(&m, 0x3ff0, 0x20, iov, 2), -1);
	assert_int_equal(guest_memory_iov(&m, 0x1000, 0, iov, 2), -1);
	assert_int_equal(guest_memory_iov(&m, UINT64_MAX, 2, iov, 2), -1);
	assert_int_equal(guest_memory_iov(&m, 0x1000, UINT64_MAX, iov, 2),
	    -1);
	assert_int_equal(guest_memory_iov(&m, 0x1000, 1, iov, 0), -1);
	guest_memory_fini(&m);
}

/* A region up to the last address there is. */
static void
top(void **state)
{
	struct guest_region r = {
		.gpa = UINT64_MAX - 4095, .user = UINT64_MAX - 4095,
		.len = 4096, .host = b,
	};
	struct guest_memory m;
	struct iovec iov[2];

	(void)state;
	guest_memory_init(&m);
	assert_int_equal(guest_memory_add(&m, &r, NULL), 0);
	assert_ptr_equal(guest_memory_at(&m, UINT64_MAX, 1), b + 4095);
	assert_null(guest_memory_at(&m, UINT64_MAX, 2));
	assert_int_equal(guest_memory_iov(&m, UINT64_MAX - 4095, 4096, iov,
	    2), 1);
	guest_memory_fini(&m);
}

/* What is written is marked by guest addresses, and nothing else is. */
static void
logged(void **state)
{
	uint8_t bits[1] = { 0 };
	struct guest_log log = { bits, sizeof(bits), -1 };
	struct guest_memory m;

	(void)state;
	two_regions(&m);
	guest_memory_wrote(&m, a, 1);		/* there is none */
	m.log = &log;
	guest_memory_wrote(&m, a, 0);
	guest_memory_wrote(&m, &m, 1);
	assert_int_equal(bits[0], 0);
	guest_memory_wrote(&m, a, 1);
	assert_int_equal(bits[0], 1 << 1);
	guest_memory_wrote(&m, a + 4095, 2);
	assert_int_equal(bits[0], 1 << 1 | 1 << 2);
	guest_memory_wrote(&m, b + 4095, 1);
	assert_int_equal(bits[0], 1 << 1 | 1 << 2 | 1 << 3);
	/* A log that is too short, and a length that cannot be. */
	guest_memory_wrote(&m, b, 1ULL << 40);
	assert_int_equal(bits[0], 0xff & ~1);
	log.bytes = 0;
	guest_memory_wrote(&m, a, sizeof(a));
	guest_memory_fini(&m);
}

static void
refused(void **state)
{
	static const struct guest_region bad[] = {
		{ .gpa = 0, .user = 0, .len = 0 },
		{ .gpa = 0x2000, .user = 0, .len = 1 },		/* overlap */
		{ .gpa = 0, .user = 0, .len = 0x1001 },
		{ .gpa = 0x10000, .user = 0x7000000, .len = 1 },
		{ .gpa = UINT64_MAX, .user = 0, .len = 2 },	/* wrap */
		{ .gpa = 0x10000, .user = UINT64_MAX, .len = 2 },
		{ .gpa = 0, .user = 0, .len = UINT64_MAX },
	};
	struct guest_region r = { .gpa = 0x100000, .user = 0, .len = 1,
	    .host = b };
	struct guest_memory m;
	struct err e;

	(void)state;
	two_regions(&m);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(guest_memory_add(&m, &bad[i], &e), -1);
	assert_int_equal(m.nregions, 2);
	while (m.nregions < GUEST_REGIONS_MAX) {
		assert_int_equal(guest_memory_add(&m, &r, &e), 0);
		r.gpa += 2;
		r.user += 2;
	}
	assert_int_equal(guest_memory_add(&m, &r, &e), -1);
	guest_memory_fini(&m);
}

static void
files(void **state)
{
	struct guest_region r = { .gpa = 0x1000, .user = 0x1000, .len = 4096 };
	struct guest_memory m;
	struct err e;
	int fd = os_memfd("t", 3 * 4096, &e), p[2];
	uint8_t *at;

	(void)state;
	assert_true(fd != -1);
	guest_memory_init(&m);
	/* Behind the end, also by wrapping. */
	assert_int_equal(guest_memory_map(&m, &r, fd, 2 * 4096 + 1, &e), -1);
	assert_int_equal(guest_memory_map(&m, &r, fd, UINT64_MAX - 8, &e),
	    -1);
	/* No file that has a length. */
	assert_int_equal(pipe(p), 0);
	assert_int_equal(guest_memory_map(&m, &r, p[0], 0, &e), -1);
	assert_int_equal(guest_memory_map(&m, &r, -1, 0, &e), -1);
	close(p[0]);
	close(p[1]);
	/* An offset inside of a page. */
	assert_int_equal(pwrite(fd, "hello", 5, 100), 5);
	assert_int_equal(guest_memory_map(&m, &r, fd, 100, &e), 0);
	close(fd);
	at = guest_memory_at(&m, 0x1000, 4096);
	assert_memory_equal(at, "hello", 5);
	guest_memory_fini(&m);
	assert_int_equal(m.nregions, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointers),
		cmocka_unit_test(iovecs),
		cmocka_unit_test(top),
		cmocka_unit_test(logged),
		cmocka_unit_test(refused),
		cmocka_unit_test(files),
	};

	return unit_run("guest_memory", tests);
}
