/* SPDX-License-Identifier: ISC */
/*
 * written.h - which parts of a disk were written, and when
 *
 * A file beside a raw disk: who serves the disk marks what was written, who
 * copies it meanwhile asks what to copy again.  Its first byte is the time of
 * now, 0 to 255; from WRITTEN_HEAD on there is a byte for each WRITTEN_PART
 * of the disk, the time it was written last.
 *
 * A part is marked when its write has been done.  So who sets the time, and
 * reads the disk after that, has all that is marked with an earlier one: a
 * write that was not done by then is marked with the new one.  Times begin
 * again behind 255; a mark that is so old costs a copy that was not needed.
 *
 * The file is trusted as far as its writers are: the one side maps it, so
 * that a mark is no system call, the other reads and writes it.
 */

#ifndef LIB_WRITTEN_H
#define LIB_WRITTEN_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define WRITTEN_HEAD	4096U
#define WRITTEN_PART	(64U << 10)	/* bytes of the disk */

struct written {
	uint8_t		*map;		/* or NULL: nobody wants to know */
	size_t		 parts;
};

/* Bytes of the file, for a disk of so many. */
uint64_t written_bytes(uint64_t disk);

/*
 * Map a file of that size, which is there in full: a file system that fills
 * up must not end who marks.  The descriptor stays the caller's.
 */
int	written_open(struct written *, int fd, uint64_t disk, struct err *);
void	written_close(struct written *);

/* These bytes were written.  What is behind the disk's end is left out. */
void	written_mark(struct written *, uint64_t at, uint64_t len);

/*
 * A new time; returns the one that has ended, or -1.  A mark of that one that
 * comes after this is followed by one of the new time.
 */
int	written_tick(int fd, struct err *);

/*
 * The next part of that time, from *part on; 1 and *part, 0 there is none,
 * -1.  parts is how many the disk has.
 */
int	written_next(uint64_t *part, int fd, uint8_t time, uint64_t parts,
	    struct err *);

#endif
