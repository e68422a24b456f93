/* SPDX-License-Identifier: ISC */
/* unpack.h - kernels that are packed with gzip(1), for vmm by hand */

#ifndef VMM_UNPACK_H
#define VMM_UNPACK_H

#include <stdbool.h>

#include "lib/err.h"

#define UNPACK_MAX	(256ULL << 20)	/* bytes that may come out of it */

/*
 * Open a kernel, the caller's; *packed: it was, and this is a file without a
 * name that has what was in it.  gzip(1) reads those, in a process of its
 * own: before the sandbox.
 */
int	unpack_kernel(int *ret, bool *packed, const char *path,
	    struct err *);

#endif
