/* SPDX-License-Identifier: ISC */
/*
 * emit.h - writing the merged tar
 *
 * What the writer of root images can take: every path once, a hard link
 * after its file, numeric owners, times in whole seconds, and of the
 * extended attributes those that squashfs has (user, trusted, security)
 * without overlayfs's own, which would change what the guest's overlay shows.
 */

#ifndef OCI_EMIT_H
#define OCI_EMIT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define EMIT_BYTES_MAX	(256ULL << 30)	/* of all files, holes included */

struct archive;
struct archive_entry;

struct emit {
	struct archive	*out;		/* the caller's, open for writing */
	bool		 muted;		/* write nothing any more */
	bool		 broken;	/* a write to 'out' failed */
	uint64_t	 bytes;		/* of files so far */
};

/*
 * An entry of 'in' under the path 'path', with its data.  'in' was read up
 * to the entry's header; 'entry' is changed.
 */
int	emit_entry(struct emit *, struct archive *in,
	    struct archive_entry *entry, const char *path, struct err *);
/* 'path' is another name of 'target', which was written. */
int	emit_link(struct emit *, const char *path, const char *target,
	    struct err *);
/* A directory of root's, mode 0755, of 1970. */
int	emit_dir(struct emit *, const char *path, struct err *);

#endif
