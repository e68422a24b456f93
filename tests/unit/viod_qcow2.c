/* SPDX-License-Identifier: ISC */
/*
 * viod_qcow2.c - a real viod blk with qcow2 images
 *
 * Many requests at once, against what a disk must say; qemu-img checks and
 * compares the image afterwards.  Killed at any moment, it leaves an image
 * that has what was acknowledged and can be opened again.
 */

#include "unit.h"
#include "drive.h"
#include "disk/image.h"
#include "lib/util.h"

#define DISK	(8UL << 20)
#define SLOTS	24
#define PIECE	(64U << 10)	/* most bytes of a request */
#define LINE	256		/* bytes of a command */

static char *viod;		/* the program */

struct world {
	struct drive	 d;
	const char	*engine;
	uint8_t		*twin;		/* what the disk must say */
	struct drive_req req[SLOTS];
	bool		 busy[SLOTS];
	unsigned	 inflight;
};

static void __attribute__((format(printf, 2, 3)))
sh(struct world *w, const char *fmt, ...)
{
	char cmd[LINE * 4];
	va_list ap;
	int n;

	n = snprintf(cmd, sizeof(cmd), "cd %s && ", w->d.dir);
	va_start(ap, fmt);
	(void)vsnprintf(cmd + n, sizeof(cmd) - (size_t)n, fmt, ap);
	va_end(ap);
	n = system(cmd);
	if (n != 0)
		print_message("# %s: %d\n", cmd, n);
	assert_int_equal(n, 0);
}

#define BELOW_FD 40		/* above all that the test opens */

static struct image_files files;	/* of the image, for viod */

static void
pass_below(void)
{
	for (unsigned i = 1; i < files.n; i++)
		if (dup2(files.file[i].fd, BELOW_FD + (int)i) == -1)
			_exit(126);
}

static void
up(struct world *w)
{
	char below[IMAGE_CHAIN_MAX][16];
	const char *argv[9 + 2 * IMAGE_CHAIN_MAX] = { viod, "blk", "-d", "6",
	    "-S", w->d.sock, "-f", "qcow2", "-E" };
	unsigned n = 9;
	struct err e;

	if (w->d.fd != -1)
		(void)close(w->d.fd);
	if (image_files_open(&files, w->d.disk, IMAGE_QCOW2, true, &e) == -1)
		fail_msg("%s", e.text);
	w->d.fd = files.file[0].fd;
	argv[n++] = w->engine;
	for (unsigned i = 1; i < files.n; i++) {
		(void)snprintf(below[i], sizeof(below[i]), "%s:%u",
		    image_format_name(files.file[i].format), BELOW_FD + i);
		argv[n++] = "-B";
		argv[n++] = below[i];
	}
	w->d.child = pass_below;
	drive_exec(&w->d, argv);
	for (; files.n > 1; files.n--)
		(void)close(files.file[files.n - 1].fd);
	drive_hello(&w->d, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED));
	drive_start(&w->d, 0, 128);
}

static void
down(struct world *w, int sig)
{
	frontend_fini(&w->d.fe);
	drive_kill(&w->d, sig);
	w->d.fe.sock = -1;
	/* The locks are those of the opening, which it shared with us. */
	(void)close(w->d.fd);
	w->d.fd = open(w->d.disk, O_RDWR | O_CLOEXEC);
	/* The ring of one that was killed holds its files for a moment. */
	assert_int_equal(os_lock_image(w->d.fd, 1, NULL), 0);
	(void)close(w->d.fd);
	w->d.fd = -1;
}

/* What the disk says at first is read by qemu-img. */
static void
begin_made(struct world *w)
{
	char path[LINE];
	FILE *f;

	sh(w, "qemu-img convert -f qcow2 -O raw disk twin");
	(void)snprintf(path, sizeof(path), "%s/twin", w->d.dir);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(w->twin, 1, DISK, f), DISK);
	(void)fclose(f);
	up(w);
}

static void
world_init(struct world *w, const char *engine)
{
	memset(w, 0, sizeof(*w));
	drive_init(&w->d, DISK);
	w->engine = engine;
	w->twin = calloc(1, DISK);
	assert_non_null(w->twin);
}

static void
begin(struct world *w, const char *engine, bool backed, const char *options)
{
	world_init(w, engine);
	if (backed)
		sh(w, "head -c %lu /dev/urandom > base", DISK / 2);
	sh(w, "qemu-img create -q -f qcow2 -o %s %s disk %lu", options,
	    backed ? "-b base -F raw" : "", DISK);
	begin_made(w);
}

static void
end(struct world *w)
{
	sh(w, "rm -rf base twin a");
	free(w->twin);
	drive_fini(&w->d);
}

static void
compare(struct world *w)
{
	char path[LINE];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/twin", w->d.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(w->twin, 1, DISK, f), DISK);
	assert_int_equal(fclose(f), 0);
	sh(w, "qemu-img compare -q -f qcow2 -F raw disk twin");
}

/* --- random requests ----------------------------------------------------- */

static bool
is_busy(const struct world *w, const struct drive_req *r)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (w->busy[i] && &w->req[i] != r &&
		    r->sector * 512 < w->req[i].sector * 512 +
		    w->req[i].len &&
		    w->req[i].sector * 512 < r->sector * 512 + r->len)
			return true;
	return false;
}

/* 'len' is that of the range; a discard's data is its description. */
static void
add(struct world *w, struct drive_req *r)
{
	struct virtio_blk_range g = { .sector = r->sector,
	    .nsectors = r->len / 512,
	    .flags = r->type == VIRTIO_BLK_T_WRITE_ZEROES && rand() % 2 ?
	    VIRTIO_BLK_WRITE_ZEROES_F_UNMAP : 0 };
	struct drive_req sent;
	uint8_t *data = w->d.mem + r->data;

	if (r->type == VIRTIO_BLK_T_OUT) {
		memset(data, rand(), r->len);
		data[(uint32_t)rand() % r->len] = (uint8_t)rand();
		memcpy(w->twin + r->sector * 512, data, r->len);
	} else if (r->type != VIRTIO_BLK_T_IN &&
	    r->type != VIRTIO_BLK_T_FLUSH) {
		memcpy(data, &g, sizeof(g));
		memset(w->twin + r->sector * 512, 0, r->len);
	}
	sent = *r;
	if (r->type == VIRTIO_BLK_T_FLUSH)
		r->len = 0;
	else if (r->type != VIRTIO_BLK_T_IN && r->type != VIRTIO_BLK_T_OUT)
		r->len = sizeof(g);
	if (!drive_add(&w->d, 0, r))
		drive_die("queue full", NULL);
	r->len = sent.len;
	w->busy[r->slot] = true;
	w->inflight++;
}

static void
start(struct world *w, unsigned slot)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_OUT,
	    VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_IN,
	    VIRTIO_BLK_T_IN, VIRTIO_BLK_T_IN, VIRTIO_BLK_T_FLUSH,
	    VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	struct drive_req *r = &w->req[slot];

	do {
		uint32_t n = 1 + (uint32_t)rand() %
		    (rand() % 3 ? 16 : PIECE / 512);

		*r = (struct drive_req){ .slot = slot,
		    .type = types[(unsigned)rand() % COUNT(types)],
		    .len = n * 512, .pieces = 1 + (unsigned)rand() % 3,
		    .sector = (uint64_t)rand() % (DISK / 512 - n),
		    .data = (uint32_t)(DRIVE_DATA + slot * PIECE) };
		if (r->type == VIRTIO_BLK_T_DISCARD ||
		    r->type == VIRTIO_BLK_T_WRITE_ZEROES)
			r->pieces = 1;
		/* Version 2 with a base has no discard. */
	} while (is_busy(w, r) || (r->type == VIRTIO_BLK_T_DISCARD &&
	    !(w->d.fe.features & VIRTIO_BIT(VIRTIO_BLK_F_DISCARD))));
	add(w, r);
}

static void
finish(struct world *w, const struct drive_req *r)
{
	assert_int_equal(w->d.mem[DRIVE_STATUS(r->slot)], VIRTIO_BLK_S_OK);
	if (r->type == VIRTIO_BLK_T_IN)
		assert_memory_equal(w->d.mem + r->data,
		    w->twin + r->sector * 512, r->len);
	w->busy[r->slot] = false;
	w->inflight--;
}

static void
reap(struct world *w)
{
	uint32_t written;
	void *cookie;

	while (virtq_driver_get(&w->d.q[0], &cookie, &written))
		finish(w, cookie);
}

static void
run(struct world *w, unsigned count)
{
	while (count > 0 || w->inflight > 0) {
		for (unsigned i = 0; i < SLOTS && count > 0; i++)
			if (!w->busy[i]) {
				start(w, i);
				count--;
			}
		drive_kick(&w->d, 0);
		if (!drive_wait(&w->d, 0))
			drive_die("back-end hangs", NULL);
		reap(w);
	}
}

static void
random_requests(const char *engine, bool backed, const char *options)
{
	const char *n = getenv("QCOW2_OPS");
	struct world w;

	begin(&w, engine, backed, options);
	for (unsigned i = 0; i < 3; i++) {
		run(&w, n != NULL ? (unsigned)atoi(n) / 3 : 200);
		down(&w, SIGTERM);
		sh(&w, "qemu-img check -q disk");
		compare(&w);
		up(&w);
	}
	down(&w, SIGTERM);
	end(&w);
}

static void
requests(void **state)
{
	static const char *const options[] = { "cluster_size=64k",
	    "cluster_size=512", "cluster_size=2M",
	    "compat=0.10,cluster_size=4k", "lazy_refcounts=on",
	    "cluster_size=4k,refcount_bits=1" };

	(void)state;
	srand(7);
	for (unsigned i = 0; i < COUNT(options); i++)
		for (unsigned k = 0; k < 4; k++) {
			print_message("# %s, %s%s\n", options[i], k & 1 ?
			    "io_uring" : "threads", k & 2 ? ", base" : "");
			random_requests(k & 1 ? "io_uring" : "threads", k & 2,
			    options[i]);
		}
}

/* --- chains -------------------------------------------------------------- */

struct layer {
	const char	*name;		/* in the directory of the test */
	const char	*base, *format;	/* as the image says it */
	const char	*options;
	unsigned	 step;		/* bytes of a cluster of it */
	bool		 compressed;	/* some clusters are */
};

/* Data, data that is compressed, and zeroes here and there in it. */
static void
fill_layer(struct world *w, const struct layer *l, unsigned long size)
{
	unsigned n = (unsigned)(size / l->step);

	for (unsigned i = 0; i < 12; i++) {
		bool packed = l->compressed && i < 4;
		/* These are not written over others. */
		unsigned at = packed ? (unsigned)rand() % (n / 4) * 4 + i :
		    (unsigned)rand() % n;

		sh(w, "qemu-io -f qcow2 -c 'write %s %u %u' %s > out || "
		    "{ cat out; exit 1; }", packed ? "-c -s a/text" :
		    i == 5 ? "-z" : "-s a/noise", at * l->step, l->step,
		    l->name);
	}
	sh(w, "rm -f out");
}

/* The topmost last. */
static void
chain(const char *engine, const struct layer *l, unsigned n)
{
	unsigned long size;
	struct world w;

	world_init(&w, engine);
	sh(&w, "rm disk; mkdir -p a/b/c a/d; head -c 3000000 /dev/urandom > "
	    "a/base; head -c 65536 /dev/urandom > a/noise; seq 13000 > "
	    "a/text; truncate -s 65536 a/text");
	for (unsigned i = 0; i < n; i++) {
		/* The one in the middle is shorter. */
		size = i == 1 ? DISK / 2 + 512 : DISK;
		sh(&w, "qemu-img create -q -f qcow2 -o %s -b %s -F %s %s %lu",
		    l[i].options, l[i].base, l[i].format, l[i].name,
		    size);
		fill_layer(&w, &l[i], size);
	}
	begin_made(&w);
	run(&w, 300);
	down(&w, SIGTERM);
	sh(&w, "qemu-img check -q disk");
	compare(&w);
	end(&w);
}

/*
 * Four and five files, each name relative to the directory of the image that
 * has it; the versions and sizes of clusters differ.
 */
static void
chains(void **state)
{
	static const struct layer four[] = {
		{ "a/b/one", "../base", "raw", "compat=0.10", 65536, true },
		{ "a/two", "b/one", "qcow2", "cluster_size=4k", 4096, true },
		{ "disk", "a/two", "qcow2", "cluster_size=64k", 65536, false },
	}, five[] = {
		{ "a/b/one", "../base", "raw", "cluster_size=4k,"
		    "compression_type=zstd", 4096, true },
		{ "a/b/c/two", "../one", "qcow2", "compat=0.10", 65536, true },
		{ "a/d/three", "../b/c/two", "qcow2", "compression_type=zstd",
		    65536, true },
		{ "disk", "a/d/three", "qcow2", "compat=0.10,cluster_size=4k",
		    4096, true },
	};

	(void)state;
	srand(9);
	for (unsigned i = 0; i < 2; i++) {
		const char *engine = i == 0 ? "io_uring" : "threads";

		chain(engine, four, COUNT(four));
		chain(engine, five, COUNT(five));
	}
}

/* --- killed -------------------------------------------------------------- */

/*
 * Of the sectors of requests that were under way anything may be there: take
 * what there is.  All else must be as it was acknowledged.
 */
static void
forget_inflight(struct world *w)
{
	struct drive_req r;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (!w->busy[i])
			continue;
		w->busy[i] = false;
		if (w->req[i].type == VIRTIO_BLK_T_FLUSH)
			continue;
		r = w->req[i];
		r.type = VIRTIO_BLK_T_IN;
		r.pieces = 1;
		assert_int_equal(drive_do(&w->d, 0, &r), VIRTIO_BLK_S_OK);
		memcpy(w->twin + r.sector * 512, w->d.mem + r.data, r.len);
	}
	w->inflight = 0;
}

static void
killed_at_random(const char *engine, bool backed, const char *options)
{
	struct world w;

	begin(&w, engine, backed, options);
	for (unsigned i = 0; i < 6; i++) {
		run(&w, (unsigned)rand() % 60);
		for (unsigned k = 0; k < SLOTS; k++)
			start(&w, k);
		drive_kick(&w.d, 0);
		(void)usleep((useconds_t)rand() % 1500);
		reap(&w);
		down(&w, SIGKILL);
		/* 3: clusters are lost, no more; closed it has none. */
		sh(&w, "qemu-img check -q disk >out 2>&1; case $? in 0|3) ;; "
		    "*) exit 1;; esac");
		up(&w);
		forget_inflight(&w);
	}
	run(&w, 50);
	down(&w, SIGTERM);
	sh(&w, "qemu-img check -q -r leaks disk >out 2>&1; rm out");
	compare(&w);
	end(&w);
}

static void
killed(void **state)
{
	(void)state;
	srand(8);
	killed_at_random("io_uring", false, "cluster_size=64k");
	killed_at_random("io_uring", true, "cluster_size=4k");
	killed_at_random("threads", true, "cluster_size=512");
	killed_at_random("threads", false, "compat=0.10,cluster_size=4k");
	killed_at_random("io_uring", true, "lazy_refcounts=on");
}

/* --- what the image has besides ------------------------------------------ */

/* A byte of the header: the last one of a number of 64 bits. */
enum { INCOMPATIBLE = 79, COMPATIBLE = 87 };

static unsigned
header_bits(const struct world *w, off_t at)
{
	int fd = open(w->d.disk, O_RDONLY | O_CLOEXEC);
	uint8_t bits;

	assert_int_equal(pread(fd, &bits, 1, at), 1);
	assert_int_equal(close(fd), 0);
	return bits;
}

/* All of them say what they said, through a death too. */
static void
snapshots(void **state)
{
	struct world w;

	(void)state;
	srand(10);
	world_init(&w, "io_uring");
	sh(&w, "qemu-img create -q -f qcow2 -o cluster_size=4k disk %lu", DISK);
	for (unsigned i = 0; i < 3; i++)
		sh(&w, "qemu-io -f qcow2 -c 'write -P %u %uM 300k' -c "
		    "'write -z %uk 20k' disk > out && qemu-img snapshot -c s%u "
		    "disk && qemu-img convert -l s%u -O raw disk s%u",
		    i + 1, i, i * 1200, i, i, i);
	sh(&w, "qemu-img snapshot -l disk > list");
	begin_made(&w);
	run(&w, 150);
	for (unsigned i = 0; i < SLOTS; i++)
		start(&w, i);
	drive_kick(&w.d, 0);
	reap(&w);
	down(&w, SIGKILL);
	up(&w);
	forget_inflight(&w);
	run(&w, 150);
	down(&w, SIGTERM);
	sh(&w, "qemu-img check -q disk");
	compare(&w);
	sh(&w, "qemu-img snapshot -l disk | cmp - list");
	for (unsigned i = 0; i < 3; i++)
		sh(&w, "qemu-img convert -l s%u -O raw disk out && cmp out s%u",
		    i, i);
	sh(&w, "for i in 0 1 2; do qemu-img snapshot -d s$i disk || exit 1; "
	    "done; qemu-img check -q disk; rm s? list out");
	compare(&w);
	end(&w);
}

/* Set by the first change, through a death and readers, until the end. */
static void
dirty(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "threads", false, "lazy_refcounts=on");
	assert_int_equal(header_bits(&w, INCOMPATIBLE), 0);
	run(&w, 30);
	assert_int_equal(header_bits(&w, INCOMPATIBLE), QCOW2_DIRTY);
	down(&w, SIGKILL);
	assert_int_equal(header_bits(&w, INCOMPATIBLE), QCOW2_DIRTY);
	up(&w);
	run(&w, 30);
	down(&w, SIGTERM);
	assert_int_equal(header_bits(&w, INCOMPATIBLE), 0);
	assert_int_equal(header_bits(&w, COMPATIBLE), QCOW2_LAZY_REFCOUNTS);
	compare(&w);
	end(&w);
}

static int
do_one(struct world *w, uint32_t type, uint64_t sector)
{
	struct drive_req r = { .type = type, .sector = sector, .len = 512,
	    .pieces = 1, .data = DRIVE_DATA };

	return drive_do(&w->d, 0, &r);
}

/* An entry that leads into a table: nothing is written there. */
static void
corrupt(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, "threads");
	/* qemu-img's order: header, counts' table, block, L1, L2. */
	sh(&w, "qemu-img create -q -f qcow2 disk %lu && qemu-io -f qcow2 -c "
	    "'write -P 9 0 64k' disk > out && cp disk sound && "
	    "printf '\\200\\0\\0\\0\\0\\1\\0\\0' | "
	    "dd of=disk bs=1 seek=262152 conv=notrunc 2> out", DISK);
	up(&w);
	assert_int_equal(do_one(&w, VIRTIO_BLK_T_OUT, 1), 0);
	assert_int_equal(do_one(&w, VIRTIO_BLK_T_OUT, 128),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(header_bits(&w, INCOMPATIBLE) & QCOW2_CORRUPT,
	    QCOW2_CORRUPT);
	/* Neither here nor elsewhere, but it is read. */
	assert_int_equal(do_one(&w, VIRTIO_BLK_T_OUT, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_one(&w, VIRTIO_BLK_T_OUT, 999),
	    VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_one(&w, VIRTIO_BLK_T_IN, 1), 0);
	down(&w, SIGTERM);
	sh(&w, "cmp -n 65536 -i 65536 disk sound && rm sound out && "
	    "qemu-img info disk | grep -q 'corrupt: true'");
	sh(&w, "! %s blk -d 6 -f qcow2 -S x 6<>disk 2> out && "
	    "grep -q 'marked corrupt' out && rm out", viod);
	end(&w);
}

/* --- others -------------------------------------------------------------- */

static void
locked(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "threads", false, "cluster_size=64k");
	run(&w, 20);
	sh(&w, "! qemu-io -f qcow2 -c 'write 0 512' disk >out 2>&1 && "
	    "grep -q 'Failed to get .* lock' out");
	sh(&w, "! %s blk -d 6 -f qcow2 -S x 6<>disk 2>out && "
	    "grep -q 'the image is in use' out", viod);
	sh(&w, "! %s blk -d 6 -f qcow2 -r -S x 6<disk 2>out && "
	    "grep -q 'being written by another' out", viod);
	down(&w, SIGTERM);
	sh(&w, "qemu-io -f qcow2 -c 'write 0 512' disk >out; rm out");
	end(&w);
}

/* What is refused, and the sentence. */
static void
refused(void **state)
{
	static const struct {
		const char *make, *options, *says;
	} t[] = {
		{ "truncate -s 1M i", "-f qcow2", "not a qcow2 image" },
		{ "qemu-img create -q -f qcow2 -o data_file=d i 1M",
		    "-f qcow2", "external data file" },
		{ "qemu-img create -q -f qcow2 -o extended_l2=on i 1M",
		    "-f qcow2", "subclusters" },
		{ "qemu-img create -q -f qcow2 -b disk -F qcow2 i",
		    "-f qcow2", "\"disk\", was not given" },
		{ "qemu-img create -q -f qcow2 i 1M",
		    "-f qcow2 -B raw:7 7<base", "has no backing file" },
		{ "qemu-img create -q -f qcow2 i 1M && printf '\\002' | "
		    "dd of=i bs=1 seek=79 conv=notrunc 2>/dev/null",
		    "-f qcow2", "marked corrupt" },
		{ "qemu-img create -q -f qcow2 i 1M && printf '\\200' | "
		    "dd of=i bs=1 seek=74 conv=notrunc 2>/dev/null",
		    "-f qcow2", "not known (0x800000000000)" },
		{ "qemu-img create -q -f qcow2 i 1M && printf '\\001' | "
		    "dd of=i bs=1 seek=35 conv=notrunc 2>/dev/null",
		    "-f qcow2", "encrypted" },
		{ "truncate -s 1M i", "-f vmdk", "no format of disks" },
		{ "truncate -s 1M i", "-B raw", "is not FORMAT:FD" },
	};
	struct world w;

	(void)state;
	begin(&w, "threads", false, "cluster_size=64k");
	down(&w, SIGTERM);
	sh(&w, "truncate -s 1M base");
	for (unsigned i = 0; i < COUNT(t); i++)
		sh(&w, "rm -f i d; %s; ! timeout 20 %s blk -d 6 -S x %s 6<>i "
		    "2>out && grep -qF '%s' out || { cat out; exit 1; }",
		    t[i].make, viod, t[i].options, t[i].says);
	sh(&w, "rm -f i d out x");
	end(&w);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(chains),
		cmocka_unit_test(killed),
		cmocka_unit_test(snapshots),
		cmocka_unit_test(dirty),
		cmocka_unit_test(corrupt),
		cmocka_unit_test(locked),
		cmocka_unit_test(refused),
	};

	int ret;

	(void)argc;
	if (access("/usr/bin/qemu-img", X_OK) == -1) {
		printf("1..0 # SKIP no qemu-img\n");
		return 0;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	/* Commands change the directory. */
	viod = realpath(drive_viod(argv[0]), NULL);
	if (viod == NULL)
		return 1;
	ret = unit_run("viod_qcow2", tests);
	free(viod);
	return ret;
}
