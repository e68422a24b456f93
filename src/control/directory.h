/* SPDX-License-Identifier: ISC */
/*
 * directory.h - small directories of plain files, as snapshots are
 *
 * Nothing here follows a link or goes deeper than one level: what a VM's own
 * user may have put into its directory leads nowhere.
 */

#ifndef CONTROL_DIRECTORY_H
#define CONTROL_DIRECTORY_H

#include <stdint.h>

#include "lib/err.h"

/* Make and open it; one that is there is refused (EEXIST). */
int	directory_make(int dirfd, const char *name, struct err *);
int	directory_open(int dirfd, const char *name, struct err *);

/*
 * Hard links in 'to' to each plain file of 'from', at most 'max'.  Anything
 * else in it is refused.
 */
int	directory_link(int to, int from, unsigned max, struct err *);

/*
 * Remove it and its files; its directories as well when 'depth' is above 0.
 * One that is not there is no error.
 */
int	directory_remove(int dirfd, const char *name, unsigned depth,
	    struct err *);

/* Make what is in it, and that it is there, durable. */
int	directory_sync(int dirfd, struct err *);

/* Bytes on disk of its plain files, and those one level below. */
uint64_t directory_bytes(int dirfd, unsigned depth);

#endif
