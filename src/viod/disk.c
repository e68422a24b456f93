/* SPDX-License-Identifier: ISC */
/* disk.c - which format an image has; see disk.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "lib/util.h"
#include "os/os.h"
#include "viod/disk.h"

static const struct {
	int	(*open)(struct disk **, const struct aio_setup *,
		    const struct disk_options *, struct err *);
} formats[] = {
	[IMAGE_RAW]	= { disk_raw_open },
	[IMAGE_QCOW2]	= { disk_qcow2_open },
};

static int
check_file(int fd, bool readonly, struct err *e)
{
	struct stat st;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "disk descriptor %d", fd);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL,
		    "disk is neither a file nor a block device");
	if (!readonly && (flags & O_ACCMODE) != O_RDWR)
		return err_set(e, EBADF, "disk is not open for writing");
	return 0;
}

int
disk_open(struct disk **ret, const struct aio_setup *setup,
    const struct disk_options *o, struct err *e)
{
	const struct image_file *f = o->files.file;

	for (unsigned i = 0; i < o->files.n; i++)
		if (check_file(f[i].fd, o->readonly || i > 0, e) == -1)
			return -1;
	/* First of all: to open may be to repair. */
	for (unsigned i = 0; i < o->files.n; i++)
		if (os_lock_image(f[i].fd, !o->readonly && i == 0, e) == -1)
			return i == 0 ? -1 : err_prefix(e, "backing file %u",
			    i);
	if (formats[f[0].format].open(ret, setup, o, e) == -1)
		return -1;
	(*ret)->files = o->files;
	return 0;
}

void
disk_close(struct disk *d)
{
	struct image_files files;

	if (d == NULL)
		return;
	files = d->files;
	d->class->close(d);
	/* A ring holds its files for a moment after it is gone. */
	for (unsigned i = 0; i < files.n; i++)
		os_unlock_image(files.file[i].fd);
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
	d->class->queue(d, r);
}

void
disk_kick(struct disk *d)
{
	d->class->kick(d);
}

void
disk_wait(struct disk *d)
{
	d->class->wait(d);
}
