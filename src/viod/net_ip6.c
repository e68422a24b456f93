/* SPDX-License-Identifier: ISC */
/* net_ip6.c - IPv6 in Ethernet frames; see net_ip6.h */

#include <netinet/in.h>
#include <string.h>

#include "viod/net_ip6.h"
#include "viod/net_udp.h"

#define ETHER_BYTES	14
#define ETHER_IPV6	0x86dd
#define IPV6_BYTES	40
#define UDP_BYTES	8
#define HOPS		255	/* neighbours look at it (RFC 4861, 6.1) */

const uint8_t net_ip6_router[16] = { 0xfe, 0x80, [15] = 1 };

bool
net_ip6_parse(struct net_ip6 *p, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETHER_BYTES;

	if (len < NET_IP6_HEAD || net_get16(frame + 12) != ETHER_IPV6 ||
	    ip[0] >> 4 != 6 || net_get16(ip + 4) > len - NET_IP6_HEAD)
		return false;
	p->proto = ip[6];
	p->hops = ip[7];
	p->src = ip + 8;
	p->dst = ip + 24;
	p->data = ip + IPV6_BYTES;
	p->len = net_get16(ip + 4);
	return true;
}

/* RFC 8200, 8.1: of the addresses, the length, the protocol, what follows. */
static uint16_t
checksum(const uint8_t *ip, size_t len)
{
	uint32_t sum = (uint32_t)len + ip[6];

	for (size_t i = 8; i + 1 < IPV6_BYTES + len; i += 2)
		sum += net_get16(ip + i);
	if (len & 1)
		sum += (uint32_t)ip[IPV6_BYTES + len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return sum == 0 ? 0xffff : (uint16_t)sum;
}

size_t
net_ip6_build(uint8_t *frame, const struct net_link6 *link,
    const struct net_ip6 *p)
{
	uint8_t *ip = frame + ETHER_BYTES;
	uint8_t *sum = ip + IPV6_BYTES + (p->proto == IPPROTO_UDP ? 6 : 2);

	memcpy(frame, link->mac, 6);
	memcpy(frame + 6, link->host_mac, 6);
	/* Groups have addresses of their own (RFC 2464, 7). */
	if (p->dst[0] == 0xff) {
		frame[0] = frame[1] = 0x33;
		memcpy(frame + 2, p->dst + 12, 4);
	}
	net_put16(frame + 12, ETHER_IPV6);
	memset(ip, 0, IPV6_BYTES);
	ip[0] = 6 << 4;
	net_put16(ip + 4, (uint16_t)p->len);
	ip[6] = p->proto;
	ip[7] = HOPS;
	memcpy(ip + 8, p->src, 16);
	memcpy(ip + 24, p->dst, 16);
	net_put16(sum, 0);
	net_put16(sum, checksum(ip, p->len));
	return NET_IP6_HEAD + p->len;
}

bool
net_udp6_parse(struct net_udp6 *u, const uint8_t *frame, size_t len)
{
	struct net_ip6 p;

	if (!net_ip6_parse(&p, frame, len) || p.proto != IPPROTO_UDP ||
	    p.len < UDP_BYTES || net_get16(p.data + 4) < UDP_BYTES ||
	    net_get16(p.data + 4) > p.len)
		return false;
	u->src = p.src;
	u->dst = p.dst;
	u->sport = net_get16(p.data);
	u->dport = net_get16(p.data + 2);
	u->data = p.data + UDP_BYTES;
	u->len = net_get16(p.data + 4) - UDP_BYTES;
	return true;
}

size_t
net_udp6_build(uint8_t *frame, const struct net_link6 *link,
    const struct net_udp6 *u)
{
	const struct net_ip6 p = { .src = u->src, .dst = u->dst,
	    .proto = IPPROTO_UDP, .len = UDP_BYTES + u->len };
	uint8_t *udp = frame + NET_IP6_HEAD;

	net_put16(udp, u->sport);
	net_put16(udp + 2, u->dport);
	net_put16(udp + 4, (uint16_t)p.len);
	return net_ip6_build(frame, link, &p);
}
