/* SPDX-License-Identifier: ISC */
/* unpack.h - kernels that are packed with gzip(1), for vmm by hand */

#ifndef VMM_UNPACK_H
#define VMM_UNPACK_H

#include "lib/err.h"

#define UNPACK_MAX	(256ULL << 20)	/* bytes that may come out of it */

/*
 * The kernel's bytes as they were before they were packed, in a file without
 * a name, which is the caller's; *ret is -1 when they are not packed.
 * gzip(1) reads them, in a process of its own: before the sandbox.
 */
int	unpack_kernel(int *ret, const char *path, struct err *);

#endif
