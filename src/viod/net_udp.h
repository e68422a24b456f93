/* SPDX-License-Identifier: ISC */
/*
 * net_udp.h - UDP over IPv4 in Ethernet frames (RFC 768, RFC 791)
 *
 * For what this process answers itself instead of a network behind it.
 */

#ifndef VIOD_NET_UDP_H
#define VIOD_NET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_UDP_HEAD	42	/* bytes of Ethernet, IPv4 and UDP headers */

/* Addresses and ports in host order. */
struct net_udp {
	uint32_t	 src, dst;
	uint16_t	 sport, dport;
	const uint8_t	*data;		/* in the frame */
	size_t		 len;
};

/* False: it is no whole UDP packet; fragments are none. */
bool	net_udp_parse(struct net_udp *, const uint8_t *frame, size_t len);

/*
 * Put headers before the u->len bytes that are at frame + NET_UDP_HEAD
 * (u->data is not looked at; at most 65000).  Returns the frame's length.
 */
size_t	net_udp_build(uint8_t *frame, const uint8_t to[6],
	    const uint8_t from[6], const struct net_udp *u);

static inline uint16_t
net_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
net_get32(const uint8_t *p)
{
	return (uint32_t)net_get16(p) << 16 | net_get16(p + 2);
}

static inline void
net_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
net_put32(uint8_t *p, uint32_t v)
{
	net_put16(p, (uint16_t)(v >> 16));
	net_put16(p + 2, (uint16_t)v);
}

#endif
