/* SPDX-License-Identifier: ISC */
/* net_resolver.h - the host's name servers, from inside of a sandbox */

#ifndef VIOD_NET_RESOLVER_H
#define VIOD_NET_RESOLVER_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdint.h>

#include "os/sandbox.h"

#define NET_RESOLVER_FILE	"/etc/resolv.conf"
#define NET_SERVERS_MAX		3	/* as resolv.conf(5) has it */

/* Both families of addresses. */
union net_server {
	struct sockaddr		any;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

struct net_servers {
	unsigned		n;	/* 1 or more */
	union net_server	server[NET_SERVERS_MAX];
};

/*
 * The name servers of the day may be read.  /etc/resolv.conf is replaced
 * rather than written, so it is its directory that must stay readable.
 */
void	net_resolver_allow(struct sandbox *);

/*
 * Lines "nameserver ADDRESS" of the file, with that port; without one it is
 * this host (resolv.conf(5)).
 */
void	net_servers_read(struct net_servers *, const char *file,
	    uint16_t port);
socklen_t net_server_size(const union net_server *);

#endif
