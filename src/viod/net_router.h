/* SPDX-License-Identifier: ISC */
/*
 * net_router.h - the router of a local interface with IPv6
 *
 * Advertises itself, when it is asked and from time to time, and is the
 * DHCPv6 server: net_ra.h, net_dhcp6.h.  Packets are forwarded by the host's
 * kernel, which has fe80::1 and the host's address on the link.
 */

#ifndef VIOD_NET_ROUTER_H
#define VIOD_NET_ROUTER_H

#include "lib/own.h"
#include "os/event.h"
#include "viod/net_ip6.h"

/* Whether the host forwards IPv6: read for each advertisement. */
#define NET_ROUTER_FILE	"/proc/sys/net/ipv6/conf/all/forwarding"

struct net_router_config {
	struct event_loop	*loop;
	const struct net_link6	*link;	/* stays there */
	const char		*file;	/* NET_ROUTER_FILE */
	/* A frame for the guest. */
	void			(*deliver)(void *arg, const uint8_t *frame,
				    size_t len);
	void			*arg;
};

struct net_router;

/* NULL without memory. */
struct net_router *net_router_new(const struct net_router_config *);
void	net_router_destroy(struct net_router *);
OWN_DEFINE(struct net_router, net_router_destroy);

/* A frame of the guest.  False: it is not for these services. */
bool	net_router_take(struct net_router *, const uint8_t *frame,
	    size_t len);

#endif
