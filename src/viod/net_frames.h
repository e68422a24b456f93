/* SPDX-License-Identifier: ISC */
/*
 * net_frames.h - the user network behind a socket of frames
 *
 * For a hypervisor that has network cards of its own and no vhost-user, as
 * Apple's Virtualization.framework: each datagram of a connected socket is
 * an Ethernet frame, without a header, checksums done, no larger than the
 * MTU.
 */

#ifndef VIOD_NET_FRAMES_H
#define VIOD_NET_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

struct event_loop;
struct viod;

struct net_frames_config {
	struct event_loop	*loop;
	int			 fd;		/* borrowed */
	uint64_t		 down;		/* bytes/s to it; 0: any */
	uint64_t		 up;		/* from the guest */
	uint16_t		 mtu;		/* bytes */
	/* A frame of the guest's, in private memory. */
	void			(*input)(void *arg, const void *, size_t len);
	void			*arg;
};

struct net_frames;

int	net_frames_new(struct net_frames **ret,
	    const struct net_frames_config *, struct err *);
void	net_frames_destroy(struct net_frames *);
OWN_DEFINE(struct net_frames, net_frames_destroy);

/* From here on frames of the guest come; the arg of 'input'. */
int	net_frames_attach(struct net_frames *, void *arg, struct err *);

/*
 * A frame for the guest.  One that is larger than the MTU is cut into
 * fragments, or dropped where it cannot be; one that does not fit waits,
 * as many as net.h allows a queue.
 */
void	net_frames_deliver(struct net_frames *, const void *, size_t len);

/* As viod_class's counters: words into size bytes. */
void	net_frames_counters(const struct net_frames *, char *text,
	    size_t size);

#endif
