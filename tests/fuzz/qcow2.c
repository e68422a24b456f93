/* SPDX-License-Identifier: ISC */
/*
 * qcow2.c - fuzz target: a qcow2 image with any header and any tables
 *
 * The input is four bytes that choose what is done, and the image.  It is
 * opened, read, written and zeroed here and there, closed and opened again.
 */

#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk/image.h"
#include "lib/util.h"
#include "os/os.h"

#define FILE_MAX	(1U << 20)
#define PIECE		(96U << 10)
#define STEPS		12

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Places of the disk that are of interest, and others. */
static uint64_t
somewhere(uint32_t *seed, uint64_t size)
{
	uint64_t v;

	*seed = *seed * 1664525 + 1013904223;
	v = *seed >> 8;
	switch (*seed >> 30) {
	case 0:
		return v % 8 * 512;
	case 1:
		return v % size;
	case 2:
		return size - 1 - v % MIN(size, 4096);
	default:
		return v * 65536 % size;
	}
}

static void
use(struct image *im, uint32_t seed, bool writable)
{
	static uint8_t buf[PIECE];
	uint64_t offset, cluster, len;

	if (im->size == 0)
		return;
	cluster = 1ULL << qcow2_header(im->qcow2)->cluster_bits;
	for (unsigned i = 0; i < STEPS; i++) {
		offset = somewhere(&seed, im->size);
		len = MIN(im->size - offset, 1 + (seed >> 12) % PIECE);
		(void)image_zeroes(im, offset, len);
		if (!writable || seed & 1)
			(void)image_read(im, offset, buf, len);
		else if (seed & 0x100) {
			offset &= ~(cluster - 1);
			len = MIN(im->size - offset, 3 * cluster);
			(void)qcow2_zero(im->qcow2, offset, len, seed & 2);
		} else if (seed & 0x200) {
			qcow2_sync_begun(im->qcow2);
			qcow2_sync_ended(im->qcow2, true);
		} else
			(void)image_write(im, offset, buf, len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_files f = { .n = 1 };
	struct image *im;
	uint32_t seed;
	bool writable;
	int fd;

	if (size < sizeof(seed) + 72 || size > FILE_MAX)
		return 0;
	memcpy(&seed, data, sizeof(seed));
	fd = os_memfd("image", size - sizeof(seed), NULL);
	if (fd == -1 || pwrite(fd, data + sizeof(seed),
	    size - sizeof(seed), 0) == -1)
		abort();
	f.file[0] = (struct image_file){ fd, IMAGE_QCOW2 };
	/* The second time what the first left behind. */
	for (unsigned i = 0; i < 2; i++) {
		writable = (seed & 3U << i) != 0;
		if (image_open(&im, &f, writable, NULL) == -1)
			continue;
		use(im, seed + i, writable);
		image_destroy(im);
	}
	(void)close(fd);
	return 0;
}
