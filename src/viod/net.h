/* SPDX-License-Identifier: ISC */
/*
 * net.h - the network device (virtio 1.2, section 5.1)
 *
 * Frames go between the queues and a network behind them (net_user.c); the
 * device does not know which.
 */

#ifndef VIOD_NET_H
#define VIOD_NET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "viod/serve.h"
#include "virtio/virtio.h"

#define NET_PAIRS_MAX		7	/* with the control queue: 15 */
#define NET_FRAME_MAX		65568	/* bytes; 64 KiB of IP and Ethernet */
#define NET_BACKLOG_BYTES	(1 << 20)	/* frames of a queue that
						   wait, for buffers or rate */
#define NET_BACKLOG_FRAMES	1024

struct net_options {
	uint8_t		mac[6];
	uint16_t	mtu;		/* bytes, offered to the driver */
	unsigned	pairs;		/* queue pairs; 0 is 1 */
	uint64_t	down;		/* bytes/s to the guest; 0: any */
	uint64_t	up;		/* from the guest */
};

struct net_stats {
	uint64_t	down_frames;	/* to the guest */
	uint64_t	down_bytes;
	uint64_t	down_dropped;	/* backlog full, or buffer too small */
	uint64_t	up_frames;
	uint64_t	up_bytes;
	uint64_t	up_dropped;	/* no frame, or a header that lies */
};

/* Takes a frame of the guest, in memory that is the device's. */
typedef void net_input(void *arg, const void *frame, size_t len);

/*
 * A frame behind its header, as a driver or the host's kernel has them:
 * checksums and segments are left to whoever takes it.
 */
struct net_packet {
	struct virtio_net_hdr	hdr;
	uint8_t			frame[NET_FRAME_MAX];
};

/* Takes a frame of the guest with its header; 'len' is of the frame. */
typedef void net_packet_input(void *arg, struct net_packet *, size_t len);

int	net_new(struct viod **, struct event_loop *,
	    const struct net_options *, struct err *);
void	net_destroy(struct viod *);

/* The network behind the device; before it serves. */
void	net_attach(struct viod *, net_input *, void *arg);

/* One that takes packets instead, and gives them by net_deliver_packet(). */
void	net_attach_packets(struct viod *, net_packet_input *, void *arg);

/* A frame for the guest.  One that cannot wait either is dropped. */
void	net_deliver(struct viod *, const void *frame, size_t len);

/*
 * A frame that the host's kernel described.  Dropped while the guest has no
 * driver, and if it leaves to the guest what that does not take.
 */
void	net_deliver_packet(struct viod *, const struct net_packet *,
	    size_t len);

/* Count a frame of the guest that the network behind refuses. */
void	net_refuse(struct viod *);

const struct net_stats *net_stats(const struct viod *);

/* Them as words, "NAME VALUE ...". */
void	net_stats_print(const struct net_stats *, char *text, size_t size);

/* "52:54:00:12:34:56", for one machine (not a group). */
int	net_mac_parse(uint8_t ret[6], const char *, struct err *);

#endif
