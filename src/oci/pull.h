/* SPDX-License-Identifier: ISC */
/*
 * pull.h - an image from a registry into the store
 *
 * Blobs arrive in the store one by one, each complete and checked, so that
 * a pull that broke off goes on where it was when it is repeated, and layers
 * that other images brought are not fetched.  The image has its name only
 * when everything is there.
 */

#ifndef OCI_PULL_H
#define OCI_PULL_H

#include "oci/skopeo.h"
#include "oci/store.h"

struct pull {
	const char		*name;		/* any spelling */
	struct platform		 platform;	/* wanted */
	struct registry_access	 access;
};

/*
 * Codes: invalid_reference, not_found, unauthorized, rate_limited, network,
 * platform_not_available, invalid_image, disk_full.
 */
int	pull_from_registry(struct entry *ret, struct store *,
	    const struct pull *, struct err *);

#endif
