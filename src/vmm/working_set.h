/* SPDX-License-Identifier: ISC */
/*
 * working_set.h - which pages a restored VM uses at first
 *
 * A restored VM's memory is read when it is touched, page by page.  One that
 * was restored before can tell which pages those will be: recorded once,
 * they are read in one go, and the VM then waits for none of them.
 *
 * The record is a file beside the snapshot's memory:
 *
 *	{"format":"vmm working-set","version":1,"memory":BYTES,
 *	 "ranges":[FIRST,PAGES,WRITTEN, ...]}
 *
 * Pages of 4096 bytes, counted through all of memory as in the snapshot's
 * file; ranges in ascending order; WRITTEN is 1 for pages that were written
 * to.  It is a hint: a wrong one costs time and memory, and nothing else.
 */

#ifndef VMM_WORKING_SET_H
#define VMM_WORKING_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define WORKING_SET_FILE	"working-set"
#define WORKING_SET_RANGES_MAX	32768U
#define WORKING_SET_LEN_MAX	(2U << 20)	/* bytes of the file */

struct memory;

struct working_range {
	uint64_t	first;		/* page */
	uint64_t	pages;
	bool		written;
};

struct working_set {
	unsigned		 n;
	struct working_range	*range;		/* owned */
};

void	working_set_fini(struct working_set *);

/*
 * What this process has touched of a restored VM's memory: what the guest
 * and its devices used since the restore, and what the host mapped around
 * it.  When there are too many ranges those that are next to each other
 * become one.  Refused: memory that is no snapshot's (ENOTSUP).
 */
int	working_set_record(struct working_set *ret, const struct memory *,
	    struct err *);

/* Into the snapshot whose directory is dirfd; replaces the one there. */
int	working_set_write(const struct working_set *, const struct memory *,
	    int dirfd, struct err *);

/*
 * That of the snapshot whose directory is dirfd, for a VM with so many bytes
 * of memory.  Refused: none is there, another format, version or size of
 * memory, ranges that overlap or lie outside.
 */
int	working_set_read(struct working_set *ret, int dirfd, uint64_t bytes,
	    struct err *);
int	working_set_parse(struct working_set *ret, const void *, size_t len,
	    uint64_t bytes, struct err *);

/*
 * Have the host begin to read it from a snapshot's file; then map it into
 * the VM's memory, which waits for what is not read yet.  What cannot be
 * done is left to the guest's first touch.
 */
void	working_set_announce(const struct working_set *, int file);
void	working_set_fetch(const struct working_set *, const struct memory *);

#endif
