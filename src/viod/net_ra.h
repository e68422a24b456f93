/* SPDX-License-Identifier: ISC */
/*
 * net_ra.h - router advertisements of a local interface (RFC 4861, RFC 8106)
 *
 * They say that the host is the router, as long as it forwards IPv6, that
 * addresses are given by DHCPv6 (RFC 4862 makes none of a /96), which network
 * is on the link, and who knows names.
 */

#ifndef VIOD_NET_RA_H
#define VIOD_NET_RA_H

#include "viod/net_ip6.h"

#define NET_RA_MAX	256	/* bytes of a frame */
#define NET_RA_PERIOD_S	600	/* between those that nobody asked for */
#define NET_RA_LIFE_S	1800	/* what they say is good for */

/* One for all nodes, or for who asked; returns its length. */
size_t	net_ra_build(uint8_t frame[NET_RA_MAX], const struct net_link6 *,
	    const uint8_t to[16], bool forwards);

/*
 * A frame of the guest.  False: it solicits no router.  Else *to is who
 * asks, of the frame, or NULL: all nodes.
 */
bool	net_ra_asked(const uint8_t **to, const struct net_link6 *,
	    const uint8_t *frame, size_t len);

extern const uint8_t net_ra_all_nodes[16];

#endif
