/* SPDX-License-Identifier: ISC */
/* written.c - marks of a disk, and copies of one that is written meanwhile */

#include <sys/mman.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "control/send_disk.h"
#include "lib/written.h"

#define PARTS		33
#define BYTES		((PARTS - 1) * (uint64_t)WRITTEN_PART + 4096)

static char		 dir[64];
static int		 dirfd_, disk, marks;
static struct written	 w;
static struct send_disk	 d;
static struct err	 e;
static uint8_t		 copy[BYTES], there[BYTES];

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-written.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	disk = openat(dirfd_, SEND_DISK_FILE, O_RDWR | O_CREAT, 0600);
	marks = openat(dirfd_, SEND_DISK_MARKS, O_RDWR | O_CREAT, 0600);
	memset(copy, 0, sizeof(copy));
	memset(&w, 0, sizeof(w));
	send_disk_init(&d);
	return disk == -1 || marks == -1 || ftruncate(disk, BYTES) == -1 ||
	    ftruncate(marks, (off_t)written_bytes(BYTES)) == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	send_disk_close(&d);
	written_close(&w);
	(void)close(disk);
	(void)close(marks);
	(void)unlinkat(dirfd_, SEND_DISK_FILE, 0);
	(void)unlinkat(dirfd_, SEND_DISK_MARKS, 0);
	(void)close(dirfd_);
	return rmdir(dir);
}

static void
put(uint64_t at, const void *data, size_t len)
{
	assert_int_equal(pwrite(disk, data, len, (off_t)at), len);
	written_mark(&w, at, len);
}

/* One round into the copy; bytes of it. */
static uint64_t
copy_round(void)
{
	static uint8_t piece[100000];	/* no multiple of anything */
	uint64_t place, all = 0;
	ssize_t n;

	while ((n = send_disk_read(&d, piece, sizeof(piece), &place, &e)) > 0) {
		assert_true(place + (uint64_t)n <= BYTES);
		memcpy(copy + place, piece, (size_t)n);
		all += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	return all;
}

static void
same(void)
{
	assert_int_equal(pread(disk, there, BYTES, 0), BYTES);
	assert_memory_equal(copy, there, BYTES);
}

static void
test_marks(void **state)
{
	uint64_t part = 0;
	int time;

	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	assert_int_equal(w.parts, PARTS);
	assert_int_equal(written_tick(marks, &e), 0);
	written_mark(&w, WRITTEN_PART - 1, 2);
	written_mark(&w, 5 * WRITTEN_PART, 1);
	written_mark(&w, BYTES - 1, 1);
	/* Behind the end, and nothing. */
	written_mark(&w, BYTES - 1, 1 << 20);
	written_mark(&w, BYTES + (1 << 20), 1);
	written_mark(&w, 7 * WRITTEN_PART, 0);
	time = written_tick(marks, &e);
	assert_int_equal(time, 1);
	{
		static const uint64_t want[] = { 0, 1, 5, PARTS - 1 };

		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(written_next(&part, marks,
			    (uint8_t)time, PARTS, &e), 1);
			assert_int_equal(part++, want[i]);
		}
	}
	assert_int_equal(written_next(&part, marks, (uint8_t)time, PARTS, &e),
	    0);
	/* All times, and again from the beginning. */
	for (unsigned i = 2; i < 600; i++)
		assert_int_equal(written_tick(marks, &e), i & 0xff);
	/* A file of another disk. */
	written_close(&w);
	assert_int_equal(written_open(&w, marks, BYTES + WRITTEN_PART, &e),
	    -1);
	assert_int_equal(written_open(&w, dirfd_, BYTES, &e), -1);
	assert_null(w.map);
	written_mark(&w, 0, 1);
}

static void
test_rounds(void **state)
{
	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	put(0, "before", 6);
	put(BYTES - 5, "end", 3);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	assert_int_equal(d.len, BYTES);
	assert_int_equal(send_disk_round(&d, false, &e), 1);
	/* The holes between are not read. */
	assert_true(copy_round() <= 2 * WRITTEN_PART);
	same();
	put(3 * WRITTEN_PART - 2, "meanwhile", 9);
	assert_int_equal(send_disk_round(&d, false, &e), 1);
	put(9 * WRITTEN_PART, "later", 5);
	assert_int_equal(copy_round(), 2 * WRITTEN_PART);
	/* Few: the guest is to stand now. */
	assert_int_equal(send_disk_round(&d, false, &e), 0);
	put(BYTES - 1, "!", 1);
	assert_int_equal(send_disk_round(&d, true, &e), 1);
	assert_int_equal(copy_round(), WRITTEN_PART + 4096);
	same();
}

/* It never gets quiet: there is an end all the same. */
static void
test_busy(void **state)
{
	static uint8_t much[20 * WRITTEN_PART];
	unsigned n = 0;

	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	while (send_disk_round(&d, false, &e) == 1) {
		(void)copy_round();
		memset(much, (int)++n, sizeof(much));
		put(n * WRITTEN_PART, much, sizeof(much));
	}
	assert_int_equal(n, SEND_DISK_ROUNDS_MAX);
	assert_int_equal(send_disk_round(&d, true, &e), 1);
	(void)copy_round();
	same();
}

/* Nobody marks: it goes as a whole, when the guest stands. */
static void
test_unmarked(void **state)
{
	(void)state;
	assert_int_equal(unlinkat(dirfd_, SEND_DISK_MARKS, 0), 0);
	assert_int_equal(pwrite(disk, "data", 4, 70000), 4);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	assert_int_equal(send_disk_round(&d, false, &e), 0);
	assert_int_equal(copy_round(), 0);
	assert_int_equal(send_disk_round(&d, true, &e), 1);
	assert_true(copy_round() > 0);
	same();
}

static void
test_not_marks(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(marks, 17), 0);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), -1);
	send_disk_close(&d);
	assert_int_equal(unlinkat(dirfd_, SEND_DISK_MARKS, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dirfd_, SEND_DISK_MARKS), 0);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), -1);
	send_disk_close(&d);
	/* It is cut while it is read: an error, and no more. */
	assert_int_equal(unlinkat(dirfd_, SEND_DISK_MARKS, 0), 0);
	(void)close(marks);
	marks = openat(dirfd_, SEND_DISK_MARKS, O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(marks, (off_t)written_bytes(BYTES)), 0);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	assert_int_equal(send_disk_round(&d, false, &e), 1);
	(void)copy_round();
	assert_int_equal(send_disk_round(&d, false, &e), 1);
	assert_int_equal(ftruncate(marks, WRITTEN_HEAD + 3), 0);
	{
		uint8_t b[16];
		uint64_t place;

		assert_int_equal(send_disk_read(&d, b, sizeof(b), &place, &e),
		    -1);
	}
	assert_int_equal(ftruncate(marks, 0), 0);
	assert_int_equal(send_disk_round(&d, true, &e), -1);
}

/*
 * Another process writes all the time, as viod does; when it has stopped one
 * more round makes the copy the same.
 */
static void
test_race(void **state)
{
	int stop[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	assert_int_equal(pipe(stop), 0);
	pid = fork();
	if (pid == 0) {
		uint32_t n = 1;
		char c;

		(void)fcntl(stop[0], F_SETFL, O_NONBLOCK);
		while (read(stop[0], &c, 1) == -1) {
			uint64_t at = n % (BYTES / 512) * 512;

			n = n * 1103515245 + 12345;
			if (pwrite(disk, &n, sizeof(n), (off_t)at) !=
			    (ssize_t)sizeof(n))
				_exit(1);
			written_mark(&w, at, sizeof(n));
		}
		_exit(0);
	}
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	for (unsigned i = 0; i < 300; i++) {
		/* More rounds than a sending has: times begin again. */
		d.rounds = i == 0 ? 0 : 1;
		assert_int_equal(send_disk_round(&d, false, &e), 1);
		(void)copy_round();
	}
	assert_int_equal(write(stop[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(send_disk_round(&d, true, &e), 1);
	(void)copy_round();
	same();
	(void)close(stop[0]);
	(void)close(stop[1]);
}

int
main(void)
{
#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_marks),
		TEST(test_rounds),
		TEST(test_busy),
		TEST(test_unmarked),
		TEST(test_not_marks),
		TEST(test_race),
	};

	return unit_run("written", tests);
}
