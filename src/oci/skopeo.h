/* SPDX-License-Identifier: ISC */
/*
 * skopeo.h - asking a registry, by running skopeo(1)
 *
 * skopeo speaks the distribution protocol, finds credentials as docker does
 * (config.json, credential helpers) and checks digests.  Secrets are never
 * on its command line.
 */

#ifndef OCI_SKOPEO_H
#define OCI_SKOPEO_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"

struct store;

struct registry_access {
	bool		 insecure;	/* plain http, bad certificates */
	const char	*authfile;	/* docker's config.json, or NULL */
	int		 authfd;	/* the same as a descriptor, or -1 */
};

/*
 * The bytes of the manifest or index that 'image' ("registry/repo:tag" or
 * "...@digest") names, or with 'config' those of its configuration.  Codes:
 * not_found, unauthorized, rate_limited, network.
 */
int	skopeo_inspect(struct buf *, struct store *,
	    const struct registry_access *, const char *image, bool config,
	    struct err *);

/* A copy in the store's work directory, for skopeo_copy(). */
struct skopeo_copy {
	const struct registry_access *access;
	const char	*image;		/* "registry/repo@digest" */
	const char	*layout;	/* where to, below the work directory */
	void		(*tick)(void *);
	void		*arg;		/* tick's */
};

/*
 * Copy an image: what is in the store is not fetched, what is fetched goes
 * to the store's blobs, complete and checked, one by one; the manifest is
 * named by the index.json of 'layout'.  Codes as above, and disk_full.
 */
int	skopeo_copy(struct store *, const struct skopeo_copy *, struct err *);

/* The code and sentence for what skopeo wrote; always returns -1. */
int	skopeo_refused(struct err *, const char *image, const char *said);

#endif
