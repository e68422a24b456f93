/* SPDX-License-Identifier: ISC */
/*
 * import.h - images from an archive into the store
 *
 * Two kinds, told apart by what is in them: a tar of an OCI image layout
 * (image-layout.md; podman save --format oci-archive, skopeo, docker save
 * since 25) and docker save's own, with manifest.json.  Either may hold
 * several images and may be compressed.  The archive is read once, from
 * anything that can be read; nothing of it is believed before it was hashed.
 */

#ifndef OCI_IMPORT_H
#define OCI_IMPORT_H

#include "oci/manifest.h"
#include "oci/store.h"

struct import {
	int		 fd;		/* the archive; stays the caller's */
	const char	*name;		/* of the one image in it, or NULL */
	const struct platform *platform;	/* or NULL: this machine's
						 * where there is a choice */
};

/*
 * Take every image that has a name; *ret, which the caller owns, has one
 * entry a name.  Codes: invalid_archive, invalid_image, invalid_reference,
 * platform_not_available, disk_full.  On failure no name was given or moved,
 * unless writing index.json itself fails half-way through several names.
 */
int	import_archive(struct entries *ret, struct store *,
	    const struct import *, struct err *);

#endif
