/* SPDX-License-Identifier: ISC */
/* net_port.h - a published port as it is written: [ADDR:]HOST:GUEST[/udp] */

#ifndef VIOD_NET_PORT_H
#define VIOD_NET_PORT_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define NET_PORTS_MAX	256	/* published by one VM */

struct net_port {
	struct sockaddr_storage	 host;		/* address and port */
	socklen_t		 host_len;
	uint16_t		 host_port;	/* never 0 */
	uint16_t		 guest_port;	/* never 0 */
	bool			 udp;
};

/*
 * ADDR is an IPv4 address, or an IPv6 address in brackets; without one every
 * IPv4 address of the host is meant.  "/tcp" is allowed and means nothing.
 */
int	net_port_parse(struct net_port *, const char *, struct err *);

/*
 * Could the port be bound now?  The refusal is "port N is in use" (code
 * port_in_use) or says what else is wrong.
 */
int	net_port_check(const struct net_port *, struct err *);

/* The refusal for a failed bind with this errno. */
int	net_port_refused(const struct net_port *, int num, struct err *);

#endif
