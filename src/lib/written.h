/* SPDX-License-Identifier: ISC */
/*
 * written.h - which parts of a disk were written, and when
 *
 * A file beside a raw disk: who serves the disk marks what was written, who
 * copies it meanwhile asks what to copy again.  Its first byte is the time of
 * now; from WRITTEN_HEAD on there is a byte for each WRITTEN_PART of the disk,
 * the time it was written last.  0 is before all times: nobody has asked yet,
 * and nothing is marked.
 *
 * A part is marked when its write has been done.  So who sets the time, and
 * reads the disk after that, has all that is marked with an earlier one: a
 * write that was not done by then is marked with the new one.  Behind 255
 * comes 1; a mark that is so old costs a copy that was not needed.
 *
 * The file is trusted as far as its writers are.  Who marks maps its head to
 * read and knows its own marks: a part that has its mark is no system call.
 * Marks are written by pwrite(2): a full file system is an error, no signal.
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
	uint8_t		*head;		/* or NULL: nobody wants to know */
	uint8_t		*marks;		/* ours, as they are in the file */
	size_t		 parts;
	int		 fd;		/* borrowed */
};

/* Bytes of the file, for a disk of so many. */
uint64_t written_bytes(uint64_t disk);

/*
 * Use a file of that size, whose marks are 0.  The descriptor stays the
 * caller's, and must outlive this.
 */
int	written_open(struct written *, int fd, uint64_t disk, struct err *);
void	written_close(struct written *);

/*
 * These bytes were written.  What is behind the disk's end is left out.  -1
 * with errno: they are not marked, so who wrote them must not hear that it
 * went well.
 */
int	written_mark(struct written *, uint64_t at, uint64_t len);

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
