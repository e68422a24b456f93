/* SPDX-License-Identifier: ISC */
/*
 * net_rx.h - frames to the guest: its buffers and those that wait for them
 *
 * Private to net.c and, but for net_rx_put(), net_frames.c.
 */

#ifndef VIOD_NET_RX_H
#define VIOD_NET_RX_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "viod/serve.h"

/* A frame for the guest, borrowed. */
struct net_rx_frame {
	const void		*bytes;
	size_t			 len;
	const struct virtio_net_hdr *hdr;	/* NULL: to be made */
};

struct net_frame {
	STAILQ_ENTRY(net_frame)	 next;
	size_t			 len;
	bool			 described;	/* hdr is it */
	struct virtio_net_hdr	 hdr;
	uint8_t			 bytes[];
};
STAILQ_HEAD(net_frame_list, net_frame);

/* The frames that wait for one queue. */
struct net_rx {
	struct net_frame_list	 frames;
	size_t			 bytes;
	unsigned		 count;
};

enum net_rx_result {
	NET_RX_DONE,
	NET_RX_WAIT,		/* not enough buffers; nothing was taken, and
				   the guest will notify */
	NET_RX_DROPPED,		/* the guest's buffers are too small, or it
				   does not take what the header leaves it */
};

void	net_rx_init(struct net_rx *);
void	net_rx_clear(struct net_rx *);

/* Put a frame behind the others; -1 when the backlog is full. */
int	net_rx_keep(struct net_rx *, const struct net_rx_frame *);
/* Forget the first. */
void	net_rx_drop(struct net_rx *);

/*
 * Put a frame into the buffers of 'queue'.  One of TCP that is larger than
 * 'mtu' allows and has no header becomes a segment for the guest to take whole.
 */
enum net_rx_result net_rx_put(struct viod *, unsigned queue,
	    const struct net_rx_frame *, uint16_t mtu);

#endif
