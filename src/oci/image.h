/* SPDX-License-Identifier: ISC */
/* image.h - an image of the store as JSON (ARCHITECTURE.md, "Image jobs") */

#ifndef OCI_IMAGE_H
#define OCI_IMAGE_H

#include "lib/json.h"

struct entry;
struct store;

/* The caller owns *ret.  Code damaged when blobs of it are not there. */
int	image_describe(json_t **ret, struct store *, const struct entry *,
	    struct err *);

#endif
