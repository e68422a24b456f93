/* SPDX-License-Identifier: ISC */
/*
 * disk.h - a disk image below a virtio disk
 *
 * A format (disk_raw.c) turns a disk's reads and writes into those of its
 * file.  Requests are struct aio_req over disk addresses.
 */

#ifndef VIOD_DISK_H
#define VIOD_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "viod/aio.h"

struct disk;

struct disk_info {
	uint64_t	size;		/* bytes, whole sectors */
	bool		readonly;
	bool		punch;		/* discarding gives space back */
};

/*
 * A raw image: the bytes of the file are those of the disk.  setup->fd is a
 * regular file or block device, borrowed.  Refused: anything else, a
 * descriptor that is not open for writing unless 'readonly'.  A last part
 * of less than a sector is not part of the disk.
 */
int	disk_raw_open(struct disk **, const struct aio_setup *,
	    bool readonly, const char *engine, struct err *);
void	disk_close(struct disk *);

const struct disk_info *disk_info(const struct disk *);
const char *disk_engine(const struct disk *);

/* As in aio.h.  The range was checked against the size. */
void	disk_queue(struct disk *, struct aio_req *);
void	disk_kick(struct disk *);
void	disk_wait(struct disk *);

#endif
