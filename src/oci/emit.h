/* SPDX-License-Identifier: ISC */
/*
 * emit.h - writing the merged tar
 *
 * What a writer of root images can take: every path once, a hard link after
 * its file, numeric owners, times in whole seconds, and of the extended
 * attributes those that squashfs has (user, trusted, security) without
 * overlayfs's own, which would change what the guest's overlay shows.
 */

#ifndef OCI_EMIT_H
#define OCI_EMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define EMIT_BYTES_MAX	(256ULL << 30)	/* of all files, holes included */
#define EMIT_XATTRS_MAX	(1U << 20)	/* bytes of one file's, as text */

struct archive;
struct archive_entry;
struct tar_out;

struct emit {
	struct tar_out	*out;		/* the caller's */
	bool		 muted;		/* write nothing any more */
	uint64_t	 bytes;		/* of files so far */
	/* The root's owner, and whether any file since has it too. */
	uint32_t	 uid, gid;
	bool		 have_uid, have_gid;
};

/*
 * An entry of 'in' under the path 'path', with its data.  'in' was read up
 * to the entry's header.
 */
int	emit_entry(struct emit *, struct archive *in,
	    struct archive_entry *, const char *path, struct err *);
/* 'path' is another name of 'target', which was written. */
int	emit_link(struct emit *, const char *path, const char *target,
	    struct err *);
/* The root's owner is known now. */
void	emit_wanted(struct emit *, uint32_t uid, uint32_t gid);
/* A directory of this owner, mode 0755, of 1970. */
int	emit_dir(struct emit *, const char *path, uint32_t uid, uint32_t gid,
	    struct err *);

#endif
