/* SPDX-License-Identifier: ISC */
/*
 * net_user.h - a network for a guest without any privilege on the host
 *
 * libslirp ends the guest's connections and makes them again with ordinary
 * sockets.  The guest's network:
 *
 *	10.0.2.0/24	10.0.2.2 gateway, 10.0.2.3 name server, 10.0.2.15
 *			the guest (by DHCP)
 *	fd76:6d64::/64	::2 gateway, ::3 name server, the guest's address
 *			made from its MAC (by router advertisement)
 *
 * The host's own loopback addresses are not reachable from the guest.
 */

#ifndef VIOD_NET_USER_H
#define VIOD_NET_USER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "viod/net_port.h"

struct event_loop;

/*
 * Bytes.  A larger one costs a guest's UDP its path discovery and was not
 * measured to be faster: segments that the guest leaves to us are large.
 */
#define NET_USER_MTU		1500
#define NET_USER_FRAME_MAX	65568	/* bytes of such a segment */
#define NET_USER_SOCKETS_MAX	2048	/* of all the guest's connections */

struct net_user_config {
	struct event_loop	*loop;
	uint8_t			 mac[6];	/* the guest's */
	const char		*hostname;	/* offered by DHCP, or NULL */
	/* What a network boots from, read by TFTP; both or neither. */
	const char		*boot_dir, *boot_file;
	const struct net_port	*ports;		/* published */
	unsigned		 nports;
	/* A frame for the guest; called from within net_user_input() too. */
	void			(*deliver)(void *, const void *, size_t len);
	void			*arg;
};

struct net_user;

/*
 * Binds the published ports.  The config is copied, what it points to but
 * for base and arg is not needed afterwards.
 */
int	net_user_new(struct net_user **, const struct net_user_config *,
	    struct err *);
void	net_user_destroy(struct net_user *);
OWN_DEFINE(struct net_user, net_user_destroy);

/* A frame of the guest, in private memory (it is parsed in place). */
void	net_user_input(struct net_user *, const void *, size_t len);

/* Frames of the guest that libslirp complained about. */
uint64_t net_user_guest_errors(const struct net_user *);

#endif
