/* SPDX-License-Identifier: ISC */
/*
 * reference.h - names of images, as docker(1) reads them
 *
 *	[REGISTRY[:PORT]/]REPOSITORY[:TAG][@DIGEST]
 *
 * "alpine" is docker.io/library/alpine:latest.  The first part is a registry
 * when it holds a dot, a colon or a capital letter, or is "localhost"
 * (distribution/reference, normalize.go and reference.go give the grammar).
 */

#ifndef OCI_REFERENCE_H
#define OCI_REFERENCE_H

#include <stddef.h>

#include "oci/digest.h"

#define REFERENCE_NAME	255	/* bytes of registry and repository together */
#define REFERENCE_TAG	128	/* bytes */
/* No text is longer, without the NUL: registry/repository:tag@digest. */
#define REFERENCE_MAX	\
	(2 * REFERENCE_NAME + REFERENCE_TAG + DIGEST_TEXT + 3)

struct reference {
	char		registry[REFERENCE_NAME + 1];	/* "docker.io" */
	char		repository[REFERENCE_NAME + 1];	/* "library/alpine" */
	char		tag[REFERENCE_TAG + 1];	/* "" beside a digest alone */
	struct digest	digest;		/* text "" when none was given */
};

/*
 * Read any spelling.  Refuses with the code invalid_reference and says what
 * is wrong; *ret is untouched then.
 */
int	reference_parse(struct reference *ret, const char *text, struct err *);

/*
 * The one spelling under which the store knows the image:
 * registry/repository:tag, or registry/repository@digest when there is a
 * digest (a tag beside it says nothing then).  buf holds REFERENCE_MAX + 1.
 */
char	*reference_print(char *buf, const struct reference *);

#endif
