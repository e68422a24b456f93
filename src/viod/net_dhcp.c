/* SPDX-License-Identifier: ISC */
/* net_dhcp.c - the DHCP server of a local interface; see net_dhcp.h */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "viod/net_dhcp.h"
#include "viod/net_udp.h"

/* RFC 951: the fixed part, and where its fields are. */
enum {
	BOOTP_OP	= 0,
	BOOTP_HTYPE	= 1,
	BOOTP_HLEN	= 2,
	BOOTP_HOPS	= 3,
	BOOTP_XID	= 4,
	BOOTP_FLAGS	= 10,
	BOOTP_CIADDR	= 12,
	BOOTP_YIADDR	= 16,
	BOOTP_SIADDR	= 20,
	BOOTP_CHADDR	= 28,
	BOOTP_FILE	= 108,
	BOOTP_COOKIE	= 236,
	BOOTP_OPTIONS	= 240,
	BOOTP_MIN	= 300,	/* bytes of every message */
};

enum { REQUEST = 1, REPLY = 2, ETHERNET = 1 };
enum { PORT_SERVER = 67, PORT_CLIENT = 68 };
#define FLAG_BROADCAST	0x8000
#define COOKIE		0x63825363U
#define FOREVER		0xffffffffU
#define MASK_31		0xfffffffeU

/* RFC 2132: options, and values of the message type. */
enum {
	OPT_PAD		= 0,
	OPT_MASK	= 1,
	OPT_ROUTER	= 3,
	OPT_DNS		= 6,
	OPT_HOSTNAME	= 12,
	OPT_DOMAIN	= 15,
	OPT_ADDRESS	= 50,
	OPT_LEASE	= 51,
	OPT_TYPE	= 53,
	OPT_SERVER	= 54,
	OPT_TFTP	= 66,	/* RFC 2132, 9.4 and 9.5 */
	OPT_FILE	= 67,
	OPT_END		= 255,
};
enum {
	BOOTP		= 0,	/* no option, no DHCP */
	DISCOVER	= 1,
	OFFER		= 2,
	ASK		= 3,
	ACK		= 5,
	NAK		= 6,
	INFORM		= 8,
};

/* What a client says; 0 is what it does not say. */
struct asked {
	const uint8_t	*msg;
	unsigned	 type;
	uint32_t	 addr;		/* option */
	uint32_t	 server;	/* option */
	uint32_t	 client;	/* ciaddr */
};

/* The first four bytes of an option, 0: there are not that many. */
static uint32_t
word(const uint8_t *p, size_t len)
{
	return len < 4 ? 0 : net_get32(p);
}

static void
read_options(struct asked *a, const uint8_t *p, size_t len)
{
	while (len > 0 && *p != OPT_END) {
		if (*p == OPT_PAD) {
			p++;
			len--;
			continue;
		}
		if (len < 2 || len - 2 < p[1])
			return;
		if (p[0] == OPT_TYPE && p[1] == 1)
			a->type = p[2];
		else if (p[0] == OPT_ADDRESS)
			a->addr = word(p + 2, p[1]);
		else if (p[0] == OPT_SERVER)
			a->server = word(p + 2, p[1]);
		len -= 2 + (size_t)p[1];
		p += 2 + p[1];
	}
}

/* Is it a request of the guest to us? */
static bool
read_request(struct asked *a, const struct net_dhcp *d, const uint8_t *frame,
    size_t len)
{
	const uint8_t *m;
	struct net_udp u;

	if (len > NET_DHCP_ASKED_MAX || !net_udp_parse(&u, frame, len) ||
	    u.sport != PORT_CLIENT || u.dport != PORT_SERVER ||
	    u.len < BOOTP_COOKIE ||
	    (u.dst != INADDR_BROADCAST && u.dst != d->host))
		return false;
	m = u.data;
	if (m[BOOTP_OP] != REQUEST || m[BOOTP_HTYPE] != ETHERNET ||
	    m[BOOTP_HLEN] != 6 || m[BOOTP_HOPS] != 0 ||
	    memcmp(m + BOOTP_CHADDR, d->mac, 6) != 0 ||
	    memcmp(frame + 6, d->mac, 6) != 0)
		return false;
	memset(a, 0, sizeof(*a));
	a->msg = m;
	a->client = net_get32(m + BOOTP_CIADDR);
	if (u.len >= BOOTP_OPTIONS && net_get32(m + BOOTP_COOKIE) == COOKIE)
		read_options(a, m + BOOTP_OPTIONS, u.len - BOOTP_OPTIONS);
	return true;
}

/* The type of the answer; -1: there is none. */
static int
decide(const struct net_dhcp *d, const struct asked *a)
{
	switch (a->type) {
	case BOOTP:
		return BOOTP;
	case DISCOVER:
		return OFFER;
	case ASK:
		/* It takes another server's offer. */
		if (a->server != 0 && a->server != d->host)
			return -1;
		if ((a->addr != 0 && a->addr != d->addr) ||
		    (a->client != 0 && a->client != d->addr))
			return NAK;
		return ACK;
	case INFORM:
		return ACK;
	default:
		/* DECLINE and RELEASE: the address stays the guest's. */
		return -1;
	}
}

/* Options: there is room for all of them, their sizes being what they are. */
static uint8_t *
put_bytes(uint8_t *p, uint8_t option, const void *bytes, size_t len)
{
	p[0] = option;
	p[1] = (uint8_t)len;
	memcpy(p + 2, bytes, len);
	return p + 2 + len;
}

static uint8_t *
put_word(uint8_t *p, uint8_t option, uint32_t v)
{
	uint8_t bytes[4];

	net_put32(bytes, v);
	return put_bytes(p, option, bytes, sizeof(bytes));
}

/*
 * What to boot is in the fixed part too: some clients look there only, others
 * at options only.
 */
static uint8_t *
put_boot(uint8_t *p, const struct net_dhcp *d)
{
	const uint32_t a = d->host;
	char text[INET_ADDRSTRLEN];

	if (d->file == NULL)
		return p;
	(void)snprintf(text, sizeof(text), "%u.%u.%u.%u", a >> 24,
	    a >> 16 & 255, a >> 8 & 255, a & 255);
	p = put_bytes(p, OPT_TFTP, text, strlen(text));
	return put_bytes(p, OPT_FILE, d->file,
	    strnlen(d->file, NET_DHCP_FILE_MAX));
}

static uint8_t *
put_options(uint8_t *p, const struct net_dhcp *d, const struct asked *a,
    int type)
{
	uint8_t byte = (uint8_t)type;

	if (type != BOOTP) {
		p = put_bytes(p, OPT_TYPE, &byte, 1);
		p = put_word(p, OPT_SERVER, d->host);
	}
	if (type == NAK)
		return p;
	if (type != BOOTP && a->type != INFORM)
		p = put_word(p, OPT_LEASE, FOREVER);
	p = put_word(p, OPT_MASK, MASK_31);
	p = put_word(p, OPT_ROUTER, d->host);
	p = put_word(p, OPT_DNS, d->host);
	if (d->hostname != NULL)
		p = put_bytes(p, OPT_HOSTNAME, d->hostname,
		    strnlen(d->hostname, NET_DHCP_NAME_MAX));
	p = put_boot(p, d);
	return put_bytes(p, OPT_DOMAIN, NET_DHCP_DOMAIN,
	    strlen(NET_DHCP_DOMAIN));
}

/* The message, at 'm'; returns its length. */
static size_t
put_message(uint8_t *m, const struct net_dhcp *d, const struct asked *a,
    int type)
{
	uint8_t *p = m + BOOTP_OPTIONS;

	memset(m, 0, BOOTP_OPTIONS);
	m[BOOTP_OP] = REPLY;
	m[BOOTP_HTYPE] = ETHERNET;
	m[BOOTP_HLEN] = 6;
	memcpy(m + BOOTP_XID, a->msg + BOOTP_XID, 4);
	memcpy(m + BOOTP_FLAGS, a->msg + BOOTP_FLAGS, 2);
	memcpy(m + BOOTP_CHADDR, d->mac, 6);
	net_put32(m + BOOTP_COOKIE, COOKIE);
	if (type != NAK) {
		net_put32(m + BOOTP_CIADDR, a->client);
		net_put32(m + BOOTP_SIADDR, d->host);
		if (a->type != INFORM)
			net_put32(m + BOOTP_YIADDR, d->addr);
		if (d->file != NULL)
			memcpy(m + BOOTP_FILE, d->file,
			    strnlen(d->file, NET_DHCP_FILE_MAX));
	}
	p = put_options(p, d, a, type);
	*p++ = OPT_END;
	while (p < m + BOOTP_MIN)
		*p++ = OPT_PAD;
	return (size_t)(p - m);
}

int
net_dhcp_answer(const struct net_dhcp *d, uint8_t answer[NET_DHCP_MAX],
    const uint8_t *frame, size_t len)
{
	struct net_udp u = { .src = d->host, .sport = PORT_SERVER,
	    .dst = d->addr, .dport = PORT_CLIENT };
	struct asked a;
	int type;

	_Static_assert(NET_UDP_HEAD + BOOTP_OPTIONS + 6 * 6 + 3 +
	    NET_DHCP_NAME_MAX + 2 + INET_ADDRSTRLEN + 2 +
	    NET_DHCP_FILE_MAX + 2 + sizeof(NET_DHCP_DOMAIN) + 2 <
	    NET_DHCP_MAX, "room for every option");
	if (!read_request(&a, d, frame, len))
		return -1;
	type = decide(d, &a);
	if (type == -1)
		return 0;
	/* RFC 2131, 4.1 */
	if (type == NAK || (a.client == 0 &&
	    (net_get16(a.msg + BOOTP_FLAGS) & FLAG_BROADCAST) != 0))
		u.dst = INADDR_BROADCAST;
	else if (a.client != 0)
		u.dst = a.client;
	u.len = put_message(answer + NET_UDP_HEAD, d, &a, type);
	return (int)net_udp_build(answer, d->mac, d->host_mac, &u);
}
