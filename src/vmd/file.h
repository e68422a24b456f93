/* SPDX-License-Identifier: ISC */
/* file.h - files that vmd opens for others */

#ifndef VMD_FILE_H
#define VMD_FILE_H

#include "lib/err.h"
#include "priv/request.h"

/*
 * Open with the rights of the user the request names: regular files and block
 * devices.  A daemon that is not root's serves its own user only.
 */
int	file_open(const struct priv_open *, struct err *);

/*
 * A disk for a device: the same file, opened again and locked.  name is the
 * device's.  disk_in_use when another VM has it.
 */
int	file_disk(const struct priv_blk *, const char *name, struct err *);

#endif
