/* SPDX-License-Identifier: ISC */
/*
 * sse.h - a stream of server-sent events, taken apart
 *
 * Of the format (HTML, chapter 9.2) what the API uses: each "data:" field
 * is given as it ends its line; comments and other fields are passed over.
 */

#ifndef VMCTL_SSE_H
#define VMCTL_SSE_H

#include <stdbool.h>

#include "lib/buf.h"

#define SSE_LINE_MAX	(1U << 20)	/* bytes of a line; longer is dropped */

struct sse {
	struct buf	 line;		/* so far */
	bool		 dropping;	/* rest of a line too long */
};

void	sse_init(struct sse *);
void	sse_fini(struct sse *);

/*
 * Take bytes as they come; 'event' gets the value of each data field, NUL
 * behind it.  Stops when event does not return 0, and returns that.
 */
int	sse_feed(struct sse *, const uint8_t *, size_t,
	    int (*event)(void *arg, const char *, size_t), void *arg);

#endif
