/* SPDX-License-Identifier: ISC */
/*
 * blk.h - a real viod blk with one queue and a raw disk, for its tests
 *
 * A test's main() sets 'viod' by drive_viod().
 */

#ifndef TESTS_BLK_H
#define TESTS_BLK_H

#include "drive.h"

#define SECTOR		512
#define DISK_BYTES	(4UL << 20)
#define ALL		(~0ULL & ~VIRTIO_BIT(VIRTIO_F_RING_PACKED))
#define NO_EVENT	(ALL & ~VIRTIO_BIT(VIRTIO_F_EVENT_IDX))

static char *viod;		/* the program */

/* A device with one queue of 128, extra options up to NULL. */
static void
up(struct drive *d, uint64_t features, const char *o1, const char *o2)
{
	const char *argv[] = { viod, "blk", "-d", "6", "-S", d->sock, o1, o2,
	    NULL };

	drive_exec(d, argv);
	drive_hello(d, features);
	drive_start(d, 0, 128);
}

static int
rw(struct drive *d, uint32_t type, uint64_t sector, uint32_t len)
{
	struct drive_req r = {
		.type = type, .sector = sector, .len = len, .pieces = 1,
		.data = DRIVE_DATA,
	};

	return drive_do(d, 0, &r);
}

/* One discard or write-zeroes of n ranges. */
static int
ranges(struct drive *d, uint32_t type, const struct virtio_blk_range *g,
    unsigned n)
{
	memcpy(d->mem + DRIVE_DATA, g, n * sizeof(*g));
	return rw(d, type, 0, n * (uint32_t)sizeof(*g));
}

#endif
