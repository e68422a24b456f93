/* SPDX-License-Identifier: ISC */
/* digest.c - names of contents; see digest.h */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/log.h"
#include "oci/digest.h"

#define SHA256_LEN	32

struct hasher {
	EVP_MD_CTX	*ctx;
};

int
digest_parse(struct digest *ret, const char *text, struct err *e)
{
	if (strncmp(text, "sha256:", 7) != 0)
		return err_api(e, EINVAL, "invalid_reference",
		    "%.80s: not a sha256 digest", text);
	if (strlen(text) != DIGEST_TEXT ||
	    strspn(text + 7, "0123456789abcdef") != DIGEST_HEX)
		return err_api(e, EINVAL, "invalid_reference",
		    "%.80s: a digest has 64 lower-case hexadecimal digits",
		    text);
	memcpy(ret->text, text, DIGEST_TEXT + 1);
	return 0;
}

const char *
digest_hex(const struct digest *d)
{
	return d->text + 7;
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

void
digest_of(struct digest *ret, const void *data, size_t len)
{
	OWN(hasher_destroy) struct hasher *h = hasher_new();

	hasher_add(h, data, len);
	hasher_end(ret, h);
}

struct hasher *
hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (h == NULL || (h->ctx = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
		fatalx("sha256 is not available");
	return h;
}

void
hasher_destroy(struct hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void
hasher_add(struct hasher *h, const void *data, size_t len)
{
	if (EVP_DigestUpdate(h->ctx, data, len) != 1)
		fatalx("sha256 failed");
}

void
hasher_end(struct digest *ret, struct hasher *h)
{
	uint8_t sum[SHA256_LEN];

	if (EVP_DigestFinal_ex(h->ctx, sum, NULL) != 1)
		fatalx("sha256 failed");
	memcpy(ret->text, "sha256:", 7);
	for (size_t i = 0; i < sizeof(sum); i++)
		(void)snprintf(ret->text + 7 + 2 * i, 3, "%02x", sum[i]);
}
