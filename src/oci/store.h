/* SPDX-License-Identifier: ISC */
/*
 * store.h - where images lie: an OCI image layout and its root images
 *
 * OCI image-spec, image-layout.md.  The store is a directory:
 *
 *	oci-layout index.json blobs/sha256/<hex>	the layout
 *	root/<hex>.sqfs		root image of the manifest <hex>
 *	tmp/<work>/		a job's; flock'd by it while it lives
 *	lock			shared by jobs, exclusive while blobs go
 *	index.lock		held while index.json is replaced
 *	sweep			there when blobs nobody names may be there
 *
 * A blob is complete and has its digest, or it is not there under its name.
 * index.json is replaced in one step after everything it names is durable,
 * so that a crash at any instant leaves the old or the new store; what a
 * dead job left in tmp is removed by the next one.
 */

#ifndef OCI_STORE_H
#define OCI_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#define STORE_ENTRIES_MAX	16384		/* manifests of a store */
#define STORE_INDEX_MAX		(32U << 20)	/* bytes of index.json */
#define STORE_WORK_NAME		24		/* bytes with the NUL */

/* Descriptors of the directories; open for as long as the store is. */
struct store {
	int	dir;		/* the store */
	int	blobs;		/* blobs/sha256 */
	int	root;		/* root */
	int	tmp;		/* tmp */
	int	lock;		/* flock'd, see above */
	int	work;		/* store_work()'s directory, or -1 */
	char	work_name[STORE_WORK_NAME];	/* below tmp */
};

/*
 * Open the store at 'path', make what is missing of it, take the shared lock
 * (waiting while blobs are being deleted) and remove what dead jobs left.
 * store_close() removes the work directory and accepts NULL.
 */
int	store_open(struct store **ret, const char *path, struct err *);
void	store_close(struct store *);
OWN_DEFINE(struct store, store_close);

/* Make st->work, this job's own directory; a second call does nothing. */
int	store_work(struct store *, struct err *);

/* One line of index.json. */
struct entry {
	char		name[REFERENCE_MAX + 1];	/* normalised, or "" */
	struct digest	digest;		/* of the manifest */
	struct digest	source;		/* what the registry called it */
	uint64_t	size;		/* bytes of the manifest */
	struct platform	platform;
};

struct entries {
	struct entry	*v;
	size_t		 n;
};
void	entries_fini(struct entries *);

/* Read index.json.  The caller owns the entries on success only. */
int	store_entries(struct entries *ret, struct store *, struct err *);

/*
 * Give 'e' its name: an older entry of the name and platform loses it, an
 * unnamed one of the same manifest goes.  All the blobs must be there; they
 * are made durable first.
 */
int	store_put(struct store *, const struct entry *, struct err *);

/*
 * Change index.json: 'edit' gets the entries under the index lock and may
 * change them, returning 1 to have them written, 0 not, -1 with the err.
 */
int	store_edit(struct store *,
	    int (*edit)(struct entries *, void *, struct err *), void *,
	    struct err *);

/*
 * The entry a name or digest means, for the platform, or with NULL for this
 * machine's when it is there and else for any.  Code not_found.
 */
int	store_find(struct entry *ret, struct store *, const char *what,
	    const struct platform *, struct err *);
/* Does 'what' (as store_find()'s) mean this entry? */
struct wanted {
	struct reference	ref;	/* of a name */
	struct digest		digest;	/* of a digest alone, else text "" */
};
int	wanted_parse(struct wanted *, const char *what, struct err *);
bool	wanted_match(const struct wanted *, const struct entry *);

/*
 * A whole small blob, its digest checked.  Codes: damaged (it is missing, or
 * is not what its name says), invalid_image (larger than buf->max).
 */
int	store_blob(struct buf *, struct store *, const struct digest *,
	    struct err *);
/* Put bytes into the store as a blob; *ret is its digest. */
int	store_blob_put(struct digest *ret, struct store *, const void *,
	    size_t len, struct err *);
/* Bytes of a blob's file, or -1 when it is not there. */
int64_t	store_blob_size(struct store *, const struct digest *);

/* The manifest of an entry, read and checked. */
int	store_manifest(struct manifest *ret, struct store *,
	    const struct digest *, struct err *);

/* Remove a file or tree below dirfd; ENOENT is no failure. */
int	tree_remove(int dirfd, const char *name);

#endif
