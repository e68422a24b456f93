/* SPDX-License-Identifier: ISC */
/*
 * qcow2_crash.c - a qcow2 image after the worst
 *
 * A disk of viod's with its queue does some hundred requests; what it does to
 * the file is kept (writes.h).  Then, for each call of the file: the process
 * was killed after it; it failed, or it and all that follow; the host lost
 * power, and of what was not synced some parts are there.  Each time the
 * image must open again and have what was acknowledged, or flushed, and
 * qemu-img must find nothing but clusters that nobody uses.
 *
 * CRASH_CHECKS says how many images of each kind of death and of image
 * qemu-img is shown; all of them are opened and read.
 */

#include <limits.h>

#include "unit.h"
#include "writes.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/disk.h"

#define SECTOR		512U
#define DISK		(512U << 10)
#define SECTORS		(DISK / SECTOR)
#define SLOTS		4	/* requests at once */
#define REQUESTS	120	/* of a workload */
#define LEN_MAX		(40U << 10)
#define FILE_BYTES	(8U << 20)	/* more than an image becomes */

struct kind {
	const char	*options;
	const char	*base;		/* its format, or NULL */
	bool		 snapshot;	/* the image has one */
	bool		 old;		/* version 2 */
};

/* One request, and when it was told to whom. */
struct request {
	struct aio_req	 aio;
	struct iovec	 iov;
	enum aio_op	 op;
	uint32_t	 at, n;		/* sectors */
	unsigned	 from, to;	/* calls of the file when it was begun
					   and acknowledged; to UINT_MAX: not */
	bool		 failed;
	uint8_t		 data[LEN_MAX];
};

static char		 dir[64];
static unsigned		 checks = 6;
static struct request	 reqs[REQUESTS];
static unsigned		 nreqs, inflight;
static uint32_t		 before[SECTORS];	/* what the disk has at first */
static uint8_t		 first[FILE_BYTES];	/* the image at first */
static size_t		 first_len;
static uint8_t		 state[FILE_BYTES];

/* Its status. */
static int __attribute__((format(printf, 1, 2)))
sh(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;
	int n = snprintf(cmd, sizeof(cmd), "cd %s && ", dir);

	va_start(ap, fmt);
	(void)vsnprintf(cmd + n, sizeof(cmd) - (size_t)n, fmt, ap);
	va_end(ap);
	n = system(cmd);
	return WIFEXITED(n) ? WEXITSTATUS(n) : -1;
}

static const char *
path(const char *name)
{
	static char p[128];

	(void)snprintf(p, sizeof(p), "%s/%s", dir, name);
	return p;
}

/* --- a workload ----------------------------------------------------------- */

static void
on_done(void *arg, struct aio_req *aio)
{
	struct request *r = CONTAINER_OF(aio, struct request, aio);

	(void)arg;
	r->to = writes_done();
	r->failed = aio->error != 0;
	inflight--;
}

static void
on_batch(void *arg)
{
	(void)arg;
}

static bool
is_free(uint32_t at, uint32_t n)
{
	for (unsigned i = 0; i < nreqs; i++)
		if (reqs[i].to == UINT_MAX && reqs[i].at < at + n &&
		    at < reqs[i].at + reqs[i].n)
			return false;
	return true;
}

/* Each sector of a write says in its first bytes which request it was. */
static void
fill(struct request *r)
{
	uint32_t tag = (uint32_t)(r - reqs) + 1;

	memset(r->data, (int)tag, (size_t)r->n * SECTOR);
	for (uint32_t i = 0; i < r->n; i++)
		memcpy(r->data + (size_t)i * SECTOR, &tag, sizeof(tag));
}

static void
begin(struct disk *d)
{
	static const enum aio_op ops[] = { AIO_WRITE, AIO_WRITE, AIO_WRITE,
	    AIO_WRITE, AIO_WRITE, AIO_WRITE_SYNC, AIO_SYNC, AIO_PUNCH,
	    AIO_ZERO, AIO_READ };
	struct request *r = &reqs[nreqs];

	r->op = ops[(unsigned)rand() % COUNT(ops)];
	if (r->op == AIO_PUNCH && !disk_info(d)->punch)
		r->op = AIO_ZERO;
	do {
		r->n = 1 + (uint32_t)rand() % (rand() % 3 ? 12 :
		    LEN_MAX / SECTOR);
		r->at = (uint32_t)rand() % (SECTORS - r->n);
	} while (!is_free(r->at, r->n));
	if (r->op == AIO_SYNC)
		r->n = 0;
	else
		fill(r);
	r->iov = (struct iovec){ r->data, (size_t)r->n * SECTOR };
	r->aio = (struct aio_req){ .op = r->op, .iov = &r->iov, .niov = 1,
	    .offset = (uint64_t)r->at * SECTOR, .len = r->iov.iov_len };
	r->from = writes_done();
	r->to = UINT_MAX;
	r->failed = false;
	nreqs++;
	inflight++;
	disk_queue(d, &r->aio);
	disk_kick(d);
}

/* Of the image "a": all requests, and its end.  Calls of the file are kept. */
static void
work(unsigned fail, bool all, int error)
{
	struct aio_setup setup = { .fd = -1, .done = on_done,
	    .batch = on_batch };
	struct disk_options o = { .engine = "threads" };
	struct disk *d = NULL;
	struct err e;

	srand(3);
	nreqs = inflight = 0;
	assert_int_equal(event_loop_new(&setup.loop, &e), 0);
	assert_int_equal(image_files_open(&o.files, path("a"), IMAGE_QCOW2,
	    true, &e), 0);
	writes_begin(o.files.file[0].fd);
	writes.fail = fail;
	writes.all = all;
	writes.error = error;
	assert_int_equal(disk_open(&d, &setup, &o, &e), 0);
	while (nreqs < REQUESTS || inflight > 0) {
		if (nreqs < REQUESTS && inflight < SLOTS)
			begin(d);
		else
			disk_wait(d);
	}
	disk_close(d);
	writes.fd = -1;
	image_files_close(&o.files);
	event_loop_destroy(setup.loop);
}

/* --- what must be there --------------------------------------------------- */

struct truth {
	uint32_t	tags[REQUESTS + 1];	/* any of these */
	unsigned	n;
	bool		any;			/* or anything */
};

static bool
changes(const struct request *r)
{
	return r->op != AIO_READ && r->op != AIO_SYNC;
}

static uint32_t
tag_of(const struct request *r)
{
	return r->op == AIO_WRITE || r->op == AIO_WRITE_SYNC ?
	    (uint32_t)(r - reqs) + 1 : 0;
}

/* Of a sector, when the process was killed after n calls. */
static void
truth_killed(struct truth *t, uint32_t sector, unsigned n)
{
	t->any = false;
	t->n = 1;
	t->tags[0] = before[sector];
	for (const struct request *r = reqs; r < reqs + nreqs; r++) {
		if (!changes(r) || r->from > n || sector < r->at ||
		    sector >= r->at + r->n)
			continue;
		if (r->to <= n && !r->failed)
			t->n = 0;
		t->tags[t->n++] = tag_of(r);
	}
}

/* The same when the power was cut: from the last flush on, anything. */
static void
truth_cut(struct truth *t, uint32_t sector, unsigned n, unsigned flushed)
{
	t->any = false;
	t->n = 1;
	t->tags[0] = before[sector];
	for (const struct request *r = reqs; r < reqs + nreqs; r++) {
		if (!changes(r) || r->from > n || sector < r->at ||
		    sector >= r->at + r->n)
			continue;
		t->any = r->failed || r->to > n ||
		    (r->to > flushed && r->op != AIO_WRITE_SYNC);
		t->tags[0] = tag_of(r);
	}
}

/* When the last flush was begun that was acknowledged before n calls. */
static unsigned
flushed_at(unsigned n)
{
	unsigned at = 0;

	for (const struct request *r = reqs; r < reqs + nreqs; r++)
		if (r->op == AIO_SYNC && !r->failed && r->to <= n)
			at = MAX(at, r->from);
	return at;
}

static bool
is_true(const struct truth *t, uint32_t got)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->tags[i] == got)
			return true;
	return t->any;
}

/* --- an image after it ---------------------------------------------------- */

enum death { KILLED, CUT };

static void
put_state(size_t size)
{
	int fd;

	/* One that is cut and written again some file systems write out. */
	(void)unlink(path("a"));
	fd = open(path("a"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	for (size_t at = 0, n; at < size; at += n) {
		n = MIN(size - at, 4096);
		if (state[at] != 0 ||
		    memcmp(state + at, state + at + 1, n - 1) != 0)
			assert_int_equal(pwrite(fd, state + at, n,
			    (off_t)at), n);
	}
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(close(fd), 0);
}

static struct image *
open_image(struct image_files *files)
{
	struct image *im = NULL;
	struct err e;

	if (image_files_open(files, path("a"), IMAGE_QCOW2, true, &e) == -1 ||
	    image_open(&im, files, true, &e) == -1)
		fail_msg("%s", e.text);
	return im;
}

/* It opens, and says the truth. */
static void
read_all(enum death death, unsigned n)
{
	static uint8_t disk[DISK];
	unsigned flushed = flushed_at(n);
	struct image_files files;
	struct image *im = open_image(&files);
	struct truth t;
	uint32_t got;
	struct err e;

	assert_int_equal(image_read(im, 0, disk, DISK), 0);
	for (uint32_t i = 0; i < SECTORS; i++) {
		memcpy(&got, disk + (size_t)i * SECTOR, sizeof(got));
		if (death == KILLED)
			truth_killed(&t, i, n);
		else
			truth_cut(&t, i, n, flushed);
		if (!is_true(&t, got))
			fail_msg("after %u calls: sector %u is %u, not %u",
			    n, i, got, t.tags[0]);
	}
	assert_int_equal(image_close(im, &e), 0);
	image_files_close(&files);
}

static void
expect_whole(const char *what, unsigned n, bool leaks)
{
	int r = sh("qemu-img check -q a > out 2>&1");

	if (r == 0 || (leaks && r == 3))
		return;
	(void)sh("sed 's/^/# /' out | head -n 5 >&2");
	fail_msg("%s after %u calls: qemu-img check: %d", what, n, r);
}

/* Each of 'count' states is looked at; is this one shown to qemu-img, too? */
static bool
is_shown(unsigned i, unsigned count)
{
	return checks >= count || i % (count / checks) == 0 || i + 1 == count;
}

static void
start_image(const struct kind *k)
{
	char base[64] = "";
	int fd;

	if (k->base != NULL) {
		assert_int_equal(sh("rm -f base base.raw; for i in $(seq %u); "
		    "do printf 'base%%508s' ''; done > base.raw; "
		    "qemu-img convert -O %s base.raw base", SECTORS / 2,
		    k->base), 0);
		(void)snprintf(base, sizeof(base), "-b base -F %s", k->base);
	}
	for (uint32_t i = 0; i < SECTORS; i++) {
		before[i] = 0;
		if (k->base != NULL && i < SECTORS / 2)
			memcpy(&before[i], "base", 4);
	}
	assert_int_equal(sh("rm -f a; qemu-img create -q -f qcow2 -o %s %s a "
	    "%u", k->options, base, DISK), 0);
	if (k->snapshot) {
		uint32_t word = 0x5a5a5a5a;

		assert_int_equal(sh("qemu-io -f qcow2 -c 'write -P 0x5a 100k "
		    "200k' a > /dev/null && qemu-img snapshot -c then a"), 0);
		for (uint32_t i = 200; i < 600; i++)
			before[i] = word;
	}
	memset(first, 0, sizeof(first));
	fd = open(path("a"), O_RDONLY | O_CLOEXEC);
	first_len = (size_t)read(fd, first, sizeof(first));
	assert_true(first_len < sizeof(first));
	(void)close(fd);
}

static void
again(void)
{
	memcpy(state, first, sizeof(state));
	put_state(first_len);
}

/* --- deaths --------------------------------------------------------------- */

static void
killed(unsigned n)
{
	struct writes_file f = { state, sizeof(state), first_len };

	memcpy(state, first, sizeof(state));
	for (unsigned i = 0; i <= n; i++) {
		put_state(f.size);
		if (is_shown(i, n + 1))
			expect_whole("killed", i, true);
		read_all(KILLED, i);
		if (i < n)
			writes_apply(&f, &writes.call[i]);
	}
}

static void
power_cut(const struct kind *k, unsigned n)
{
	struct writes_file f;

	for (unsigned i = 0; i <= n; i++) {
		f = (struct writes_file){ state, sizeof(state), first_len };
		memcpy(state, first, sizeof(state));
		srand(i);
		(void)writes_cut(&f, i);
		put_state(f.size);
		/* It has no mark that says so. */
		if (k->old && !is_shown(i, n + 1))
			continue;
		if (k->old)
			(void)sh("qemu-img check -q -r all a > out 2>&1");
		read_all(CUT, i);
		if (is_shown(i, n + 1))
			expect_whole("cut", i, k->old);
	}
}

static void
fault(unsigned n, bool all)
{
	for (unsigned i = 0; i <= n; i++) {
		again();
		work(i, all, all ? ENOSPC : EIO);
		if (is_shown(i, n + 1))
			expect_whole("fault", i, true);
		read_all(KILLED, UINT_MAX - 1);
	}
}

static void
die(const struct kind *k)
{
	unsigned n;

	print_message("# %s%s%s\n", k->options, k->base != NULL ? ", base" :
	    "", k->snapshot ? ", snapshot" : "");
	start_image(k);
	work(0, false, 0);
	n = writes.n;
	print_message("# %u calls\n", n);
	read_all(KILLED, UINT_MAX - 1);
	expect_whole("closed", n, false);
	killed(n);
	power_cut(k, n);
	fault(n, false);
	fault(n, true);
}

#define KIND(name, ...)							\
static void								\
name(void **unused)							\
{									\
	static const struct kind k = { __VA_ARGS__ };			\
									\
	(void)unused;							\
	die(&k);							\
}

KIND(version_3, "cluster_size=64k", NULL, false, false)
KIND(with_base, "cluster_size=4k", "qcow2", false, false)
KIND(small_clusters, "cluster_size=512,refcount_bits=1", "raw", false, false)
KIND(with_snapshot, "cluster_size=4k,lazy_refcounts=on", NULL, true, false)
KIND(version_2, "compat=0.10,cluster_size=4k", "raw", false, true)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_3),
		cmocka_unit_test(with_base),
		cmocka_unit_test(small_clusters),
		cmocka_unit_test(with_snapshot),
		cmocka_unit_test(version_2),
	};
	const char *tmp = getenv("TMPDIR"), *n = getenv("CRASH_CHECKS");
	int ret;

	if (access("/usr/bin/qemu-img", X_OK) == -1) {
		printf("1..0 # SKIP no qemu-img\n");
		return 0;
	}
	if (n != NULL)
		checks = (unsigned)MAX(atoi(n), 1);
	(void)snprintf(dir, sizeof(dir), "%.40s/crash.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	ret = unit_run("qcow2_crash", tests);
	free(writes.bytes);
	(void)sh("rm -rf %s", dir);
	return ret;
}
