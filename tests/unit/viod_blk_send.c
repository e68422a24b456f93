/* SPDX-License-Identifier: ISC */
/*
 * viod_blk_send.c - a real viod blk of a VM that is sent: what it logs of
 * memory it writes, and marks of the disk
 */

#include "unit.h"
#include "blk.h"
#include "lib/written.h"

/* --- a log of what is written --------------------------------------------- */

#define LOG_BYTES	((DRIVE_GPA + DRIVE_BYTES) / GUEST_PAGE / 8)

struct log {
	int	 fd;
	uint8_t	*bits;
};

static void
log_make(struct log *l)
{
	struct err e;

	l->fd = os_memfd("log", LOG_BYTES, &e);
	assert_return_code(l->fd, 0);
	l->bits = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    l->fd, 0);
	assert_ptr_not_equal(l->bits, MAP_FAILED);
}

static void
log_end(struct log *l)
{
	(void)munmap(l->bits, LOG_BYTES);
	(void)close(l->fd);
}

/* How many pages are marked in all; -1: that at 'offset' is not. */
static int
log_take(struct log *l, uint64_t offset)
{
	uint64_t page = (DRIVE_GPA + offset) / GUEST_PAGE;
	bool found = (l->bits[page / 8] & 1 << page % 8) != 0;
	int n = 0;

	for (size_t i = 0; i < LOG_BYTES; i++)
		n += __builtin_popcount(l->bits[i]);
	memset(l->bits, 0, LOG_BYTES);
	return found ? n : -1;
}

static int
say_log(struct drive *d, const struct log *l, uint64_t bytes)
{
	struct err e;

	return frontend_log(&d->fe, l->fd, bytes, &e);
}

/*
 * While queues run: marked is what a read fills, and status and ring of
 * every request; nothing before, and nothing afterwards.
 */
static void
logged(void **state)
{
	const uint64_t log_all = VIRTIO_BIT(VHOST_F_LOG_ALL);
	struct frontend_queue fq;
	struct drive d;
	struct log l;
	struct err e;

	(void)state;
	log_make(&l);
	drive_init(&d, DISK_BYTES);
	up(&d, ALL & ~log_all, NULL, NULL);
	assert_true(frontend_can_log(&d.fe));
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 65536), 0);
	assert_int_equal(say_log(&d, &l, LOG_BYTES), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 65536), 0);
	assert_int_equal(log_take(&l, DRIVE_DATA), -1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(say_log(&d, &l, LOG_BYTES), 0);
		assert_int_equal(frontend_features(&d.fe, ALL, &e), 0);
		fq = drive_queue(&d, 0);
		assert_int_equal(frontend_addr(&d.fe, 0, &fq, &e), 0);
		(void)log_take(&l, 0);
		assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 8, 65536), 0);
		/* 16 of data, status, used ring. */
		assert_int_equal(log_take(&l, DRIVE_DATA + 65535), 18);
		assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 8, 65536), 0);
		assert_int_equal(log_take(&l, DRIVE_STATUS(0)), 2);
		assert_int_equal(frontend_features(&d.fe, ALL & ~log_all,
		    &e), 0);
		assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 8, 65536), 0);
		assert_int_equal(log_take(&l, DRIVE_DATA), -1);
	}
	drive_fini(&d);
	log_end(&l);
}

/* Logs that cannot be cost the connection, and what is short is not left. */
static void
logged_lies(void **state)
{
	struct drive d;
	struct log l;

	(void)state;
	log_make(&l);
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	/* Too short for any of the guest's memory. */
	assert_int_equal(say_log(&d, &l, 4096), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 65536), 0);
	assert_int_equal(say_log(&d, &l, LOG_BYTES + 1), -1);
	for (unsigned i = 0; i < 3; i++) {
		frontend_fini(&d.fe);
		drive_hello(&d, ALL);
		drive_start(&d, 0, 128);
		assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 65536), 0);
		assert_int_equal(say_log(&d, &l, i == 0 ? 0 : i == 1 ?
		    1ULL << 40 : UINT64_MAX), -1);
	}
	/* Queues do not move while they run. */
	frontend_fini(&d.fe);
	drive_hello(&d, ALL);
	drive_start(&d, 0, 128);
	{
		struct frontend_queue fq = drive_queue(&d, 0);
		struct err e;

		fq.addr.used += 4096;
		assert_int_equal(frontend_addr(&d.fe, 0, &fq, &e), -1);
		assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 4096), 0);
	}
	drive_fini(&d);
	log_end(&l);
}

/* --- marks of what was written -------------------------------------------- */

static int marks = -1;		/* ours, to read and write */
static int passed;		/* how viod has it open */

static void
pass_marks(void)
{
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", marks);
	fd = open(path, passed);
	if (fd == -1 || dup2(fd, 7) == -1)
		_exit(126);
}

static void
marks_up(struct drive *d, int flags, const char *engine)
{
	drive_init(d, DISK_BYTES);
	marks = memfd_create("marks", 0);
	assert_int_equal(ftruncate(marks, WRITTEN_HEAD + 64), 0);
	passed = flags;
	d->child = pass_marks;
	up(d, ALL, "-w7", engine);
}

static void
marks_down(struct drive *d)
{
	drive_fini(d);
	(void)close(marks);
	marks = -1;
}

/* The parts with that mark, as bits; the disk has 64 parts. */
static uint64_t
marked(uint8_t time)
{
	uint8_t m[64];
	uint64_t bits = 0;

	assert_int_equal(pread(marks, m, sizeof(m), WRITTEN_HEAD), 64);
	for (unsigned i = 0; i < 64; i++)
		bits |= (uint64_t)(m[i] == time) << i;
	return bits;
}

static void
marked_writes(const char *engine)
{
	static const struct virtio_blk_range zero[] = { { 1280, 64, 0 },
	    { 2560, 1, 0 } }, gone = { 4096, 512, 0 };
	const uint64_t part = WRITTEN_PART / SECTOR;
	struct drive d;

	marks_up(&d, O_RDWR, engine);
	assert_int_equal(written_tick(marks, NULL), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 4096), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_FLUSH, 0, 0), 0);
	assert_int_equal(marked(1), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, part - 1, 1024), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 64 * part - 1, 512), 0);
	assert_int_equal(marked(1), 1ULL << 63 | 3);
	/* Behind the disk: refused, and no mark. */
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 64 * part, 512),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(written_tick(marks, NULL), 1);
	assert_int_equal(ranges(&d, VIRTIO_BLK_T_WRITE_ZEROES, zero, 2), 0);
	assert_int_equal(ranges(&d, VIRTIO_BLK_T_DISCARD, &gone, 1), 0);
	assert_int_equal(marked(2), 1ULL << 10 | 1ULL << 20 | 0xfULL << 32);
	assert_int_equal(marked(1), 1ULL << 63 | 3);
	marks_down(&d);
}

static void
marks_kept(void **state)
{
	(void)state;
	marked_writes("-Eio_uring");
	marked_writes("-Ethreads");
}

/* Another process after one that was killed: nothing is forgotten. */
static void
marks_again(void **state)
{
	const uint64_t part = WRITTEN_PART / SECTOR;
	struct drive d;

	(void)state;
	marks_up(&d, O_RDWR, NULL);
	assert_int_equal(written_tick(marks, NULL), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 5 * part, 512), 0);
	frontend_fini(&d.fe);
	drive_kill(&d, SIGKILL);
	up(&d, ALL, "-w7", NULL);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 7 * part, 512), 0);
	assert_int_equal(marked(1), 1U << 5 | 1U << 7);
	/* A driver without a cache to flush, and a queue that is reset. */
	frontend_fini(&d.fe);
	drive_hello(&d, ALL & ~VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) &
	    ~VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE));
	drive_start(&d, 0, 128);
	assert_int_equal(written_tick(marks, NULL), 1);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 9 * part, 512), 0);
	assert_int_equal(marked(2), 1U << 9);
	marks_down(&d);
}

/* What cannot be marked did not go well; nobody asks: nothing to mark. */
static void
marks_refused(void **state)
{
	struct drive d;

	(void)state;
	marks_up(&d, O_RDONLY, NULL);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 0, 512), 0);
	assert_int_equal(written_tick(marks, NULL), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 0, 512),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 512), 0);
	marks_down(&d);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logged),
		cmocka_unit_test(logged_lies),
		cmocka_unit_test(marks_kept),
		cmocka_unit_test(marks_again),
		cmocka_unit_test(marks_refused),
	};

	(void)argc;
	(void)signal(SIGPIPE, SIG_IGN);
	viod = drive_viod(argv[0]);
	return unit_run("viod_blk_send", tests);
}
