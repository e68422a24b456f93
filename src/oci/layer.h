/* SPDX-License-Identifier: ISC */
/*
 * layer.h - the bytes of a layer: decompressed, and checked twice
 *
 * OCI image-spec, layer.md.  A layer is a tar, plain or in gzip (RFC 1952)
 * or zstd (RFC 8878); which one is told by its first bytes.  Its digest is
 * that of the blob, its diff_id (config.md) that of the tar inside.  Both
 * are known only at the end: whoever reads must not let go of what was made
 * of the bytes before layer_read() gave the end.
 */

#ifndef OCI_LAYER_H
#define OCI_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/digest.h"
#include "oci/manifest.h"

struct layer;

/*
 * 'fd' is a blob's file; the layer owns it, from the call on.  diff_id: NULL
 * when it is not to be checked.
 */
int	layer_open(struct layer **ret, int fd, const struct blob *,
	    const struct digest *diff_id, struct err *);
void	layer_close(struct layer *);
OWN_DEFINE(struct layer, layer_close);

/*
 * The next bytes of the tar: *ret points into the layer until the next call.
 * Returns their count; 0 at the end, when both digests were right; -1 with
 * the code damaged (not what the digest or the size says) or invalid_image
 * (truncated or corrupt compression, wrong diff_id).
 */
ssize_t	layer_read(struct layer *, const void **ret, struct err *);

/* Bytes of the blob that were read so far. */
uint64_t layer_offset(const struct layer *);

#endif
