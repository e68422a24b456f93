/* SPDX-License-Identifier: ISC */
/*
 * disk_copy.h - copies of disks, without holding the daemon up
 *
 * Blocks are shared where the file system can; else a job copies what is not
 * a hole.  Both functions are answered from the event loop.
 */

#ifndef CONTROL_DISK_COPY_H
#define CONTROL_DISK_COPY_H

#include "lib/err.h"

struct control;
struct os_name;

typedef void disk_fn(void *arg, const struct err *);

/*
 * Make a file with the contents of 'from', which stays the caller's.  Its
 * descriptor; -1: there is no file, and the function is not called.  The
 * contents are there once it was called without an error.
 */
int	disk_copy(struct control *, int from, const struct os_name *, disk_fn *,
	    void *arg, struct err *);

/*
 * What is in 'from', a file of gzip(1), into the empty file 'to'; both stay
 * the caller's.
 */
int	disk_gunzip(struct control *, int from, int to, disk_fn *, void *arg,
	    struct err *);

/* Make what was written to a file durable; it stays the caller's. */
int	disk_sync(struct control *, int fd, disk_fn *, void *arg,
	    struct err *);

#endif
