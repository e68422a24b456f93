/* SPDX-License-Identifier: ISC */
/*
 * net_tap.h - a tap device of the host as the network behind a device
 *
 * Frames go with their headers (IFF_VNET_HDR): the host's kernel finishes
 * checksums and cuts segments, or makes them, as far as the guest takes them.
 * Nothing waits here: what the kernel does not take is lost, as on a wire.
 */

#ifndef VIOD_NET_TAP_H
#define VIOD_NET_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "viod/net_dhcp.h"
#include "viod/net_names.h"
#include "viod/net_router.h"
#include "viod/serve.h"

struct net_tap_config {
	struct event_loop	*loop;
	int			 fd;	/* the tap, borrowed: packets are read
					   and written whole, with headers of
					   struct virtio_net_hdr */
	uint8_t			 mac[6];
	/*
	 * Frames of the guest from another address are dropped, and those
	 * for another one do not reach it.
	 */
	bool			 locked;
	const struct net_dhcp	*dhcp;	/* the servers of this link, or NULL */
	struct net_names	*names;
	struct net_router	*router;	/* with IPv6 */
};

struct net_tap;

/* Attach it to a device; the config and what it points to stay there. */
int	net_tap_new(struct net_tap **, const struct net_tap_config *,
	    struct viod *, struct err *);
void	net_tap_destroy(struct net_tap *);
OWN_DEFINE(struct net_tap, net_tap_destroy);

#endif
