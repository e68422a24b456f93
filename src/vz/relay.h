/* SPDX-License-Identifier: ISC */
/*
 * relay.h - two connected stream sockets become one connection
 *
 * Each direction ends on its own: what reads the end on one side shuts the
 * other down behind the last byte, and the opposite direction goes on.  A
 * side whose peer is gone altogether gets no more; what it said before still
 * reaches the other.  Whoever does not read stops the writer at the other
 * end, after RELAY_BUFFER bytes of ours and what the sockets keep.
 */

#ifndef VZ_RELAY_H
#define VZ_RELAY_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "os/event.h"

#define RELAY_BUFFER	16384	/* bytes that are read and not written, of
				   each direction */

struct relay;

struct relay_side {
	struct relay		*relay;
	int			 fd;		/* owned */
	struct event_watch	 watch;
	struct buf		 buf;		/* from here to the other */
	bool			 eof;		/* no more comes from here */
	bool			 done;		/* nothing of it is left */
};

struct relay {
	struct relay_side	 sides[2];
	/* Both directions are over; may free it, after relay_fini(). */
	void			(*ended)(void *arg);
	void			*arg;
};

/*
 * Carry bytes between a and b, which are taken, also on failure, and made
 * non-blocking.  'ended' is called from the loop, never from here.
 */
int	relay_init(struct relay *, struct event_loop *, int a, int b,
	    struct err *);
void	relay_fini(struct relay *);

#endif
