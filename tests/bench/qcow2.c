/* SPDX-License-Identifier: ISC */
/*
 * qcow2.c - viod blk against qemu-storage-daemon, with qcow2 images
 *
 * As disk.c, with an image for each back-end: one that has all its clusters,
 * and, for the loads that allocate, an empty one for each round, without and
 * with a base that has data.
 */

#include <stdarg.h>

#include "load.h"

#define DISK		(128UL << 20)	/* that has its clusters */
#define EMPTY		(1UL << 30)	/* that has none */
#define EMPTY_ROUNDS	9
#define CLUSTER		65536

static const struct load loads[] = {
	{ "qcow2 4k randread qd1", VIRTIO_BLK_T_IN, 4096, 1, 800,
	    DISK, 4096, true },
	{ "qcow2 4k randread qd32", VIRTIO_BLK_T_IN, 4096, 32, 6000,
	    DISK, 4096, true },
	{ "qcow2 4k randwrite qd1", VIRTIO_BLK_T_OUT, 4096, 1, 800,
	    DISK, 4096, true },
	{ "qcow2 4k randwrite qd32", VIRTIO_BLK_T_OUT, 4096, 32, 4000,
	    DISK, 4096, true },
};

/* Each request begins a cluster; then whole ones. */
static const struct load empty_loads[] = {
	{ "qcow2 4k allocate qd1", VIRTIO_BLK_T_OUT, 4096, 1, 1000,
	    EMPTY, CLUSTER, false },
	{ "qcow2 4k allocate qd32", VIRTIO_BLK_T_OUT, 4096, 32, 4000,
	    EMPTY, CLUSTER, false },
	{ "qcow2 256k allocate qd4", VIRTIO_BLK_T_OUT, 256 << 10, 4, 256,
	    EMPTY, 256 << 10, false },
};

/* The same with a base: the rest of each cluster is copied. */
static const struct load copy_loads[] = {
	{ "qcow2 4k copy qd1", VIRTIO_BLK_T_OUT, 4096, 1, 200,
	    DISK, CLUSTER, false },
	{ "qcow2 4k copy qd32", VIRTIO_BLK_T_OUT, 4096, 32, 1600,
	    DISK, CLUSTER, false },
	{ "qcow2 256k over a base qd4", VIRTIO_BLK_T_OUT, 256 << 10, 4, 256,
	    DISK, 256 << 10, false },
};

#define BASE_FD		40	/* above all that is opened here */

static const char *const engines[] = { "io_uring", "threads", "io_uring" };
static struct backend backends[] = {
	{ .name = "viod" },
	{ .name = "storage-daemon threads" },
	{ .name = "storage-daemon io_uring" },
};

static void __attribute__((format(printf, 1, 2)))
sh(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd) != 0)
		drive_die(cmd, NULL);
}

static void
start(unsigned i, const char *self, bool based)
{
	struct backend *b = &backends[i];
	char node[512], export[256];
	const char *ours[] = { drive_viod(self), "blk", "-d", "6", "-S",
	    b->d.sock, "-f", "qcow2", "-E", engines[i], based ? "-B" : NULL,
	    "raw:40", NULL };
	const char *qemu[] = { "/usr/bin/qemu-storage-daemon", "--blockdev",
	    node, "--export", export, NULL };

	(void)close(b->d.fd);
	b->d.fd = open(b->d.disk, O_RDWR | O_CLOEXEC);
	if (b->d.fd == -1)
		drive_die(b->d.disk, NULL);
	snprintf(node, sizeof(node), "driver=qcow2,node-name=q,discard=unmap,"
	    "file.driver=file,file.filename=%s,file.aio=%s,"
	    "file.discard=unmap", b->d.disk, engines[i]);
	snprintf(export, sizeof(export), "vhost-user-blk,id=e,"
	    "node-name=q,addr.type=unix,addr.path=%s,writable=on", b->d.sock);
	drive_exec(&b->d, i == 0 ? ours : qemu);
	load_attach(b);
}

static void
full_images(const char *self)
{
	struct backend *b = backends;
	char raw[128];

	for (unsigned i = 0; i < COUNT(backends); i++)
		drive_init(&b[i].d, DISK);
	snprintf(raw, sizeof(raw), "%.64s/raw", b[0].d.dir);
	sh("head -c %lu /dev/zero | tr '\\0' x > %s", DISK, raw);
	for (unsigned i = 0; i < COUNT(backends); i++) {
		sh("qemu-img convert -O qcow2 %s %s", raw, b[i].d.disk);
		start(i, self, false);
	}
	sh("rm %s", raw);
	for (unsigned l = 0; l < COUNT(loads); l++) {
		for (unsigned round = 0; round < ROUNDS; round++)
			for (unsigned i = 0; i < COUNT(backends); i++)
				load_measure(&b[i], &loads[l], l, round);
		load_report(&loads[l], l, ROUNDS, &b[0], &b[1],
		    COUNT(backends) - 1);
	}
	for (unsigned i = 0; i < COUNT(backends); i++)
		drive_fini(&b[i].d);
}

/* base: its name, or NULL. */
static void
empty_images(const char *self, const struct load *l, const char *base)
{
	struct backend *b = backends;
	char options[256] = "";
	unsigned i;

	if (base != NULL)
		snprintf(options, sizeof(options), "-b %s -F raw", base);
	for (unsigned n = 0; n < EMPTY_ROUNDS * COUNT(backends); n++) {
		i = n % COUNT(backends);
		drive_init(&b[i].d, 0);
		sh("qemu-img create -q -f qcow2 %s %s %lu", options,
		    b[i].d.disk, l->bytes);
		start(i, self, base != NULL);
		load_measure(&b[i], l, 0, n / COUNT(backends));
		drive_fini(&b[i].d);
	}
	load_report(l, 0, EMPTY_ROUNDS, &b[0], &b[1], COUNT(backends) - 1);
}

static void
based_images(const char *self)
{
	char base[] = "/tmp/vmd-bench.XXXXXX";
	int fd = mkstemp(base);

	if (fd == -1 || dup2(fd, BASE_FD) == -1)
		drive_die(base, NULL);
	(void)close(fd);
	sh("head -c %lu /dev/zero | tr '\\0' x > %s", DISK, base);
	for (unsigned i = 0; i < COUNT(copy_loads); i++)
		empty_images(self, &copy_loads[i], base);
	(void)close(BASE_FD);
	(void)unlink(base);
}

int
main(int argc, char *argv[])
{
	(void)argc;
	(void)signal(SIGPIPE, SIG_IGN);
	if (access("/usr/bin/qemu-storage-daemon", X_OK) == -1 ||
	    access("/usr/bin/qemu-img", X_OK) == -1) {
		fprintf(stderr, "no qemu-storage-daemon\n");
		return 0;
	}
	full_images(argv[0]);
	for (unsigned i = 0; i < COUNT(empty_loads); i++)
		empty_images(argv[0], &empty_loads[i], NULL);
	based_images(argv[0]);
	return 0;
}
