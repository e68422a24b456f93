/* SPDX-License-Identifier: ISC */
/*
 * qcow2.c - images against a raw twin, and against qemu-img
 *
 * Random writes, zeroes, discards, syncs and re-openings of a qcow2 image and
 * of a raw file; after each batch qemu-img checks the image and compares the
 * two.  QCOW2_OPS says how many operations each kind of image gets.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "disk/image.h"
#include "lib/util.h"
#include "os/os.h"
#include "unit.h"

#define BATCHES	4	/* checks of an image */
#define LEN_MAX	(256U << 10)
#define DISK	(6U << 20)

static char dir[64];
static unsigned ops = 200;

struct kind {
	unsigned	version, cluster_bits, order;
	bool		backed, lazy;
};

static void __attribute__((format(printf, 1, 2)))
run(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	int n, r;

	n = snprintf(cmd, sizeof(cmd), "cd %s && ", dir);
	va_start(ap, fmt);
	(void)vsnprintf(cmd + n, sizeof(cmd) - (size_t)n, fmt, ap);
	va_end(ap);
	r = system(cmd);
	if (r != 0)
		print_message("# %s: %d\n", cmd, r);
	assert_int_equal(r, 0);
}

static const char *
path(const char *name)
{
	static char p[2][128];
	static unsigned i;

	i = !i;
	(void)snprintf(p[i], sizeof(p[i]), "%s/%s", dir, name);
	return p[i];
}

static int
make(const char *name, const struct qcow2_new *n)
{
	struct err e;
	int fd = open(path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);

	assert_int_not_equal(fd, -1);
	if (qcow2_create(fd, n, &e) == -1) {
		print_message("# %s\n", e.text);
		fail();
	}
	return close(fd);
}

struct world {
	struct image_files	 files;
	struct image		*im;
	int			 raw;
	uint8_t			*buf;
	uint8_t			*twin;
	uint64_t		 size;
};

static void
open_world(struct world *w)
{
	struct err e;

	if (image_files_open(&w->files, path("a.qcow2"), IMAGE_QCOW2, true,
	    &e) == -1 || image_open(&w->im, &w->files, true, &e) == -1) {
		print_message("# %s\n", e.text);
		fail();
	}
}

static void
close_world(struct world *w)
{
	struct err e;

	assert_int_equal(image_close(w->im, &e), 0);
	image_files_close(&w->files);
}

static void
op_write(struct world *w, uint64_t offset, size_t len)
{
	memset(w->buf, 1 + rand() % 255, len);
	for (unsigned i = 0; i < 8; i++)
		w->buf[(size_t)rand() % len] = (uint8_t)rand();
	assert_int_equal(image_write(w->im, offset, w->buf, len), 0);
	assert_int_equal(pwrite(w->raw, w->buf, len, (off_t)offset), len);
}

static void
op_read(struct world *w, uint64_t offset, size_t len)
{
	assert_int_equal(image_read(w->im, offset, w->buf, len), 0);
	assert_int_equal(pread(w->raw, w->twin, len, (off_t)offset), len);
	assert_memory_equal(w->buf, w->twin, len);
}

static void
op_zero(struct world *w, uint64_t offset, uint64_t len, bool punch)
{
	uint64_t cluster =
	    1ULL << qcow2_header(w->im->qcow2)->cluster_bits;

	offset -= offset % cluster;
	len = MIN(len + cluster - len % cluster, w->size - offset);
	if (qcow2_zero(w->im->qcow2, offset, len, punch) == -1) {
		assert_int_equal(errno, EOPNOTSUPP);
		return;
	}
	assert_int_equal(os_zero(w->raw, offset, len), 0);
}

static void
op_sync(struct world *w)
{
	qcow2_sync_begun(w->im->qcow2);
	qcow2_sync_ended(w->im->qcow2, true);
}

static void
step(struct world *w)
{
	uint64_t offset = (uint64_t)rand() % (w->size / 512) * 512;
	size_t len = 512 + (size_t)rand() % (rand() % 4 ? 8192 : LEN_MAX) /
	    512 * 512;

	len = MIN(len, w->size - offset);
	switch (rand() % 10) {
	case 0:
		op_zero(w, offset, len, true);
		break;
	case 1:
		op_zero(w, offset, len, false);
		break;
	case 2:
		op_sync(w);
		break;
	case 3: case 4:
		op_read(w, offset, len);
		break;
	default:
		op_write(w, offset, len);
	}
}

static void
fill(struct world *w, const char *name)
{
	int fd = open(path(name), O_RDWR | O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	for (unsigned i = 0; i < 60; i++) {
		uint64_t offset = (uint64_t)rand() % (w->size / 512) * 512;
		size_t len = MIN(w->size - offset, 40000);

		memset(w->buf, rand(), len);
		assert_int_equal(pwrite(fd, w->buf, len, (off_t)offset), len);
	}
	assert_int_equal(close(fd), 0);
}

/* The base: a raw file, half as large as the disk, below a qcow2. */
static void
make_base(struct world *w)
{
	w->size /= 2;
	run("rm -f base mid.qcow2; truncate -s %llu base",
	    (unsigned long long)w->size);
	fill(w, "base");
	w->size *= 2;
	run("qemu-img create -q -f qcow2 -b base -F raw mid.qcow2 %llu",
	    (unsigned long long)w->size);
	run("qemu-io -c 'write -P 7 1M 300k' -c 'write -z 2M 128k' "
	    "mid.qcow2 >/dev/null");
	run("qemu-img convert -O raw mid.qcow2 twin");
}

static void
check(struct world *w)
{
	run("qemu-img check -q a.qcow2");
	run("qemu-img compare -q -f qcow2 -F raw a.qcow2 twin");
	(void)w;
}

static void
random_ops(const struct kind *k)
{
	struct world w = { .size = DISK + 1536 };
	struct qcow2_new n = {
		.size = w.size, .version = k->version,
		.cluster_bits = k->cluster_bits,
		.refcount_order = k->order, .lazy = k->lazy,
	};

	w.buf = malloc(LEN_MAX + 512);
	w.twin = malloc(LEN_MAX + 512);
	if (k->backed) {
		make_base(&w);
		n.backing = "mid.qcow2";
		n.format = "qcow2";
	} else
		run("rm -f twin; truncate -s %llu twin",
		    (unsigned long long)w.size);
	make("a.qcow2", &n);
	check(&w);
	w.raw = open(path("twin"), O_RDWR | O_CLOEXEC);
	assert_int_not_equal(w.raw, -1);
	for (unsigned b = 0; b < BATCHES; b++) {
		open_world(&w);
		for (unsigned i = 0; i < ops / BATCHES; i++)
			step(&w);
		close_world(&w);
		check(&w);
	}
	assert_int_equal(close(w.raw), 0);
	free(w.buf);
	free(w.twin);
}

static void
twins(void **state)
{
	static const struct kind kinds[] = {
		{ 3, 16, 4, false, false }, { 3, 16, 4, true, true },
		{ 2, 16, 4, false, false }, { 2, 16, 4, true, false },
		{ 3, 9, 4, false, false }, { 3, 9, 4, true, false },
		{ 2, 9, 4, true, false }, { 3, 9, 6, true, false },
		{ 3, 12, 0, false, false }, { 3, 12, 1, true, false },
		{ 3, 12, 2, true, false }, { 3, 12, 3, false, true },
		{ 3, 12, 5, true, false }, { 3, 12, 6, false, false },
		{ 3, 21, 4, false, false }, { 3, 21, 4, true, false },
		{ 2, 21, 4, true, false },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		print_message("# version %u, cluster 2^%u, refcount 2^%u%s\n",
		    kinds[i].version, kinds[i].cluster_bits, kinds[i].order,
		    kinds[i].backed ? ", with a base" : "");
		random_ops(&kinds[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twins),
	};
	const char *tmp = getenv("TMPDIR"), *n = getenv("QCOW2_OPS");
	int ret;

	if (access("/usr/bin/qemu-img", X_OK) == -1) {
		printf("1..0 # SKIP no qemu-img\n");
		return 0;
	}
	if (n != NULL)
		ops = (unsigned)atoi(n);
	(void)snprintf(dir, sizeof(dir), "%.40s/qcow2.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	srand(1);
	ret = unit_run("qcow2", tests);
	run("rm -rf %s", dir);
	return ret;
}
