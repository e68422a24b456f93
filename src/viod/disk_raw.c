/* SPDX-License-Identifier: ISC */
/* disk_raw.c - raw disk images; see disk.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/own.h"
#include "os/os.h"
#include "virtio/virtio.h"
#include "viod/disk.h"

struct disk {
	struct disk_info	 info;
	struct aio		*aio;
};

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
	struct stat st;
	off_t size;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "disk descriptor %d", fd);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL,
		    "disk is neither a file nor a block device");
	if (!readonly && (flags & O_ACCMODE) != O_RDWR)
		return err_set(e, EBADF, "disk is not open for writing");
	/* A device's size is not in its inode. */
	size = lseek(fd, 0, SEEK_END);
	if (size == -1)
		return err_sys(e, "size of the disk");
	if (size < VIRTIO_BLK_SECTOR)
		return err_set(e, EINVAL, "disk of %lld bytes is too small",
		    (long long)size);
	ret->size = (uint64_t)size / VIRTIO_BLK_SECTOR * VIRTIO_BLK_SECTOR;
	ret->readonly = readonly;
	ret->punch = !readonly && can_punch(fd, ret->size);
	return 0;
}

int
disk_raw_open(struct disk **ret, const struct aio_setup *setup,
    bool readonly, const char *engine, struct err *e)
{
	own_mem struct disk *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return err_sys(e, "disk");
	if (examine(&d->info, setup->fd, readonly, e) == -1 ||
	    aio_new(&d->aio, setup, engine, e) == -1)
		return -1;
	*ret = take(&d);
	return 0;
}

void
disk_close(struct disk *d)
{
	if (d == NULL)
		return;
	aio_destroy(d->aio);
	free(d);
}

const struct disk_info *
disk_info(const struct disk *d)
{
	return &d->info;
}

const char *
disk_engine(const struct disk *d)
{
	return aio_name(d->aio);
}

void
disk_queue(struct disk *d, struct aio_req *r)
{
	aio_queue(d->aio, r);
}

void
disk_kick(struct disk *d)
{
	aio_kick(d->aio);
}

void
disk_wait(struct disk *d)
{
	aio_wait(d->aio);
}
