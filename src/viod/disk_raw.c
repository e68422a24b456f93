/* SPDX-License-Identifier: ISC */
/* disk_raw.c - raw disk images; see disk.h */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/own.h"
#include "os/os.h"
#include "viod/disk.h"

/*
 * Can the file give blocks back?  Asked behind its end, where there is
 * nothing to lose.
 */
static bool
can_punch(int fd, uint64_t size)
{
	return os_punch(fd, (size + 4095) / 4096 * 4096, 4096) == 0;
}

static int
examine(struct disk_info *ret, int fd, bool readonly, struct err *e)
{
	off_t size;

	/* A device's size is not in its inode. */
	size = lseek(fd, 0, SEEK_END);
	if (size == -1)
		return err_sys(e, "size of the disk");
	if (size < IMAGE_SECTOR)
		return err_set(e, EINVAL, "disk of %lld bytes is too small",
		    (long long)size);
	ret->size = (uint64_t)size / IMAGE_SECTOR * IMAGE_SECTOR;
	ret->readonly = readonly;
	ret->punch = !readonly && can_punch(fd, ret->size);
	return 0;
}

static void
raw_close(struct disk *d)
{
	aio_destroy(d->aio);
	free(d);
}

static void
raw_queue(struct disk *d, struct aio_req *r)
{
	aio_queue(d->aio, r);
}

static void
raw_kick(struct disk *d)
{
	aio_kick(d->aio);
}

static void
raw_wait(struct disk *d)
{
	aio_wait(d->aio);
}

static const struct disk_class raw = {
	.close	= raw_close,
	.queue	= raw_queue,
	.kick	= raw_kick,
	.wait	= raw_wait,
};

int
disk_raw_open(struct disk **ret, const struct aio_setup *setup,
    const struct disk_options *o, struct err *e)
{
	own_mem struct disk *d = calloc(1, sizeof(*d));
	struct aio_setup mine = *setup;

	if (d == NULL)
		return err_sys(e, "disk");
	if (o->files.n != 1)
		return err_set(e, EINVAL, "a raw image has no backing file");
	d->class = &raw;
	mine.fd = o->files.file[0].fd;
	if (examine(&d->info, mine.fd, o->readonly, e) == -1 ||
	    aio_new(&d->aio, &mine, o->engine, e) == -1)
		return -1;
	*ret = take(&d);
	return 0;
}
