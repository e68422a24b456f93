/* SPDX-License-Identifier: ISC */
/*
 * memory_file.h - guest memory into a sparse file
 *
 * The pieces lie one behind the other, from low addresses to high, as
 * memory_new() maps a snapshot's file.  Pages of zeroes become holes.  What
 * a restored VM has not changed is copied from its snapshot's file to this
 * one, and not read: the time a VM is paused for goes with what it changed.
 */

#ifndef VMM_MEMORY_FILE_H
#define VMM_MEMORY_FILE_H

#include <stdint.h>

#include "lib/err.h"

struct memory;

/* From 'offset' of the file on, which is empty there.  Not synced. */
int	memory_file_write(int fd, uint64_t offset, const struct memory *,
	    struct err *);

/*
 * Set the bits of those pages of all of memory, a bit each, that may be other
 * than zeroes.
 */
void	memory_file_pages(const struct memory *, uint64_t *pages);

#endif
