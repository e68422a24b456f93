/* SPDX-License-Identifier: ISC */
/*
 * disk.h - a disk image below a virtio disk
 *
 * A format (disk_raw.c, disk_qcow2.c) turns a disk's reads and writes into
 * those of its files.  Requests are struct aio_req over disk addresses.
 */

#ifndef VIOD_DISK_H
#define VIOD_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/image.h"
#include "lib/err.h"
#include "viod/aio.h"

struct disk;

struct disk_info {
	uint64_t	size;		/* bytes, whole sectors */
	bool		readonly;
	bool		punch;		/* discarding gives space back */
};

struct disk_options {
	struct image_files	 files;		/* borrowed descriptors */
	bool			 readonly;
	const char		*engine;	/* of aio.h, or NULL */
};

/*
 * Open an image; its first file says the format.  Each file is a regular file
 * or a block device.  Refused: anything else, a descriptor that is not open
 * for writing unless 'readonly', what image_open() refuses, an image that
 * somebody else uses in a way that excludes ours (os_lock_image()).  A last
 * part of less than a sector is not part of the disk.  setup->fd is not used.
 */
int	disk_open(struct disk **, const struct aio_setup *,
	    const struct disk_options *, struct err *);

/* Nothing may be in flight. */
void	disk_close(struct disk *);
OWN_DEFINE(struct disk, disk_close);

const struct disk_info *disk_info(const struct disk *);
const char *disk_engine(const struct disk *);

/* As in aio.h.  The range was checked against the size. */
void	disk_queue(struct disk *, struct aio_req *);
void	disk_kick(struct disk *);
void	disk_wait(struct disk *);

/* --- for formats --------------------------------------------------------- */

struct disk_class {
	void	(*close)(struct disk *);
	void	(*queue)(struct disk *, struct aio_req *);
	void	(*kick)(struct disk *);
	void	(*wait)(struct disk *);
};

/* First member of every format's struct. */
struct disk {
	const struct disk_class	*class;
	struct disk_info	 info;
	struct image_files	 files;		/* locked */
	struct aio		*aio;		/* of the first file */
};

int	disk_raw_open(struct disk **, const struct aio_setup *,
	    const struct disk_options *, struct err *);
int	disk_qcow2_open(struct disk **, const struct aio_setup *,
	    const struct disk_options *, struct err *);

#endif
