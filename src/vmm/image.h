/* SPDX-License-Identifier: ISC */
/*
 * image.h - put an arm64 Linux kernel into guest memory
 *
 * The file is an "Image", not packed.  Files are not trusted: whatever is in
 * them, nothing outside the guest's memory is written.
 *
 * Source: Linux, Documentation/arch/arm64/booting.rst.
 */

#ifndef VMM_IMAGE_H
#define VMM_IMAGE_H

#include <stdint.h>

#include "lib/err.h"

#define IMAGE_FILE_MAX	(2ULL << 30)	/* bytes of a kernel or initrd */

/* From where memory begins: the device tree, and then the kernel. */
#define IMAGE_TREE_MAX	(2ULL << 20)	/* bytes */

struct memory;

struct image {
	struct memory	*memory;	/* of zeroes */
	int		 kernel;	/* descriptors; read by pread(2) */
	int		 initrd;	/* or -1 */
};

struct image_at {
	uint64_t	entry;		/* guest physical, as all of these */
	uint64_t	tree;		/* for the device tree */
	uint64_t	initrd;
	uint64_t	initrd_end;	/* equal: there is none */
};

/* Refused: another format, what does not fit into the memory. */
int	image_load(struct image_at *ret, const struct image *, struct err *);

#endif
