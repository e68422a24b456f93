/* SPDX-License-Identifier: ISC */
/* net_dhcp6.c - the DHCPv6 server of a local interface; see net_dhcp6.h */

#include <string.h>

#include "viod/net_dhcp6.h"
#include "viod/net_udp.h"

enum { PORT_CLIENT = 546, PORT_SERVER = 547 };

/* RFC 8415, 7.3: messages; 21: options; RFC 3646: of name servers. */
enum {
	SOLICIT		= 1,
	ADVERTISE	= 2,
	REQUEST		= 3,
	CONFIRM		= 4,
	RENEW		= 5,
	REBIND		= 6,
	REPLY		= 7,
	RELEASE		= 8,
	DECLINE		= 9,
	INFORM		= 11,
};
enum {
	OPT_CLIENT	= 1,
	OPT_SERVER	= 2,
	OPT_ADDRESSES	= 3,	/* IA_NA */
	OPT_ADDRESS	= 5,
	OPT_STATUS	= 13,
	OPT_RAPID	= 14,
	OPT_DNS		= 23,
	OPT_DOMAINS	= 24,
};
enum { SUCCESS = 0, NOT_ON_LINK = 4 };

#define HEAD_BYTES	4	/* type and transaction */
#define ID_BYTES	10	/* of ours: of a link-layer address */
#define ADDRESS_BYTES	24
#define ADDRESSES_BYTES	12
#define FOREVER		0xffffffffU

/* What the client says; NULL is what it does not say. */
struct asked {
	uint8_t		 type;
	const uint8_t	*msg;
	const uint8_t	*client;	/* its identifier */
	size_t		 client_len;
	const uint8_t	*server;
	size_t		 server_len;
	const uint8_t	*addresses;	/* the first IA_NA */
	bool		 rapid;
	bool		 named;		/* an address in it */
	bool		 other;		/* one that is not the guest's */
};

/* --- requests ------------------------------------------------------------- */

/* The next option; false: there is none that is whole. */
static bool
next(const uint8_t **p, size_t *left, const uint8_t **o, size_t *len)
{
	if (*left < 4 || net_get16(*p + 2) > *left - 4)
		return false;
	*o = *p;
	*len = net_get16(*p + 2);
	*p += 4 + *len;
	*left -= 4 + *len;
	return true;
}

static void
read_addresses(struct asked *a, const struct net_link6 *link,
    const uint8_t *p, size_t left)
{
	const uint8_t *o;
	size_t len;

	if (left < ADDRESSES_BYTES || a->addresses != NULL)
		return;
	a->addresses = p;
	p += ADDRESSES_BYTES;
	left -= ADDRESSES_BYTES;
	while (next(&p, &left, &o, &len)) {
		if (net_get16(o) != OPT_ADDRESS || len < ADDRESS_BYTES)
			continue;
		a->named = true;
		a->other |= memcmp(o + 4, link->addr, 16) != 0;
	}
}

static void
read_options(struct asked *a, const struct net_link6 *link, const uint8_t *p,
    size_t left)
{
	const uint8_t *o;
	size_t len;

	while (next(&p, &left, &o, &len))
		switch (net_get16(o)) {
		case OPT_CLIENT:
			a->client = o + 4;
			a->client_len = len;
			break;
		case OPT_SERVER:
			a->server = o + 4;
			a->server_len = len;
			break;
		case OPT_ADDRESSES:
			read_addresses(a, link, o + 4, len);
			break;
		case OPT_RAPID:
			a->rapid = true;
			break;
		}
}

/* Is it a request of the guest to servers? */
static bool
read_request(struct asked *a, struct net_udp6 *u,
    const struct net_link6 *link, const uint8_t *frame, size_t len)
{
	static const uint8_t servers[16] = { 0xff, 2, [13] = 1, 0, 2 };

	if (!net_udp6_parse(u, frame, len) || u->dport != PORT_SERVER ||
	    u->sport != PORT_CLIENT || memcmp(u->dst, servers, 16) != 0 ||
	    u->src[0] == 0xff || memcmp(frame + 6, link->mac, 6) != 0 ||
	    u->len < HEAD_BYTES)
		return false;
	memset(a, 0, sizeof(*a));
	a->msg = u->data;
	a->type = u->data[0];
	read_options(a, link, u->data + HEAD_BYTES, u->len - HEAD_BYTES);
	return true;
}

static void
our_id(uint8_t id[ID_BYTES], const struct net_link6 *link)
{
	static const uint8_t head[4] = { 0, 3, 0, 1 };	/* DUID-LL, Ethernet */

	memcpy(id, head, sizeof(head));
	memcpy(id + 4, link->host_mac, 6);
}

/* RFC 8415, 16: what each message must and may not have. */
static bool
is_valid(const struct asked *a, const struct net_link6 *link)
{
	uint8_t id[ID_BYTES];
	bool to_us;

	our_id(id, link);
	to_us = a->server_len == ID_BYTES && a->server != NULL &&
	    memcmp(a->server, id, ID_BYTES) == 0;
	if (a->client != NULL && (a->client_len == 0 ||
	    a->client_len > NET_DHCP6_ID_MAX))
		return false;
	switch (a->type) {
	case SOLICIT:
	case REBIND:
		return a->client != NULL && a->server == NULL;
	case CONFIRM:
		return a->client != NULL && a->server == NULL && a->named;
	case REQUEST:
	case RENEW:
	case RELEASE:
	case DECLINE:
		return a->client != NULL && to_us;
	case INFORM:
		return a->addresses == NULL && (a->server == NULL || to_us);
	default:
		return false;
	}
}

/* --- answers -------------------------------------------------------------- */

static uint8_t *
put(uint8_t *p, uint16_t option, const void *bytes, size_t len)
{
	net_put16(p, option);
	net_put16(p + 2, (uint16_t)len);
	if (len > 0)
		memcpy(p + 4, bytes, len);
	return p + 4 + len;
}

static uint8_t *
put_status(uint8_t *p, uint16_t status)
{
	uint8_t code[2];

	net_put16(code, status);
	return put(p, OPT_STATUS, code, sizeof(code));
}

/* The guest's, in the association that it asked for. */
static uint8_t *
put_address(uint8_t *p, const struct net_link6 *link, const struct asked *a)
{
	uint8_t ia[ADDRESSES_BYTES + 4 + ADDRESS_BYTES], addr[ADDRESS_BYTES];

	memcpy(addr, link->addr, 16);
	net_put32(addr + 16, FOREVER);
	net_put32(addr + 20, FOREVER);
	memcpy(ia, a->addresses, 4);
	net_put32(ia + 4, FOREVER);
	net_put32(ia + 8, FOREVER);
	(void)put(ia + ADDRESSES_BYTES, OPT_ADDRESS, addr, sizeof(addr));
	return put(p, OPT_ADDRESSES, ia, sizeof(ia));
}

static uint8_t *
put_options(uint8_t *p, const struct net_link6 *link, const struct asked *a)
{
	static const char zone[] = "\3vmd\10internal";
	uint8_t id[ID_BYTES];

	our_id(id, link);
	if (a->client != NULL)
		p = put(p, OPT_CLIENT, a->client, a->client_len);
	p = put(p, OPT_SERVER, id, sizeof(id));
	if (a->type == CONFIRM)
		return put_status(p, a->other ? NOT_ON_LINK : SUCCESS);
	if (a->type == RELEASE || a->type == DECLINE)
		return put_status(p, SUCCESS);
	if (a->type == SOLICIT && a->rapid)
		p = put(p, OPT_RAPID, NULL, 0);
	if (a->addresses != NULL)
		p = put_address(p, link, a);
	p = put(p, OPT_DNS, link->host, 16);
	return put(p, OPT_DOMAINS, zone, sizeof(zone));
}

int
net_dhcp6_answer(const struct net_link6 *link, uint8_t answer[NET_DHCP6_MAX],
    const uint8_t *frame, size_t len)
{
	struct net_udp6 u, to = { .src = net_ip6_router,
	    .sport = PORT_SERVER, .dport = PORT_CLIENT };
	uint8_t *m = answer + NET_UDP6_HEAD;
	struct asked a;

	_Static_assert(NET_UDP6_HEAD + HEAD_BYTES + 8 * 4 + NET_DHCP6_ID_MAX +
	    ID_BYTES + ADDRESSES_BYTES + ADDRESS_BYTES + 16 + 14 <
	    NET_DHCP6_MAX, "room for every option");
	if (!read_request(&a, &u, link, frame, len))
		return -1;
	if (!is_valid(&a, link))
		return 0;
	memcpy(m, a.msg, HEAD_BYTES);
	m[0] = a.type == SOLICIT && !a.rapid ? ADVERTISE : REPLY;
	to.dst = u.src;
	to.len = (size_t)(put_options(m + HEAD_BYTES, link, &a) - m);
	return (int)net_udp6_build(answer, link, &to);
}
