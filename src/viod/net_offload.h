/* SPDX-License-Identifier: ISC */
/*
 * net_offload.h - checksums and segments that one side leaves to the other
 * (virtio 1.2, 5.1.6.2 and 5.1.6.4)
 *
 * A guest that takes segments larger than its MTU (GUEST_TSO4, GUEST_TSO6)
 * is given them whole: each costs it, and us, what a frame of 1500 bytes
 * does.  The network behind makes them as large as it believes the guest's
 * MSS to be, so that is raised in what the guest says as it connects; the
 * guest is told the size it asked for with each segment, for the case that
 * it forwards one.
 */

#ifndef VIOD_NET_OFFLOAD_H
#define VIOD_NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/virtio.h"

#define NET_ETHER_BYTES	14
#define NET_SEGMENT_MAX	32768	/* bytes of TCP in a frame to the guest;
				   libslirp makes none larger */

/*
 * Finish the checksum a guest left to us: it has put the pseudo header's
 * part where the sum belongs, 'offset' bytes behind 'start'.  -1: that is
 * not within the frame.
 */
int	net_checksum_fill(uint8_t *frame, size_t len, size_t start,
	    size_t offset);

/* Is this TCP over IPv4, or over IPv6? */
enum net_tcp { NET_TCP_NONE, NET_TCP_V4, NET_TCP_V6 };
enum net_tcp net_tcp(const uint8_t *frame, size_t len);

/*
 * The guest begins a connection: raise its MSS to NET_SEGMENT_MAX, and
 * correct the checksum.  One that is less than 'mtu' has room for is left:
 * the way behind the guest is narrower, and we do not keep by how much.
 */
void	net_mss_raise(uint8_t *frame, size_t len, uint16_t mtu);

/*
 * The header of a frame for the guest that is larger than its MTU allows.
 * False: it is no TCP.  *check: what belongs where the checksum is,
 * csum_start + csum_offset bytes into the frame.
 */
bool	net_segment_header(struct virtio_net_hdr *, uint16_t *check,
	    const uint8_t *frame, size_t len, uint16_t mtu);

/* Takes a frame; 'frame' is not valid afterwards. */
typedef void net_emit(void *arg, const void *frame, size_t len);

/*
 * Cut an IPv4 packet, or a fragment of one, into fragments for 'mtu'
 * (RFC 791, 3.2).  False: it is none, and nothing was emitted.
 */
bool	net_fragment(const uint8_t *frame, size_t len, uint16_t mtu,
	    net_emit *, void *arg);

#endif
