/* SPDX-License-Identifier: ISC */
/*
 * net_names.h - the name server of a local interface
 *
 * Answers what the guest asks port 53 of the host's end of its link, over
 * either IP: by UDP from its frames, by TCP from the host's stack
 * (net_stream.h).  Names of VMs come from a directory of records, everything
 * else from the host's name servers (net_relay.h).
 *
 * A record is a symbolic link that leads nowhere, of a name or an address,
 * which says whose it is (net_dns.h; vmd/names.h makes them).  So the table
 * is the kernel's: whoever changes a record does it in one step, and a look
 * up is one system call, however many VMs there are.
 */

#ifndef VIOD_NET_NAMES_H
#define VIOD_NET_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "os/event.h"
#include "viod/net_dhcp.h"
#include "viod/net_ip6.h"

struct net_names_config {
	struct event_loop	*loop;
	const struct net_dhcp	*link;	/* its addresses; stays there */
	const struct net_link6	*link6;	/* of IPv6, or NULL */
	int			 dirfd;	/* of the records, borrowed */
	const char		*file;	/* resolv.conf(5) */
	uint16_t		 port;	/* of the servers there; 53 */
	/* A frame for the guest. */
	void			(*deliver)(void *arg, const uint8_t *frame,
				    size_t len);
	void			*arg;
};

struct net_names;

int	net_names_new(struct net_names **, const struct net_names_config *,
	    struct err *);
void	net_names_destroy(struct net_names *);
OWN_DEFINE(struct net_names, net_names_destroy);

/* Answer by TCP, too, on a socket that listens; borrowed, two at most. */
int	net_names_listen(struct net_names *, int fd, struct err *);

/* A frame of the guest.  False: it is not for this server. */
bool	net_names_take(struct net_names *, const uint8_t *frame, size_t len);

#endif
