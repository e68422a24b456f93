/* SPDX-License-Identifier: ISC */
/*
 * identity.h - what a machine of the framework's is beside its devices
 *
 * The machine's identifier is bytes that the framework makes and that only
 * mean something to it.  A VM keeps its own, in VZ_IDENTIFIER_FILE of its
 * directory: a saved state belongs to one identifier.
 */

#ifndef VZ_IDENTITY_H
#define VZ_IDENTITY_H

#include "lib/err.h"
#include "os/darwin/objc.h"

#define VZ_IDENTIFIER_FILE	"vz-machine"
#define VZ_IDENTIFIER_MAX	65536	/* bytes */

struct vm_config;

/*
 * The platform, with the identifier in the directory dirfd; one is made, and
 * durable when this returns, where there is none.  *ret is autoreleased.
 */
int	identity_platform(struct objc **ret, int dirfd, struct err *);

/* Copy the identifier from one directory to another. */
int	identity_copy(int from, int to, struct err *);

/* The boot loader: Linux's, or UEFI with its variables.  Autoreleased. */
int	identity_boot_loader(struct objc **ret, const struct vm_config *,
	    struct err *);

#endif
