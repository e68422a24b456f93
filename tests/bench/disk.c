/* SPDX-License-Identifier: ISC */
/*
 * disk.c - viod blk against qemu-storage-daemon, both driven by our front-end
 *
 * The same file, the same ring, the same requests; the back-ends take turns
 * in short rounds, so that what else the machine does hits both.  For each
 * load: requests a second, and CPU time of the back-end a request, each of the
 * round that was disturbed least.  The peer is measured with both of its
 * engines; the one that is faster under a load counts.
 */

#include "load.h"

#define FILE_BYTES	(256UL << 20)

static const struct load loads[] = {
	{ "disk 4k randread qd1", VIRTIO_BLK_T_IN, 4096, 1, 800,
	    FILE_BYTES, 4096, true },
	{ "disk 4k randread qd32", VIRTIO_BLK_T_IN, 4096, 32, 6000,
	    FILE_BYTES, 4096, true },
	{ "disk 4k randwrite qd1", VIRTIO_BLK_T_OUT, 4096, 1, 800,
	    FILE_BYTES, 4096, true },
	{ "disk 4k randwrite qd32", VIRTIO_BLK_T_OUT, 4096, 32, 4000,
	    FILE_BYTES, 4096, true },
	{ "disk 1m read", VIRTIO_BLK_T_IN, 1 << 20, 4, 64,
	    FILE_BYTES, 1 << 20, false },
	{ "disk 1m write", VIRTIO_BLK_T_OUT, 1 << 20, 4, 64,
	    FILE_BYTES, 1 << 20, false },
};

/* --- back-ends ----------------------------------------------------------- */

/* All of the file has blocks and is in the page cache. */
static void
fill(struct drive *d)
{
	static char block[1 << 20];

	memset(block, 'x', sizeof(block));
	for (uint64_t at = 0; at < FILE_BYTES; at += sizeof(block))
		if (pwrite(d->fd, block, sizeof(block), (off_t)at) !=
		    (ssize_t)sizeof(block))
			drive_die("fill", NULL);
	if (fdatasync(d->fd) == -1)
		drive_die("sync", NULL);
}

static void
start_viod(struct backend *b, const char *self, const char *engine)
{
	const char *argv[] = { drive_viod(self), "blk", "-d", "6", "-S",
	    b->d.sock, "-E", engine, NULL };

	drive_exec(&b->d, argv);
	load_attach(b);
}

static void
start_qemu(struct backend *b, const char *disk, const char *aio)
{
	static char node[2][256], export[2][256];
	static unsigned n;
	const char *argv[] = { "/usr/bin/qemu-storage-daemon", "--blockdev",
	    node[n], "--export", export[n], NULL };

	snprintf(node[n], sizeof(node[n]),
	    "driver=file,node-name=f,filename=%s,aio=%s,discard=unmap,"
	    "locking=off", disk, aio);
	snprintf(export[n], sizeof(export[n]), "vhost-user-blk,id=e,"
	    "node-name=f,addr.type=unix,addr.path=%s,writable=on", b->d.sock);
	n++;
	drive_exec(&b->d, argv);
	load_attach(b);
}

int
main(int argc, char *argv[])
{
	static struct backend us = { .name = "viod" };
	static struct backend peers[2] = {
		{ .name = "storage-daemon threads" },
		{ .name = "storage-daemon io_uring" },
	};
	const char *engine = argc > 1 ? argv[1] : "io_uring";

	(void)signal(SIGPIPE, SIG_IGN);
	if (access("/usr/bin/qemu-storage-daemon", X_OK) == -1) {
		fprintf(stderr, "no qemu-storage-daemon\n");
		return 0;
	}
	drive_init(&us.d, FILE_BYTES);
	drive_init(&peers[0].d, FILE_BYTES);
	drive_init(&peers[1].d, FILE_BYTES);
	fill(&us.d);
	start_viod(&us, argv[0], engine);
	start_qemu(&peers[0], us.d.disk, "threads");
	start_qemu(&peers[1], us.d.disk, "io_uring");
	for (unsigned l = 0; l < COUNT(loads); l++) {
		for (unsigned round = 0; round < ROUNDS; round++) {
			load_measure(&us, &loads[l], l, round);
			load_measure(&peers[0], &loads[l], l, round);
			load_measure(&peers[1], &loads[l], l, round);
		}
		load_report(&loads[l], l, ROUNDS, &us, peers, COUNT(peers));
	}
	drive_fini(&us.d);
	drive_fini(&peers[0].d);
	drive_fini(&peers[1].d);
	return 0;
}
