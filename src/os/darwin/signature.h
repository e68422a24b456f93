/* SPDX-License-Identifier: ISC */
/*
 * signature.h - how the running program is signed
 *
 * macOS lets a program use its hypervisors only if its signature carries an
 * entitlement; one made without a developer's certificate ("codesign -s -")
 * does.
 */

#ifndef OS_DARWIN_SIGNATURE_H
#define OS_DARWIN_SIGNATURE_H

#include "lib/err.h"

#define SIGNATURE_ENTITLEMENTS_MAX	65536	/* bytes; more are not read */

/*
 * Does the program carry the entitlement?  -1 says what is wrong and how it
 * is mended: no signature, or one without it.  What the system does not
 * tell is taken for a yes; the framework will say.
 */
int	signature_entitled(const char *name, struct err *);

#endif
