/* SPDX-License-Identifier: ISC */
/* net_udp.c - UDP over IPv4 in Ethernet frames; see net_udp.h */

#include <netinet/in.h>
#include <string.h>

#include "viod/net_udp.h"

#define ETHER_BYTES	14
#define ETHER_IPV4	0x0800
#define IPV4_BYTES	20
#define UDP_BYTES	8
#define FRAGMENT	0x3fff		/* more to come, or an offset */
#define HOPS		64

bool
net_udp_parse(struct net_udp *u, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETHER_BYTES, *p;
	size_t head, total;

	if (len < NET_UDP_HEAD || net_get16(frame + 12) != ETHER_IPV4 ||
	    ip[0] >> 4 != 4 || ip[9] != IPPROTO_UDP ||
	    (net_get16(ip + 6) & FRAGMENT) != 0)
		return false;
	head = (size_t)(ip[0] & 15) * 4;
	total = net_get16(ip + 2);
	if (head < IPV4_BYTES || total < head + UDP_BYTES ||
	    total > len - ETHER_BYTES)
		return false;
	p = ip + head;
	/* What is behind the packet is the frame's, no part of it. */
	len = total - head;
	if (net_get16(p + 4) < UDP_BYTES || net_get16(p + 4) > len)
		return false;
	u->src = net_get32(ip + 12);
	u->dst = net_get32(ip + 16);
	u->sport = net_get16(p);
	u->dport = net_get16(p + 2);
	u->data = p + UDP_BYTES;
	u->len = net_get16(p + 4) - UDP_BYTES;
	return true;
}

/* RFC 1071; 'sum' is of what went before, an even number of bytes. */
static uint16_t
checksum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; len -= 2, p += 2)
		sum += net_get16(p);
	if (len == 1)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

size_t
net_udp_build(uint8_t *frame, const uint8_t to[6], const uint8_t from[6],
    const struct net_udp *u)
{
	uint8_t *ip = frame + ETHER_BYTES, *udp = ip + IPV4_BYTES;
	uint16_t sum, len = (uint16_t)(UDP_BYTES + u->len);
	uint32_t pseudo;

	memset(frame, 0, NET_UDP_HEAD);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	net_put16(frame + 12, ETHER_IPV4);
	ip[0] = 4 << 4 | IPV4_BYTES / 4;
	net_put16(ip + 2, IPV4_BYTES + len);
	ip[8] = HOPS;
	ip[9] = IPPROTO_UDP;
	net_put32(ip + 12, u->src);
	net_put32(ip + 16, u->dst);
	net_put16(ip + 10, checksum(0, ip, IPV4_BYTES));
	net_put16(udp, u->sport);
	net_put16(udp + 2, u->dport);
	net_put16(udp + 4, len);
	pseudo = (u->src >> 16) + (u->src & 0xffff) + (u->dst >> 16) +
	    (u->dst & 0xffff) + IPPROTO_UDP + len;
	sum = checksum(pseudo, udp, len);
	net_put16(udp + 6, sum == 0 ? 0xffff : sum);
	return NET_UDP_HEAD + u->len;
}
