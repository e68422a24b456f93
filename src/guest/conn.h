/* SPDX-License-Identifier: ISC */
/*
 * conn.h - a session's connection, as frames
 *
 * The descriptor does not block.  What is to be sent is held in 'out' until
 * conn_flush(); what came is held in 'in' until its frame is drained.  Both
 * have room for one largest frame, and nobody appends to 'out' without
 * looking: that is the back-pressure.
 */

#ifndef GUEST_CONN_H
#define GUEST_CONN_H

#include "agent/frame.h"
#include "lib/buf.h"
#include "lib/err.h"

#define CONN_OUT_MAX	(AGENT_FRAME_MAX + 2 * FRAME_HEADER)

struct conn {
	int		fd;
	struct buf	in;
	struct buf	out;
	int		eof;	/* the client will send no more */
};

/* Takes fd. */
int	conn_init(struct conn *, int fd, struct err *);
void	conn_fini(struct conn *);

/* Read what is there.  0, also at the end (eof is set); -1 when it broke. */
int	conn_fill(struct conn *, struct err *);
/* Write what can be.  0, or -1 when the client is gone. */
int	conn_flush(struct conn *, struct err *);

/*
 * Wait for the next whole frame; drain it before the next call.  1, 0 when
 * the client closed between frames, -1 when it broke the protocol or left
 * in the middle of one.
 */
int	conn_wait(struct conn *, struct frame *ret, struct err *);
/* Wait until everything is written. */
int	conn_wait_flush(struct conn *, struct err *);

/* Append an ERROR.  An err without a code says "failed". */
int	conn_put_error(struct conn *, const struct err *);

/*
 * Send what is held, then let the client read it: closing at once would
 * throw it away where bytes of the client are still unread.
 */
void	conn_finish(struct conn *);

#endif
