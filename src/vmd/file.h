/* SPDX-License-Identifier: ISC */
/* file.h - files that vmd opens for others */

#ifndef VMD_FILE_H
#define VMD_FILE_H

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/user.h"

/*
 * Open a file to read it, with the rights of a user: regular files.  A
 * daemon that is not root's serves its own user only.  There is no request
 * that leads here with a path: vmd chooses what it opens.
 */
int	file_open(const char *path, const struct user *, struct err *);

/*
 * A disk for a device: the same file, opened again and locked.  name is the
 * device's.  disk_in_use when another VM has it.
 */
int	file_disk(const struct priv_blk *, const char *name, struct err *);

#endif
