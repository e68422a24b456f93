/* SPDX-License-Identifier: ISC */
/*
 * archive_files.h - the files of an archive, by their names and digests
 *
 * The contents lie in the job's work directory under numbers, never under
 * names of the archive.
 */

#ifndef OCI_ARCHIVE_FILES_H
#define OCI_ARCHIVE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/own.h"
#include "oci/digest.h"

#define ARCHIVE_FILES_MAX	16384	/* entries of an archive */
#define ARCHIVE_PATH_MAX	1024	/* bytes of a name in it */
#define ARCHIVE_MAGIC		4	/* bytes kept of the beginning */

struct store;

struct archive_file {
	char		*path;
	char		*link;		/* what a link names, or NULL */
	struct digest	 digest;
	uint64_t	 size;		/* bytes */
	uint8_t		 magic[ARCHIVE_MAGIC];
	unsigned	 number;	/* the name in the work directory */
};

struct archive_files;

/*
 * Read the archive on fd to its end.  Codes: invalid_archive, disk_full.
 * The store's work directory must be there.
 */
int	archive_files_read(struct archive_files **ret, struct store *, int fd,
	    struct err *);
void	archive_files_destroy(struct archive_files *);
OWN_DEFINE(struct archive_files, archive_files_destroy);

/* By name (links are followed) or by contents; NULL: there is none. */
const struct archive_file *archive_files_named(const struct archive_files *,
	    const char *path);
const struct archive_file *archive_files_hashed(const struct archive_files *,
	    const struct digest *);

/* The contents, at most buf->max bytes.  Code invalid_archive. */
int	archive_file_text(struct buf *, struct store *,
	    const struct archive_file *, struct err *);
/* Have them in the store as a blob, durable but for the directory. */
int	archive_file_adopt(struct store *, const struct archive_file *,
	    struct err *);

#endif
