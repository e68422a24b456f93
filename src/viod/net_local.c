/* SPDX-License-Identifier: ISC */
/*
 * net_local.c - what passes between the guest and this host; net_local.h
 *
 * Only fixed places of a frame are looked at: Ethernet II, then IPv4
 * (RFC 791) or IPv6 (RFC 8200), then UDP (RFC 768) or TCP (RFC 9293).
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "viod/net_local.h"
#include "viod/net_udp.h"

#define ETHER_BYTES	14
#define ETHER_IPV4	0x0800
#define ETHER_IPV6	0x86dd
#define IPV4_BYTES	20
#define IPV6_BYTES	40
#define TCP_BYTES	20
#define TCP_SYN		0x02
#define TCP_ACK		0x10
#define GATEWAY		0x0a000202u	/* 10.0.2.2: this host, to the guest */
#define FRAGMENT	0x3fff		/* more to come, or an offset */

/* Would the host's stack take this destination for itself, unasked? */
static bool
is_loopback(const uint8_t *frame, size_t len)
{
	static const uint8_t zero[8];
	const uint8_t *ip = frame + ETHER_BYTES;

	if (len < ETHER_BYTES)
		return false;
	if (net_get16(frame + 12) == ETHER_IPV4)
		/* 127.0.0.0/8 and 0.0.0.0/8, which is the same */
		return len >= ETHER_BYTES + IPV4_BYTES &&
		    (ip[16] == 127 || ip[16] == 0);
	if (net_get16(frame + 12) == ETHER_IPV6)
		/* ::, ::1, and IPv4 in disguise */
		return len >= ETHER_BYTES + IPV6_BYTES &&
		    memcmp(ip + 24, zero, sizeof(zero)) == 0;
	return false;
}

bool
net_local_may_begin(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETHER_BYTES;
	size_t head;

	if (len < ETHER_BYTES + IPV4_BYTES)
		return false;
	if (net_get16(frame + 12) == ETHER_IPV6) {
		head = IPV6_BYTES;
		if (ip[6] != IPPROTO_TCP)
			return true;
	} else if (net_get16(frame + 12) == ETHER_IPV4) {
		head = (size_t)(ip[0] & 15) * 4;
		if (ip[9] != IPPROTO_TCP || (net_get16(ip + 6) & FRAGMENT) != 0)
			return true;
	} else
		return false;
	/* libslirp begins one for a SYN alone. */
	return len < ETHER_BYTES + head + TCP_BYTES ||
	    (ip[head + 13] & (TCP_SYN | TCP_ACK)) != TCP_ACK;
}

void
net_local_publish(struct net_local *l, int fd, uint16_t guest_port)
{
	if (l->nports == NET_PORTS_MAX)
		return;
	l->ports[l->nports].fd = fd;
	l->ports[l->nports++].guest_port = guest_port;
}

static bool
has_asked(const struct net_local *l, uint16_t port, uint16_t guest_port)
{
	for (unsigned i = 0; i < l->naskers && i < NET_LOCAL_ASKERS_MAX; i++)
		if (l->askers[i].port == port &&
		    l->askers[i].guest_port == guest_port)
			return true;
	return false;
}

void
net_local_to_guest(struct net_local *l, const uint8_t *frame, size_t len)
{
	struct net_udp u;
	unsigned i;

	if (l->nports == 0 || !net_udp_parse(&u, frame, len) ||
	    u.src != GATEWAY || has_asked(l, u.sport, u.dport))
		return;
	i = l->naskers++ % NET_LOCAL_ASKERS_MAX;
	l->askers[i].port = u.sport;
	l->askers[i].guest_port = u.dport;
}

bool
net_local_from_guest(struct net_local *l, const uint8_t *frame, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct net_udp u;

	if (is_loopback(frame, len))
		return false;
	if (l->nports == 0 || !net_udp_parse(&u, frame, len) ||
	    u.dst != GATEWAY || !has_asked(l, u.dport, u.sport))
		return true;
	to.sin_port = htons(u.dport);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned i = 0; i < l->nports; i++)
		if (l->ports[i].guest_port == u.sport)
			/* As any datagram, it may be lost. */
			(void)sendto(l->ports[i].fd, u.data, u.len,
			    MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
	return false;
}
