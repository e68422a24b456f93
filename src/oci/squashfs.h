/* SPDX-License-Identifier: ISC */
/*
 * squashfs.h - the root directory's attributes in a root image
 *
 * sqfstar 4.5 takes the root's mode from its command line, but not its owner
 * and time, which become those of the caller.  They are put right in the
 * image, whose inodes were written uncompressed (-noI) for that.  The format
 * is that of Linux, fs/squashfs/squashfs_fs.h, version 4.0.
 */

#ifndef OCI_SQUASHFS_H
#define OCI_SQUASHFS_H

#include <sys/types.h>

#include <stdint.h>

#include "lib/err.h"

struct squashfs_root {
	mode_t		mode;	/* permission bits */
	uint32_t	uid, gid;
	uint32_t	mtime;	/* seconds since 1970 */
};

/* Set them; uid and gid must be those of some file of the image.  Code io. */
int	squashfs_set_root(int fd, const struct squashfs_root *, struct err *);

#endif
