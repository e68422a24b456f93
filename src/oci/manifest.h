/* SPDX-License-Identifier: ISC */
/*
 * manifest.h - manifests, indexes and configurations of images
 *
 * OCI image-spec 1.1: manifest.md, image-index.md, config.md; and docker's
 * schema 2, which differs in media types only.  All three are bytes of
 * strangers: whatever is not as the specification says is refused with the
 * code invalid_image and the member that is wrong.
 */

#ifndef OCI_MANIFEST_H
#define OCI_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/json.h"
#include "oci/digest.h"

#define MANIFEST_MAX		(4U << 20)	/* bytes, as registries */
#define CONFIG_MAX		(8U << 20)	/* bytes */
#define LAYERS_MAX		256		/* docker stops at 127 */
#define INDEX_ENTRIES_MAX	1024		/* manifests an index lists */
#define MEDIA_TYPE_MAX		255		/* bytes; RFC 6838, 4.2 */
#define BLOB_MAX		(1ULL << 42)	/* bytes of one blob: 4 TiB */

#define MEDIA_TYPE_MANIFEST	"application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_CONFIG	"application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_LAYER	"application/vnd.oci.image.layer.v1.tar"

/* What an image runs on.  Texts "" when they are not said. */
struct platform {
	char	os[16];
	char	arch[16];
	char	variant[16];
};
#define PLATFORM_TEXT	50	/* bytes that platform_print() needs */

/* linux and this machine's architecture. */
void	platform_host(struct platform *ret);
/* "linux/arm64", "linux/arm/v7", or the architecture alone. */
int	platform_parse(struct platform *ret, const char *text, struct err *);
char	*platform_print(char *buf, const struct platform *);
/*
 * May an image for 'has' be used where 'want' is asked?  A variant only
 * counts when both name one; arm64 without one is v8.
 */
bool	platform_match(const struct platform *has, const struct platform *want);

/* A blob as a manifest describes it. */
struct blob {
	struct digest	digest;
	uint64_t	size;	/* bytes as stored (compressed) */
};

struct manifest {
	struct blob	config;
	struct blob	layers[LAYERS_MAX];	/* the lowest first */
	size_t		nlayers;
};

int	manifest_parse(struct manifest *ret, const void *, size_t len,
	    struct err *);

/* Is this document an index (or docker's manifest list)? */
bool	manifest_is_index(const json_t *);

/*
 * The manifest of the index that fits the platform; refuses with the code
 * platform_not_available and the list of what is there.
 */
int	manifest_choose(struct blob *ret, const json_t *index,
	    const struct platform *want, struct err *);

/* An image's configuration, checked.  The members point into 'json'. */
struct config {
	json_t		*json;		/* owned: the whole document */
	struct platform	 platform;
	struct digest	 diff_ids[LAYERS_MAX];	/* of the tars */
	size_t		 ndiff_ids;
};

int	config_parse(struct config **ret, const void *, size_t len,
	    struct err *);
void	config_destroy(struct config *);
OWN_DEFINE(struct config, config_destroy);

/*
 * What a VM needs to know: a new object with created, entrypoint, cmd, env,
 * working_dir, user, stop_signal, exposed_ports, volumes and labels, each
 * present and of the right type.  The caller owns it; NULL: out of memory.
 */
json_t	*config_summary(const struct config *);

#endif
