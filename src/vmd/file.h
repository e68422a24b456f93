/* SPDX-License-Identifier: ISC */
/* file.h - files that vmd opens for others */

#ifndef VMD_FILE_H
#define VMD_FILE_H

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/user.h"

#define FILE_COPY_MAX	(1024 * 1024)	/* bytes */

/*
 * A copy, in memory, of a file that is read with the rights of a user:
 * regular files.  Who is given the descriptor can open it anew by its name
 * below /dev/fd, which the file itself would refuse to another user.  A
 * daemon that is not root's serves its own user only.  There is no request
 * that leads here with a path: vmd chooses what it reads.
 */
int	file_copy(const char *path, const struct user *, struct err *);

/*
 * A disk for a device: the same file, opened again and locked.  name is the
 * device's.  disk_in_use when another VM has it.
 */
int	file_disk(const struct priv_blk *, const char *name, struct err *);

/* /dev/kvm, with vmd's own rights; -1 where they do not suffice. */
int	file_kvm(void);

#endif
