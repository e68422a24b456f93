/* SPDX-License-Identifier: ISC */
/* io.h - whole reads and writes, and files that are either old or new */

#ifndef LIB_IO_H
#define LIB_IO_H

#include <sys/types.h>

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * Read or write exactly len bytes on a blocking descriptor, over EINTR and
 * short counts.  read_full() returns the bytes read, fewer than len only at
 * the end of the file, or -1 with errno.
 */
ssize_t	read_full(int fd, void *, size_t len);
int	write_full(int fd, const void *, size_t len);

/*
 * The whole file 'name' below dirfd into a buf, at most buf->max bytes.
 * Only regular files; symbolic links are not followed.
 */
int	file_read(struct buf *, int dirfd, const char *name, struct err *);

/*
 * Replace 'name' below dirfd so that after any crash the old or the new
 * bytes are there: temporary file, fsync, rename, fsync of the directory.
 */
int	file_replace(int dirfd, const char *name, const void *, size_t len,
	    mode_t, struct err *);

/* Set or clear O_NONBLOCK; set FD_CLOEXEC.  -1 with errno. */
int	fd_nonblock(int fd, int on);
int	fd_cloexec(int fd, int on);

#endif
