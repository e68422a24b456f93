/* SPDX-License-Identifier: ISC */
/*
 * chan.h - framed messages with descriptors over a unix stream socket
 *
 * A frame is a header of 12 bytes, little endian (u32 bytes of the body, u16
 * type, u16 descriptors, u32 id) and the body; its descriptors come with the
 * first bytes of it.  An answer has the id of its request, what is told
 * unasked has 0.  Both ends are libevent's and never block.
 *
 * A peer that breaks the framing ends the channel; to one that does not read
 * while CHAN_QUEUE_MAX bytes wait for it, sending fails.
 */

#ifndef PRIV_CHAN_H
#define PRIV_CHAN_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define CHAN_QUEUE_MAX	(32 * 1024 * 1024)	/* bytes not yet sent */
#define CHAN_FDS_MAX	256	/* descriptors received ahead of frames */

struct chan;

struct chan_msg {
	unsigned	 type;
	uint32_t	 id;
	const uint8_t	*body;
	size_t		 len;
	int		*fds;	/* the receiver owns those it takes: set -1 */
	unsigned	 nfds;
};

/*
 * message: one frame.  body and fds live until it returns; descriptors that
 * are not -1 then are closed.
 * closed: no more messages; why is NULL when the peer simply went away.
 * Both may call chan_destroy().
 */
struct chan_ops {
	void	(*message)(void *arg, struct chan_msg *);
	void	(*closed)(void *arg, const struct err *why);
};

/* Takes fd, also on failure.  The base must outlive the channel. */
int	chan_new(struct chan **ret, struct event_base *, int fd,
	    const struct chan_ops *, void *arg, struct err *);
void	chan_destroy(struct chan *);

/*
 * Encode and queue a message of priv/request.h.  The descriptors in the
 * struct are given away, also on failure, and are -1 after it.  Fails when
 * the message is too large, memory is short or the channel has ended.
 */
int	chan_send(struct chan *, unsigned type, uint32_t id, void *,
	    struct err *);

#endif
