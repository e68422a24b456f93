/* SPDX-License-Identifier: ISC */
/*
 * net_dhcp6.h - the DHCPv6 server of a local interface (RFC 8415, RFC 3646)
 *
 * As net_dhcp.h's: one client, one address for ever, and nothing is kept.
 * There are no prefixes to delegate.
 */

#ifndef VIOD_NET_DHCP6_H
#define VIOD_NET_DHCP6_H

#include "viod/net_ip6.h"

#define NET_DHCP6_MAX		512	/* bytes of an answer's frame */
#define NET_DHCP6_ID_MAX	130	/* of a client's identifier */

/*
 * A frame of the guest.  -1: it is not for this server.  0: it is, and gets
 * no answer.  Else the answer's length, as a frame for the guest.
 */
int	net_dhcp6_answer(const struct net_link6 *,
	    uint8_t answer[NET_DHCP6_MAX], const uint8_t *frame, size_t len);

#endif
