/* SPDX-License-Identifier: ISC */
/*
 * digest.h - names of contents: "sha256:" and 64 hexadecimal digits
 *
 * OCI image-spec, descriptor.md, "Digests".  Only sha256 is accepted; a
 * digest that was parsed is safe to use as a file name.
 */

#ifndef OCI_DIGEST_H
#define OCI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/own.h"

#define DIGEST_HEX	64			/* digits */
#define DIGEST_TEXT	(7 + DIGEST_HEX)	/* bytes without the NUL */

struct digest {
	char	text[DIGEST_TEXT + 1];	/* "sha256:..." */
};

/* Refuses everything but sha256 and lower case; on failure *ret stays. */
int	digest_parse(struct digest *ret, const char *text, struct err *);

/* The digits alone, as blobs and root images are called. */
const char *digest_hex(const struct digest *);

bool	digest_equal(const struct digest *, const struct digest *);

/* Digest of bytes that are there already. */
void	digest_of(struct digest *ret, const void *, size_t len);

/*
 * A digest of bytes that pass by.  hasher_end() gives the digest of all that
 * was added and may be called once.  Running out of memory is fatal.
 */
struct hasher;

struct hasher *hasher_new(void);
void	hasher_destroy(struct hasher *);
void	hasher_add(struct hasher *, const void *, size_t len);
void	hasher_end(struct digest *ret, struct hasher *);

OWN_DEFINE(struct hasher, hasher_destroy);

#endif
