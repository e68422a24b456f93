/* SPDX-License-Identifier: ISC */
/*
 * pflash.h - flash memory that a guest can program
 *
 * Two chips of 16 bits side by side, as QEMU's "virt" machine has them: UEFI
 * keeps its variables there.  In their first mode, that of an array, the
 * guest reads (and executes) them as memory; any store is a command, after
 * which loads come here until a command says "array" again.
 *
 * Programming clears bits, and erasing sets all of a block's.  What has
 * changed is in the file when the guest is told that the operation is over.
 * A guest whose commands make no sense is told so by the status register.
 *
 * Source: Common Flash Memory Interface (JESD68.01), Intel/Sharp extended
 * command set (JEP137, 0001).
 */

#ifndef VMM_DEV_PFLASH_H
#define VMM_DEV_PFLASH_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define PFLASH_BLOCK	(256U << 10)	/* bytes that are erased at once */
#define PFLASH_MAX	(64ULL << 20)	/* bytes of one */
#define PFLASH_BUFFER	2048U		/* bytes programmed at once */

struct board;
struct pflash;

struct pflash_setup {
	struct board	*board;
	uint64_t	 addr;		/* guest physical */
	unsigned	 slot;		/* of the accelerator's memory */
	/*
	 * Where it is kept, read and written at its beginning; -1: nowhere.
	 * Stays the caller's.  An empty one becomes erased flash of 'bytes'.
	 */
	int		 fd;
	uint64_t	 bytes;		/* without a file, or an empty one */
};

/* Refused: a file whose size is not some blocks up to PFLASH_MAX. */
int	pflash_new(struct pflash **ret, const struct pflash_setup *,
	    struct err *);
void	pflash_destroy(struct pflash *);
OWN_DEFINE(struct pflash, pflash_destroy);

uint64_t pflash_bytes(const struct pflash *);

/* An array again, and no command; the board is locked. */
void	pflash_reset(struct pflash *);

/*
 * The command that is under way.  The content is not in it: like a disk's it
 * stays where it is.  The caller owns the state; NULL: out of memory.
 */
json_t	*pflash_save(const struct pflash *);
int	 pflash_load(struct pflash *, const json_t *, struct err *);

#endif
