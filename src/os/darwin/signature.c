/* SPDX-License-Identifier: ISC */
/*
 * signature.c - how the running program is signed; see signature.h
 *
 * Source: XNU, bsd/sys/codesign.h: csops(2) and the blob of entitlements,
 * a property list behind a header of 8 bytes.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/darwin/signature.h"

#define CS_OPS_STATUS			0
#define CS_OPS_ENTITLEMENTS_BLOB	7
#define CS_VALID			0x1u
#define BLOB_HEADER			8	/* magic; length, big-endian */

int	csops(pid_t, unsigned op, void *, size_t);

static bool
is_signed(void)
{
	uint32_t flags = CS_VALID;

	return csops(getpid(), CS_OPS_STATUS, &flags, sizeof(flags)) == -1 ||
	    (flags & CS_VALID) != 0;
}

/* "<key>NAME</key>" among them, whatever its value. */
static bool
has_key(const char *name, const uint8_t *blob)
{
	size_t len = (size_t)blob[4] << 24 | (size_t)blob[5] << 16 |
	    (size_t)blob[6] << 8 | blob[7];

	len = MIN(len, (size_t)SIGNATURE_ENTITLEMENTS_MAX);
	return len > BLOB_HEADER && memmem(blob + BLOB_HEADER,
	    len - BLOB_HEADER, name, strlen(name)) != NULL;
}

int
signature_entitled(const char *name, struct err *e)
{
	own_mem uint8_t *blob = calloc(1, SIGNATURE_ENTITLEMENTS_MAX);
	int r;

	if (blob == NULL)
		return err_sys(e, "entitlements");
	if (!is_signed())
		return err_set(e, EPERM, "the program is not signed: sign it "
		    "with \"codesign -s -\" and the entitlement %s", name);
	r = csops(getpid(), CS_OPS_ENTITLEMENTS_BLOB, blob,
	    SIGNATURE_ENTITLEMENTS_MAX);
	/* EINVAL: the signature has none. */
	if (r == -1 && errno != EINVAL)
		return 0;
	if (r == 0 && has_key(name, blob))
		return 0;
	return err_set(e, EPERM, "the program's signature lacks the "
	    "entitlement %s: sign it again with \"codesign -s - -f "
	    "--entitlements\"", name);
}
