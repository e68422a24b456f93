/* SPDX-License-Identifier: ISC */
/*
 * sweep.h - taking images out of the store, and the bytes nobody names
 *
 * Names go first (index.json), then the blobs and root images that no entry
 * names any more.  Blobs are deleted only under the exclusive lock, when no
 * job is at work; the file "sweep" in the store remembers that it is still
 * to be done, so that neither a busy store nor a crash forgets them.
 */

#ifndef OCI_SWEEP_H
#define OCI_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "oci/digest.h"
#include "oci/manifest.h"

struct entry;
struct store;

struct sweep_result {
	uint64_t	freed;		/* bytes of the files that went */
	bool		deferred;	/* a job holds the store: later */
};

/* Told of each manifest that loses its entry. */
typedef void sweep_deleted(const struct entry *, void *);

/* Which images go: those of a name or digest; or, without one, a prune. */
struct removal {
	const char		*name;		/* or NULL: prune */
	const struct platform	*platform;	/* only of this one, or NULL */
	bool			 all;		/* prune: named images too */
	const struct digest	*keep;		/* prune: never these */
	size_t			 nkeep;
	sweep_deleted		*deleted;
	void			*arg;		/* deleted's */
};

/*
 * Take the images out and delete what nobody names now.  Code not_found when
 * a name or digest means nothing.  When it fails later than that the names
 * are gone already and the rest is left to the next sweep.
 */
int	sweep_images(struct sweep_result *ret, struct store *,
	    const struct removal *, struct err *);

/* Have the store swept as soon as no job is at work. */
int	sweep_mark(struct store *, struct err *);

/* When a sweep is due and nobody else is at work, do it; the last of a job. */
void	sweep_deferred(struct store *);

/* Bytes of all blobs and of all root images. */
int	sweep_usage(uint64_t *blobs, uint64_t *roots, struct store *,
	    struct err *);

#endif
