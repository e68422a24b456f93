/* SPDX-License-Identifier: ISC */
/* written.c - marks of a disk, and copies of one that is written meanwhile */

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "control/send_disk.h"
#include "lib/written.h"
#include "os/os.h"

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
	assert_int_equal(written_mark(&w, at, len), 0);
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
	assert_int_equal(written_mark(&w, 9 * WRITTEN_PART, 1), 0);
	assert_int_equal(written_tick(marks, &e), 0);
	assert_int_equal(written_mark(&w, WRITTEN_PART - 1, 2), 0);
	assert_int_equal(written_mark(&w, 5 * WRITTEN_PART, 1), 0);
	assert_int_equal(written_mark(&w, BYTES - 1, 1), 0);
	/* Behind the end, and nothing. */
	assert_int_equal(written_mark(&w, BYTES - 1, 1 << 20), 0);
	assert_int_equal(written_mark(&w, BYTES + (1 << 20), 1), 0);
	assert_int_equal(written_mark(&w, 7 * WRITTEN_PART, 0), 0);
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
	/* All times, and again from 1: what was never marked is not found. */
	for (unsigned i = 2; i < 600; i++) {
		time = written_tick(marks, &e);
		assert_int_equal(time, (i - 1) % 255 + 1);
		part = 9;
		assert_int_equal(written_next(&part, marks, (uint8_t)time, 10,
		    &e), 0);
	}
	/* A file of another disk. */
	written_close(&w);
	assert_int_equal(written_open(&w, marks, BYTES + WRITTEN_PART, &e),
	    -1);
	assert_int_equal(written_open(&w, dirfd_, BYTES, &e), -1);
	assert_null(w.head);
	assert_int_equal(written_mark(&w, 0, 1), 0);
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

/* What is cleared and never had data does not go; what had does. */
static void
test_zeroes(void **state)
{
	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	put(2 * WRITTEN_PART, "data", 4);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	assert_int_equal(send_disk_round(&d, false, &e), 1);
	(void)copy_round();
	put(5 * WRITTEN_PART, "more", 4);
	for (unsigned i = 0; i < PARTS - 1; i++)
		put(i * WRITTEN_PART, "\0\0\0\0", 4);
	assert_int_equal(send_disk_round(&d, false, &e), 1);
	/* One that had data, and is zeroes there now. */
	assert_int_equal(copy_round(), WRITTEN_PART);
	same();
	put(5 * WRITTEN_PART, "again", 5);
	assert_int_equal(send_disk_round(&d, true, &e), 1);
	assert_int_equal(copy_round(), WRITTEN_PART);
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
		static uint8_t b[WRITTEN_PART];
		uint64_t place;

		assert_int_equal(send_disk_read(&d, b, sizeof(b), &place, &e),
		    -1);
	}
	assert_int_equal(ftruncate(marks, 0), 0);
	assert_int_equal(send_disk_round(&d, true, &e), -1);
}

/* A part becomes a hole, as the guest discards it. */
static int
punch(uint64_t at)
{
	at -= at % WRITTEN_PART;
	return os_punch(disk, at, WRITTEN_PART) == -1 ? -1 :
	    written_mark(&w, at, WRITTEN_PART);
}

/* No room for a mark: it is said, and made up for later. */
static void
test_full(void **state)
{
	struct rlimit none = { 0, RLIM_INFINITY }, old;
	uint64_t part = 0;

	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	assert_int_equal(written_tick(marks, &e), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none.rlim_max = old.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(written_mark(&w, 0, 1), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(written_next(&part, marks, 1, PARTS, &e), 0);
	assert_int_equal(written_mark(&w, 0, 1), 0);
	part = 0;
	assert_int_equal(written_next(&part, marks, 1, PARTS, &e), 1);
	assert_int_equal(part, 0);
}

/* A process that does it again and again, until it is stopped. */
struct other {
	int	stop[2];
	pid_t	pid;
};

static void
other_start(struct other *o, int (*step)(void))
{
	char c;

	assert_int_equal(pipe(o->stop), 0);
	o->pid = fork();
	assert_int_not_equal(o->pid, -1);
	if (o->pid != 0)
		return;
	/* It ends with us, too. */
	(void)close(o->stop[1]);
	(void)fcntl(o->stop[0], F_SETFL, O_NONBLOCK);
	while (read(o->stop[0], &c, 1) == -1)
		if (step() == -1)
			_exit(1);
	_exit(0);
}

static void
other_stop(struct other *o)
{
	int status;

	assert_int_equal(write(o->stop[1], "x", 1), 1);
	assert_int_equal(waitpid(o->pid, &status, 0), o->pid);
	assert_int_equal(status, 0);
	(void)close(o->stop[0]);
	(void)close(o->stop[1]);
}

static int
write_some(void)
{
	static uint32_t n = 1;
	uint64_t at = n % (BYTES / 512) * 512;

	n = n * 1103515245 + 12345;
	if (pwrite(disk, &n, sizeof(n), (off_t)at) != (ssize_t)sizeof(n) ||
	    written_mark(&w, at, sizeof(n)) == -1)
		return -1;
	return n % 8 == 0 ? punch(at) : 0;
}

/*
 * Another process writes all the time, as viod does; when it has stopped one
 * more round makes the copy the same.
 */
static void
test_race(void **state)
{
	struct other o;

	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	other_start(&o, write_some);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	for (unsigned i = 0; i < 300; i++) {
		/* More rounds than a sending has: times begin again. */
		d.rounds = i % 4 != 0;
		if (d.rounds == 0)
			memset(copy, 0, sizeof(copy));
		assert_int_equal(send_disk_round(&d, false, &e), 1);
		(void)copy_round();
	}
	other_stop(&o);
	assert_int_equal(send_disk_round(&d, true, &e), 1);
	(void)copy_round();
	same();
}

static int
hole_or_not(void)
{
	if (pwrite(disk, "x", 1, 8 * WRITTEN_PART) != 1)
		return -1;
	return punch(8 * WRITTEN_PART);
}

/* What has data becomes a hole while its end is looked for. */
static void
test_holes(void **state)
{
	struct other o;

	(void)state;
	assert_int_equal(written_open(&w, marks, BYTES, &e), 0);
	assert_int_equal(pwrite(disk, "end", 3, BYTES - 3), 3);
	other_start(&o, hole_or_not);
	assert_int_equal(send_disk_open(&d, dirfd_, &e), 0);
	for (unsigned i = 0; i < 20000; i++) {
		d.rounds = 0;
		assert_int_equal(send_disk_round(&d, false, &e), 1);
		copy[BYTES - 1] = 0;
		(void)copy_round();
		assert_int_equal(copy[BYTES - 1], 'd');
	}
	other_stop(&o);
}

int
main(void)
{
#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_marks),
		TEST(test_rounds),
		TEST(test_zeroes),
		TEST(test_busy),
		TEST(test_unmarked),
		TEST(test_not_marks),
		TEST(test_full),
		TEST(test_race),
		TEST(test_holes),
	};

	return unit_run("written", tests);
}
