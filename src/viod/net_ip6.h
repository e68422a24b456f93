/* SPDX-License-Identifier: ISC */
/*
 * net_ip6.h - IPv6 in Ethernet frames (RFC 8200, RFC 2464), and of it UDP
 *
 * For what this process answers itself.  Packets with extension headers are
 * for others.
 */

#ifndef VIOD_NET_IP6_H
#define VIOD_NET_IP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_IP6_HEAD	54	/* bytes of Ethernet and IPv6 headers */
#define NET_UDP6_HEAD	62	/* and of UDP's */

/* The two ends of a local interface. */
struct net_link6 {
	uint8_t	mac[6];		/* the guest's */
	uint8_t	host_mac[6];	/* of the answers */
	uint8_t	addr[16];	/* the guest's */
	uint8_t	host[16];	/* router, name server, ourselves */
};

#define NET_LINK6_BITS	96	/* of their network */

/* fe80::1, by which the host goes on each of these links. */
extern const uint8_t net_ip6_router[16];

struct net_ip6 {
	const uint8_t	*src, *dst;	/* 16 bytes each */
	uint8_t		 proto;
	uint8_t		 hops;
	const uint8_t	*data;		/* in the frame */
	size_t		 len;
};

/* False: it is no whole packet. */
bool	net_ip6_parse(struct net_ip6 *, const uint8_t *frame, size_t len);

/*
 * Put headers before the len bytes that are at frame + NET_IP6_HEAD, and the
 * checksum into them, of ICMPv6 or UDP.  Returns the frame's length.
 */
size_t	net_ip6_build(uint8_t *frame, const struct net_link6 *,
	    const struct net_ip6 *);

struct net_udp6 {
	const uint8_t	*src, *dst;
	uint16_t	 sport, dport;
	const uint8_t	*data;
	size_t		 len;
};

bool	net_udp6_parse(struct net_udp6 *, const uint8_t *frame, size_t len);

/* The same for len bytes at frame + NET_UDP6_HEAD; at most 65000. */
size_t	net_udp6_build(uint8_t *frame, const struct net_link6 *,
	    const struct net_udp6 *);

#endif
