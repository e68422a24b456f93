/* SPDX-License-Identifier: ISC */
/*
 * record.h - files in which vmd keeps what vmd-control may not say
 *
 * They lie in directories where others make, link and rename files, so what
 * is read must be vmd's own: a plain file with this one name, mode 0600.
 */

#ifndef VMD_RECORD_H
#define VMD_RECORD_H

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * The user at the other end of a connection, the kernel's word; -1: there is
 * none (no connection, or by TCP).
 */
int	record_peer(uid_t *ret, int client);

/*
 * Make 'name' below dirfd, whole or not at all.  already_exists, with 'what'
 * in the sentence, when it is there.
 */
int	record_write(int dirfd, const char *name, const struct buf *,
	    const char *what, struct err *);

/*
 * Read it into a buf, whose maximum is the record's, and end it with a NUL.
 * 1, or 0 when there is none.
 */
int	record_read(struct buf *, int dirfd, const char *name, struct err *);

#endif
