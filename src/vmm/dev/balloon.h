/* SPDX-License-Identifier: ISC */
/*
 * balloon.h - memory the guest gives back
 *
 * Two ways: a balloon in the guest that is told how big to be, and reports
 * of free pages, which a guest makes by itself.  Either way the host gets
 * the pages, and a snapshot made later does not contain them.
 */

#ifndef VMM_DEV_BALLOON_H
#define VMM_DEV_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct board;
struct vio;

struct vio_balloon_setup {
	struct board	*board;
	const char	*name;
	uint64_t	 bytes;		/* to begin with */
	bool		 deflate_on_oom; /* the guest may take back */
	bool		 reporting;	/* of free pages */
};

/* UINT64_MAX: the guest does not say. */
struct vio_balloon_info {
	uint64_t	target;		/* bytes that shall be in it */
	uint64_t	actual;		/* bytes that are */
	uint64_t	reported;	/* bytes of free pages so far */
	/* What the guest said of itself: */
	uint64_t	total, free, available;		/* bytes */
	uint64_t	caches;				/* bytes */
	uint64_t	swap_in, swap_out;		/* bytes */
	uint64_t	major_faults, minor_faults;
};

int	vio_balloon_new(struct vio **ret, const struct vio_balloon_setup *,
	    struct err *);

/*
 * How much the guest shall give; rounded down to 4096 bytes.  Refused: more
 * than its memory.  It takes its time, and a guest may not listen.
 */
int	vio_balloon_set(struct vio *, uint64_t bytes, struct err *);

/* The numbers as known now; the guest is asked for new ones meanwhile. */
void	vio_balloon_info(struct vio *, struct vio_balloon_info *ret);

#endif
