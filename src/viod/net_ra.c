/* SPDX-License-Identifier: ISC */
/* net_ra.c - router advertisements of a local interface; see net_ra.h */

#include <netinet/in.h>
#include <string.h>

#include "viod/net_dns.h"
#include "viod/net_ra.h"
#include "viod/net_udp.h"

/* RFC 4861, 4: messages and their options; RFC 8106, 5: the last two. */
enum { SOLICIT = 133, ADVERTISE = 134 };
enum {
	OPT_SOURCE	= 1,
	OPT_PREFIX	= 3,
	OPT_SERVERS	= 25,
	OPT_DOMAINS	= 31,
};

#define HOPS		255	/* of a neighbour, and of nobody else */
#define GUEST_HOPS	64	/* for what the guest sends */
#define FLAG_MANAGED	0x80	/* addresses by DHCPv6 */
#define FLAG_OTHER	0x40	/* and the rest */
#define FLAG_ON_LINK	0x80	/* the prefix is, and makes no addresses */
#define FOREVER		0xffffffffU
#define RA_BYTES	16

const uint8_t net_ra_all_nodes[16] = { 0xff, 2, [15] = 1 };

/* Options come in units of 8 bytes. */
static uint8_t *
option(uint8_t *p, uint8_t type, size_t bytes)
{
	memset(p, 0, bytes);
	p[0] = type;
	p[1] = (uint8_t)(bytes / 8);
	return p + bytes;
}

static uint8_t *
put_options(uint8_t *p, const struct net_link6 *link)
{
	static const char zone[] = "\3vmd\10internal";
	uint8_t *o = p;

	p = option(p, OPT_SOURCE, 8);
	memcpy(o + 2, link->host_mac, 6);
	o = p;
	p = option(p, OPT_PREFIX, 32);
	o[2] = NET_LINK6_BITS;
	o[3] = FLAG_ON_LINK;
	net_put32(o + 4, FOREVER);
	net_put32(o + 8, FOREVER);
	memcpy(o + 16, link->host, NET_LINK6_BITS / 8);
	o = p;
	p = option(p, OPT_SERVERS, 24);
	net_put32(o + 4, NET_RA_LIFE_S);
	memcpy(o + 8, link->host, 16);
	o = p;
	p = option(p, OPT_DOMAINS, 24);
	net_put32(o + 4, NET_RA_LIFE_S);
	memcpy(o + 8, zone, sizeof(zone));
	return p;
}

size_t
net_ra_build(uint8_t frame[NET_RA_MAX], const struct net_link6 *link,
    const uint8_t to[16], bool forwards)
{
	uint8_t *m = frame + NET_IP6_HEAD, *end;
	struct net_ip6 p = { .src = net_ip6_router, .dst = to,
	    .proto = IPPROTO_ICMPV6 };

	_Static_assert(NET_IP6_HEAD + RA_BYTES + 8 + 32 + 24 + 24 <=
	    NET_RA_MAX, "room for the options");
	memset(m, 0, RA_BYTES);
	m[0] = ADVERTISE;
	m[4] = GUEST_HOPS;
	m[5] = FLAG_MANAGED | FLAG_OTHER;
	net_put16(m + 6, forwards ? NET_RA_LIFE_S : 0);
	end = put_options(m + RA_BYTES, link);
	p.len = (size_t)(end - m);
	return net_ip6_build(frame, link, &p);
}

bool
net_ra_asked(const uint8_t **to, const struct net_link6 *link,
    const uint8_t *frame, size_t len)
{
	static const uint8_t nobody[16];
	struct net_ip6 p;

	if (!net_ip6_parse(&p, frame, len) || p.proto != IPPROTO_ICMPV6 ||
	    p.len < 8 || p.data[0] != SOLICIT || p.data[1] != 0 ||
	    p.hops != HOPS || memcmp(frame + 6, link->mac, 6) != 0)
		return false;
	*to = memcmp(p.src, nobody, 16) == 0 || p.src[0] == 0xff ? NULL :
	    p.src;
	return true;
}
