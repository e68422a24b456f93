/* SPDX-License-Identifier: ISC */
/*
 * merge.h - the layers of an image become one tar
 *
 * OCI image-spec, layer.md: "Applying Changesets", "Whiteouts", "Opaque
 * Whiteout".  The layers are read once, the uppermost first, so that of each
 * path only the version that counts is ever written; memory holds the paths,
 * never contents.
 *
 * What cannot be known while reading downwards is found out on the way and
 * needs the merge to be done again, with what was learned: a path that a
 * layer has twice, where the last one counts.  Hard links to a file that an
 * upper layer hides have their layer read again.
 */

#ifndef OCI_MERGE_H
#define OCI_MERGE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "oci/layer.h"

struct squashfs_root;
struct tar_out;

/* Where the layers come from; number 0 is the lowest. */
struct merge_source {
	size_t	nlayers;	/* at most LAYERS_MAX */
	int	(*open)(struct layer **ret, size_t n, void *arg,
		    struct err *);
	/* Told now and then, and may refuse to go on; may be NULL. */
	int	(*progress)(size_t layers_done, uint64_t bytes, void *arg,
		    struct err *);
	void	*arg;
};

struct merge;

/* NULL when there is no memory.  The source must live as long. */
struct merge *merge_new(const struct merge_source *);
void	merge_destroy(struct merge *);
OWN_DEFINE(struct merge, merge_destroy);

/* Attributes of the root directory, after a run: they are not in the tar. */
const struct squashfs_root *merge_root(const struct merge *);

enum merge_end {
	MERGE_FAILED = -1,	/* the err names the layer and the path */
	MERGE_DONE = 0,
	MERGE_AGAIN = 1,	/* something was learned; 'out' is no good */
};

/* Write the merged tar to 'out', all but its end; 'out' stays the caller's. */
enum merge_end merge_run(struct merge *, struct tar_out *out, struct err *);

#endif
