/* SPDX-License-Identifier: ISC */
/* viod_blk.c - a real viod blk: integrity, durability, lies, crashes */

#include <sys/resource.h>
#include <sys/stat.h>

#include <seccomp.h>

#include "unit.h"
#include "blk.h"

static void
integrity(uint64_t features, const char *engine)
{
	static uint8_t shadow[DISK_BYTES];
	struct drive d;
	struct drive_req r;
	uint8_t *data, *file;
	uint32_t sectors;

	drive_init(&d, DISK_BYTES);
	data = d.mem + DRIVE_DATA;
	memset(shadow, 0, sizeof(shadow));
	up(&d, features, "-E", engine);
	srand(1);
	for (unsigned i = 0; i < 600; i++) {
		memset(&r, 0, sizeof(r));
		sectors = 1 + (uint32_t)rand() % 256;
		r.sector = (uint32_t)rand() % (DISK_BYTES / SECTOR - sectors);
		r.len = sectors * SECTOR;
		r.pieces = 1 + (unsigned)rand() % 60;
		r.data = DRIVE_DATA + (uint32_t)rand() % 4096;
		data = d.mem + r.data;
		r.type = rand() % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
		for (uint32_t b = 0; b < r.len; b++)
			data[b] = (uint8_t)rand();
		if (r.type == VIRTIO_BLK_T_OUT)
			memcpy(shadow + r.sector * SECTOR, data, r.len);
		assert_int_equal(drive_do(&d, 0, &r), VIRTIO_BLK_S_OK);
		if (r.type == VIRTIO_BLK_T_OUT)
			continue;
		assert_int_equal(r.written, r.len + 1);
		assert_memory_equal(data, shadow + r.sector * SECTOR, r.len);
	}
	assert_int_equal(rw(&d, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	file = mmap(NULL, DISK_BYTES, PROT_READ, MAP_SHARED, d.fd, 0);
	assert_memory_equal(file, shadow, DISK_BYTES);
	munmap(file, DISK_BYTES);
	drive_fini(&d);
}

static void
data_uring(void **state)
{
	(void)state;
	integrity(ALL, "io_uring");
	integrity(NO_EVENT, "io_uring");
}

static void
data_threads(void **state)
{
	(void)state;
	integrity(ALL, "threads");
}

/* What many containers do to io_uring. */
static void
refuse_uring(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (f == NULL || seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM),
	    SCMP_SYS(io_uring_setup), 0) != 0 || seccomp_load(f) != 0)
		_exit(126);
}

static void
data_refused(void **state)
{
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	d.child = refuse_uring;
	up(&d, ALL, NULL, NULL);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 3, 4096), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_FLUSH, 0, 0), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 3, 4096), 0);
	drive_fini(&d);
}

static void
refuse_sync(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (f == NULL || seccomp_rule_add(f, SCMP_ACT_ERRNO(EIO),
	    SCMP_SYS(fdatasync), 0) != 0 || seccomp_load(f) != 0)
		_exit(126);
}

/* What is not durable is not acknowledged as durable. */
static void
sync_fails(void **state)
{
	static const struct virtio_blk_range range = { 0, 8, 0 };
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	d.child = refuse_sync;
	up(&d, ALL, "-E", "threads");
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 3, 4096), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_FLUSH, 0, 0),
	    VIRTIO_BLK_S_IOERR);
	drive_fini(&d);
	drive_init(&d, DISK_BYTES);
	d.child = refuse_sync;
	up(&d, ALL & ~VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) &
	    ~VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE), "-E", "threads");
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 3, 4096),
	    VIRTIO_BLK_S_IOERR);
	memcpy(d.mem + DRIVE_DATA, &range, sizeof(range));
	assert_int_equal(rw(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(range)),
	    VIRTIO_BLK_S_IOERR);
	drive_fini(&d);
}

/* Write-through: neither FLUSH nor CONFIG_WCE accepted. */
static void
data_writethrough(void **state)
{
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL & ~VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) &
	    ~VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE), NULL, NULL);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 3, 4096), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 3, 4096), 0);
	drive_fini(&d);
}

static void
config(void **state)
{
	struct virtio_blk_config c;
	struct drive d;
	struct err e;
	unsigned queues;
	uint8_t off = 0;

	(void)state;
	drive_init(&d, DISK_BYTES + 100);
	up(&d, ALL, "-q", "3");
	assert_int_equal(frontend_config(&d.fe, &c, 0, sizeof(c), &e), 0);
	assert_int_equal(c.capacity, DISK_BYTES / SECTOR);
	assert_int_equal(c.blk_size, 512);
	assert_int_equal(c.seg_max, 126);
	assert_int_equal(c.num_queues, 3);
	assert_int_equal(c.writeback, 1);
	assert_int_equal(frontend_queues(&d.fe, &queues, &e), 0);
	assert_int_equal(queues, 3);
	assert_int_equal(frontend_config_set(&d.fe, &off,
	    offsetof(struct virtio_blk_config, writeback), 1, &e), 0);
	assert_int_equal(frontend_config(&d.fe, &c, 0, sizeof(c), &e), 0);
	assert_int_equal(c.writeback, 0);
	assert_int_equal(frontend_config_set(&d.fe, &off, 0, 1, &e), -1);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 0, 512), 0);
	drive_fini(&d);
}

static void
serial(void **state)
{
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, "-s", "twenty-bytes-exactly");
	memset(d.mem + DRIVE_DATA, 'x', 32);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_GET_ID, 0, 20), 0);
	assert_memory_equal(d.mem + DRIVE_DATA, "twenty-bytes-exactlyx", 21);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_GET_ID, 0, 6), 0);
	assert_int_equal(rw(&d, 77, 0, 0), VIRTIO_BLK_S_UNSUPP);
	drive_fini(&d);
}

static void
readonly(void **state)
{
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, "-r", NULL);
	assert_true(d.fe.features & VIRTIO_BIT(VIRTIO_BLK_F_RO));
	assert_false(d.fe.features & VIRTIO_BIT(VIRTIO_BLK_F_DISCARD));
	memset(d.mem + DRIVE_DATA, 'x', 512);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 0, 512),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 512), 0);
	assert_int_equal(d.mem[DRIVE_DATA], 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_FLUSH, 0, 0), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_DISCARD, 0, 16),
	    VIRTIO_BLK_S_UNSUPP);
	drive_fini(&d);
}

static void
discard(void **state)
{
	static const struct virtio_blk_range
	    two[] = { { 0, 1024, 0 }, { 2048, 1024, 0 } },
	    zero[] = { { 1024, 8, 0 }, { 1040, 8, 1 } },
	    far[] = { { DISK_BYTES / SECTOR, 1, 0 } },
	    wrap[] = { { UINT64_MAX, 2, 0 } },
	    flags[] = { { 0, 1, 2 } },
	    none[] = { { 0, 0, 0 } };
	struct virtio_blk_range many[17] = { { 0, 8, 0 } };
	struct stat before, after;
	uint8_t file[SECTOR];
	struct drive d;
	off_t data;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	memset(d.mem + DRIVE_DATA, 'x', 4 << 20);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 0, 4 << 20), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_FLUSH, 0, 0), 0);
	fstat(d.fd, &before);
	data = unit_data_bytes(d.fd);
	if (d.fe.features & VIRTIO_BIT(VIRTIO_BLK_F_DISCARD)) {
		assert_int_equal(ranges(&d, VIRTIO_BLK_T_DISCARD, two, 2), 0);
		fstat(d.fd, &after);
		assert_true(unit_data_bytes(d.fd) <= data - 2048 * SECTOR);
		assert_int_equal(after.st_size, before.st_size);
		assert_int_equal(ranges(&d, VIRTIO_BLK_T_DISCARD, flags, 1),
		    VIRTIO_BLK_S_UNSUPP);
		assert_int_equal(ranges(&d, VIRTIO_BLK_T_DISCARD, many, 17),
		    VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(ranges(&d, VIRTIO_BLK_T_WRITE_ZEROES, zero, 2), 0);
	for (unsigned s = 1024; s < 1064; s++) {
		assert_int_equal(pread(d.fd, file, SECTOR, s * SECTOR), 512);
		assert_int_equal(file[0],
		    s < 1032 || (s >= 1040 && s < 1048) ? 0 : 'x');
	}
	assert_int_equal(ranges(&d, VIRTIO_BLK_T_WRITE_ZEROES, far, 1), 1);
	assert_int_equal(ranges(&d, VIRTIO_BLK_T_WRITE_ZEROES, wrap, 1), 1);
	assert_int_equal(ranges(&d, VIRTIO_BLK_T_WRITE_ZEROES, none, 1), 1);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, 15), 1);
	drive_fini(&d);
}

/* Requests that do not fit the disk fail; the device goes on. */
static void
bounds(void **state)
{
	static const struct { uint64_t sector; uint32_t len; } bad[] = {
		{ DISK_BYTES / SECTOR, 512 }, { DISK_BYTES / SECTOR - 1, 1024 },
		{ UINT64_MAX, 512 }, { UINT64_MAX / 512, 512 }, { 0, 511 },
		{ 0, 513 }, { 1ULL << 55, 512 },
	};
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, bad[i].sector,
		    bad[i].len), VIRTIO_BLK_S_IOERR);
		assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, bad[i].sector,
		    bad[i].len), VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 0), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, DISK_BYTES / SECTOR, 0), 0);
	/* The file shrinks under us: an I/O error, not the end. */
	assert_int_equal(ftruncate(d.fd, 4096), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 4, 8192), 1);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 4096), 0);
	drive_fini(&d);
}

/* No room for the disk's blocks: I/O errors, and the device goes on. */
static void
no_space(void **state)
{
	struct rlimit old, small;
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	up(&d, ALL, NULL, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 0, 8192), 0);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 2048 + i * 8, 4096),
		    VIRTIO_BLK_S_IOERR);
	/* The first half fits. */
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 2040, 8192),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 2040, 4096), 0);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 2048, 4096), 0);
	drive_fini(&d);
}

/* All that fits is in flight at once, over several queues. */
static void
deep(struct drive *d, unsigned queues)
{
	static struct drive_req r[DRIVE_QUEUES][40];
	unsigned left[DRIVE_QUEUES];
	uint32_t written;
	void *cookie;

	for (unsigned q = 0; q < queues; q++) {
		left[q] = 40;
		for (unsigned i = 0; i < 40; i++) {
			r[q][i] = (struct drive_req){
				.type = i % 3 == 2 ? VIRTIO_BLK_T_FLUSH :
				    VIRTIO_BLK_T_OUT,
				.sector = (q * 40 + i) * 8,
				.len = i % 3 == 2 ? 0 : 4096,
				.pieces = 1, .slot = q * 40 + i,
				.data = DRIVE_DATA + (q * 40 + i) * 4096,
			};
			assert_true(drive_add(d, q, &r[q][i]));
		}
	}
	for (unsigned q = 0; q < queues; q++)
		drive_kick(d, q);
	for (unsigned q = 0; q < queues; q++)
		while (left[q] > 0)
			if (virtq_driver_get(&d->q[q], &cookie, &written)) {
				struct drive_req *done = cookie;

				assert_non_null(done);
				assert_int_equal(
				    d->mem[DRIVE_STATUS(done->slot)], 0);
				left[q]--;
			} else
				assert_true(drive_wait(d, q));
}

static void
multi_queue(void **state)
{
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, "-q", "4");
	for (unsigned q = 1; q < 4; q++)
		drive_start(&d, q, 128);
	for (unsigned i = 0; i < 20; i++)
		deep(&d, 4);
	drive_fini(&d);
}

/* Limits delay and drop nothing. */
static void
limits(void **state)
{
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, "-i", "400");
	deep(&d, 1);
	deep(&d, 1);
	drive_fini(&d);
	drive_init(&d, DISK_BYTES);
	up(&d, NO_EVENT, "-b", "2M");
	deep(&d, 1);
	deep(&d, 1);
	drive_fini(&d);
}

static void
reconnect(void **state)
{
	struct drive d;
	struct drive_req r;
	uint16_t base;
	struct err e;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(rw(&d, VIRTIO_BLK_T_OUT, 0, 4096), 0);
		/* Left with a request in flight, or after a proper stop. */
		if (i % 2 == 0) {
			r = (struct drive_req){ .type = VIRTIO_BLK_T_FLUSH };
			assert_true(drive_add(&d, 0, &r));
			drive_kick(&d, 0);
		} else {
			assert_int_equal(frontend_stop(&d.fe, 0, &base, &e),
			    0);
			assert_int_equal(base, 1);
		}
		frontend_fini(&d.fe);
		drive_hello(&d, i % 3 ? ALL : NO_EVENT);
		drive_start(&d, 0, 64);
	}
	drive_fini(&d);
}

/* The front-end changes memory and interrupts while the queue runs. */
static void
changes(void **state)
{
	struct frontend_region r;
	struct drive d;
	struct vhost_user_msg m;
	struct err e;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	r = (struct frontend_region){ .gpa = DRIVE_GPA, .len = DRIVE_BYTES,
	    .user = (uintptr_t)d.mem, .fd = d.memfd };
	for (unsigned i = 0; i < 20; i++) {
		deep(&d, 1);
		assert_int_equal(frontend_memory(&d.fe, &r, 1, &e), 0);
		vhost_user_init(&m, VHOST_USER_SET_VRING_CALL, 8);
		m.nfds = 1;
		m.fds[0] = d.call[0];
		assert_int_equal(frontend_call(&d.fe, &m, &e), 0);
	}
	/* The queue's own memory goes away: it stops, viod stays. */
	assert_int_equal(frontend_memory(&d.fe, NULL, 0, &e), 0);
	frontend_fini(&d.fe);
	drive_hello(&d, ALL);
	drive_start(&d, 0, 128);
	deep(&d, 1);
	drive_fini(&d);
}

/* --- crashes ------------------------------------------------------------- */

/* As up(), with a record of what is in flight, for queues up to len. */
static void
up_tracked(struct drive *d, struct vhost_user_inflight *in, uint16_t len,
    int *fd)
{
	const char *argv[] = { viod, "blk", "-d", "6", "-S", d->sock, NULL };
	struct err e;

	drive_exec(d, argv);
	drive_hello(d, ALL);
	memset(in, 0, sizeof(*in));
	in->num_queues = 1;
	in->queue_size = len;
	if (frontend_inflight_get(&d->fe, in, fd, &e) == -1 ||
	    frontend_inflight_set(&d->fe, in, *fd, &e) == -1)
		drive_die("inflight", &e);
	drive_start(d, 0, 128);
}

/* A new viod takes over the queue as it is. */
static void
take_over(struct drive *d, const struct vhost_user_inflight *in, int fd)
{
	const char *argv[] = { viod, "blk", "-d", "6", "-S", d->sock, NULL };
	struct frontend_queue fq = drive_queue(d, 0);
	struct err e;

	frontend_fini(&d->fe);
	drive_kill(d, SIGKILL);
	drive_exec(d, argv);
	drive_hello(d, ALL);
	fq.base = 0x1234;	/* of no meaning with a record */
	if (frontend_inflight_set(&d->fe, in, fd, &e) == -1 ||
	    frontend_start(&d->fe, 0, &fq, &e) == -1)
		drive_die("take over", &e);
}

/*
 * Killed under load, again and again: every request once, all data there.
 * The record is that of the longest queue; firmware takes a shorter one.
 */
static void
killed(void **state)
{
	enum { N = 30 };
	static struct drive_req r[N];
	struct vhost_user_inflight in;
	unsigned done[N], left;
	uint32_t written;
	struct drive d;
	void *cookie;
	int fd;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up_tracked(&d, &in, 1024, &fd);
	for (unsigned round = 0; round < 25; round++) {
		memset(done, 0, sizeof(done));
		for (unsigned i = 0; i < N; i++) {
			r[i] = (struct drive_req){
				.type = i % 5 == 4 ? VIRTIO_BLK_T_FLUSH :
				    VIRTIO_BLK_T_OUT,
				.sector = i * 64, .pieces = 2, .slot = i,
				.len = i % 5 == 4 ? 0 : 32768,
				.data = DRIVE_DATA + i * 32768,
			};
			memset(d.mem + r[i].data, (int)(round + i), 32768);
			assert_true(drive_add(&d, 0, &r[i]));
		}
		drive_kick(&d, 0);
		usleep((useconds_t)(rand() % 3000));
		take_over(&d, &in, fd);
		for (left = N; left > 0;) {
			if (!virtq_driver_get(&d.q[0], &cookie, &written)) {
				assert_true(drive_wait(&d, 0));
				continue;
			}
			assert_non_null(cookie);
			done[(struct drive_req *)cookie - r]++;
			left--;
		}
		for (unsigned i = 0; i < N; i++) {
			uint8_t c;

			assert_int_equal(done[i], 1);
			assert_int_equal(d.mem[DRIVE_STATUS(i)], 0);
			assert_int_equal(pread(d.fd, &c, 1,
			    (off_t)(i * 32768 + 32767)), 1);
			if (i % 5 != 4)
				assert_int_equal(c, (uint8_t)(round + i));
		}
	}
	close(fd);
	drive_fini(&d);
}

/*
 * A record as a crash leaves it: the second and third request of four were
 * popped, third first; the last batch had one request, was shown to the
 * guest, and not yet struck off.
 */
static void
replay(void **state)
{
	static struct drive_req r[4];
	struct vhost_user_inflight in;
	struct inflight *f;
	uint32_t written;
	struct drive d;
	void *cookie;
	int fd;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up_tracked(&d, &in, 128, &fd);
	drive_kill(&d, SIGKILL);
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct drive_req){
			.type = VIRTIO_BLK_T_OUT, .len = 512, .pieces = 1,
			.slot = i, .data = DRIVE_DATA + i * 512,
		};
		assert_true(drive_add(&d, 0, &r[i]));	/* heads 0 3 6 9 */
		memset(d.mem + r[i].data, (int)i + 1, 512);
	}
	(void)virtq_driver_show(&d.q[0]);
	f = mmap(NULL, in.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	assert_true(f != MAP_FAILED);
	f->version = 1;
	f->desc_num = 128;
	f->last_batch_head = 0;
	f->used_idx = 0;
	f->desc[0] = (struct inflight_desc){ .inflight = 1, .counter = 5 };
	f->desc[3] = (struct inflight_desc){ .inflight = 1, .counter = 9 };
	f->desc[6] = (struct inflight_desc){ .inflight = 1, .counter = 7 };
	d.q[0].used->ring[0] = (struct virtq_used_elem){ 0, 1 };
	d.q[0].used->idx = 1;
	take_over(&d, &in, fd);
	for (unsigned i = 0; i < 4; i++) {
		while (!virtq_driver_get(&d.q[0], &cookie, &written))
			assert_true(drive_wait(&d, 0));
		assert_non_null(cookie);
	}
	/* All write sector 0; the youngest was popped last: request 3. */
	assert_int_equal(d.mem[DRIVE_STATUS(0)], 0xff);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(d.mem[DRIVE_STATUS(i)], 0);
	munmap(f, in.mmap_size);
	close(fd);
	drive_fini(&d);
}

/* --- lies ---------------------------------------------------------------- */

/* The queue breaks, the process lives, a reset makes it good again. */
static void
expect_broken(struct drive *d)
{
	struct pollfd p = { .fd = d->err, .events = POLLIN };
	uint64_t v, one = 1;
	struct err e;

	(void)virtq_driver_show(&d->q[0]);
	assert_int_equal(write(d->kick[0], &one, 8), 8);
	assert_int_equal(poll(&p, 1, DRIVE_WAIT_MS), 1);
	assert_int_equal(read(d->err, &v, sizeof(v)), 8);
	assert_int_equal(frontend_reset(&d->fe, &e), 0);
	frontend_fini(&d->fe);
	drive_hello(d, ALL);
	drive_start(d, 0, 128);
	assert_int_equal(rw(d, VIRTIO_BLK_T_OUT, 0, 512), 0);
}

/* Descriptors 0.. as given, available as chain 0. */
static void
lie(struct drive *d, const struct virtq_desc *desc, unsigned n)
{
	struct virtq_driver *q = &d->q[0];

	memcpy(q->desc, desc, n * sizeof(*desc));
	q->avail->ring[q->avail_idx++ & (q->len - 1)] = 0;
	expect_broken(d);
}

static void
lies(void **state)
{
	const uint64_t at = DRIVE_GPA + DRIVE_DATA;
	const uint64_t end = DRIVE_GPA + DRIVE_BYTES;
	const struct virtq_desc chains[][3] = {
		{ { 0, 16, 0, 0 } },				/* address */
		{ { end - 8, 16, 0, 0 } },
		{ { UINT64_MAX - 8, 16, 0, 0 } },
		{ { at, UINT32_MAX, 0, 0 } },
		{ { at, 0, 0, 0 } },
		{ { at, 16, 1, 0 } },				/* loop */
		{ { at, 16, 1, 1 }, { at, 16, 1, 0 } },
		{ { at, 16, 1, 128 } },				/* index */
		{ { at, 16, 1, 65535 } },
		{ { at, 16, 3, 1 }, { at, 16, 0, 0 } },		/* order */
		{ { at, 16, 0, 0 } },				/* no status */
		{ { at, 15, 1, 1 }, { at, 1, 2, 0 } },		/* header */
		{ { at, 1, 2, 0 } },
		{ { at, 16, 5, 1 } },				/* indirect */
		{ { at, 15, 4, 0 } },
		{ { at, 0, 4, 0 } },
		{ { end, 16, 4, 0 } },
		{ { at, 0x7ffffff0, 4, 0 } },
		{ { at, 16 * 1025, 4, 0 } },
	};
	struct drive d;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		lie(&d, chains[i], 3);
	/* Heads and indices. */
	d.q[0].avail->ring[d.q[0].avail_idx++] = 999;
	expect_broken(&d);
	d.q[0].avail->ring[d.q[0].avail_idx++] = 128;
	expect_broken(&d);
	d.q[0].avail_idx = 2000;
	expect_broken(&d);
	d.q[0].avail_idx = 0x8000;
	expect_broken(&d);
	drive_fini(&d);
}

/* What the front-end may not say.  Each refusal leaves the device alive. */
static void
bad_front_end(void **state)
{
	struct frontend_region r;
	struct frontend_queue fq;
	struct vhost_user_inflight in = { .num_queues = 1, .queue_size = 64 };
	struct drive d;
	struct err e;
	int fd;

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	r = (struct frontend_region){ .gpa = 0, .len = DRIVE_BYTES + 4096,
	    .user = 4096, .fd = d.memfd };
	assert_int_equal(frontend_memory(&d.fe, &r, 1, &e), -1);
	r.len = DRIVE_BYTES;
	r.offset = 4096;
	assert_int_equal(frontend_memory(&d.fe, &r, 1, &e), -1);
	r.offset = UINT64_MAX - 4095;
	assert_int_equal(frontend_memory(&d.fe, &r, 1, &e), -1);
	r.offset = 0;
	r.gpa = UINT64_MAX - 4095;
	assert_int_equal(frontend_memory(&d.fe, &r, 1, &e), -1);
	fq = drive_queue(&d, 0);
	assert_int_equal(frontend_start(&d.fe, 0, &fq, &e), -1); /* runs */
	assert_int_equal(frontend_start(&d.fe, 1, &fq, &e), -1); /* none */
	assert_int_equal(frontend_inflight_get(&d.fe, &in, &fd, &e), -1);
	frontend_fini(&d.fe);
	drive_hello(&d, ALL);
	for (unsigned i = 0; i < 4; i++) {
		static const uint16_t lens[] = { 0, 3, 2048, 65535 };

		fq.len = lens[i];
		assert_int_equal(frontend_start(&d.fe, 0, &fq, &e), -1);
	}
	fq.len = 128;
	fq.kick = d.memfd;	/* nothing one can wait for */
	assert_int_equal(frontend_start(&d.fe, 0, &fq, &e), -1);
	fq.kick = d.kick[0];
	fq.addr.desc += 8;
	assert_int_equal(frontend_start(&d.fe, 0, &fq, &e), -1);
	fq.addr.desc = 16;
	assert_int_equal(frontend_start(&d.fe, 0, &fq, &e), -1);
	frontend_fini(&d.fe);
	drive_hello(&d, ALL);
	drive_start(&d, 0, 128);
	assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 512), 0);
	drive_fini(&d);
}

/*
 * Kicks by a pipe, where there are no eventfds.  One that is full before
 * anybody looks is emptied: nothing written to a full one would be seen.
 */
static void
kicked_by_a_pipe(void **state)
{
	struct pollfd room = { .events = POLLOUT };
	struct drive d;
	int p[2];

	(void)state;
	drive_init(&d, DISK_BYTES);
	up(&d, ALL, NULL, NULL);
	frontend_fini(&d.fe);
	drive_hello(&d, ALL);
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(p[1], "kicked!", 8) == 8)
		;
	assert_int_equal(dup3(p[0], d.kick[0], O_CLOEXEC), d.kick[0]);
	drive_start(&d, 0, 128);
	assert_int_equal(dup3(p[1], d.kick[0], O_CLOEXEC), d.kick[0]);
	room.fd = p[1];
	assert_int_equal(poll(&room, 1, DRIVE_WAIT_MS), 1);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(rw(&d, VIRTIO_BLK_T_IN, 0, 512), 0);
	(void)close(p[0]);
	(void)close(p[1]);
	drive_fini(&d);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_uring),
		cmocka_unit_test(data_threads),
		cmocka_unit_test(data_refused),
		cmocka_unit_test(data_writethrough),
		cmocka_unit_test(sync_fails),
		cmocka_unit_test(config),
		cmocka_unit_test(serial),
		cmocka_unit_test(readonly),
		cmocka_unit_test(discard),
		cmocka_unit_test(bounds),
		cmocka_unit_test(no_space),
		cmocka_unit_test(multi_queue),
		cmocka_unit_test(limits),
		cmocka_unit_test(reconnect),
		cmocka_unit_test(changes),
		cmocka_unit_test(killed),
		cmocka_unit_test(replay),
		cmocka_unit_test(kicked_by_a_pipe),
		cmocka_unit_test(lies),
		cmocka_unit_test(bad_front_end),
	};

	(void)argc;
	(void)signal(SIGPIPE, SIG_IGN);
	viod = drive_viod(argv[0]);
	return unit_run("viod_blk", tests);
}
