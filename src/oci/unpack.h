/* SPDX-License-Identifier: ISC */
/*
 * unpack.h - from the layers of an image to its root image
 *
 * The merged tar (merge.h) goes through a pipe to sqfstar(1), which writes a
 * squashfs compressed with lz4.  It gets its name in root/ when it is whole
 * and on the disk.
 */

#ifndef OCI_UNPACK_H
#define OCI_UNPACK_H

#include <stdint.h>

#include "lib/err.h"

struct digest;
struct entry;
struct store;

/*
 * Make the root image of an entry; one that is there is left alone.  Codes:
 * damaged (blobs that are not what their name says are removed, so that a
 * pull gets them again), invalid_image, disk_full, io.
 */
int	unpack_image(struct store *, const struct entry *, struct err *);

/* Bytes of the root image of a manifest, or -1 when there is none. */
int64_t	unpack_size(struct store *, const struct digest *);

#endif
