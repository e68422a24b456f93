/* SPDX-License-Identifier: ISC */
/*
 * dhcp.c - an address by DHCP; see dhcp.h
 *
 * RFC 2131 for the messages, RFC 2132 for the options.  A plain UDP socket
 * bound to the interface: with the broadcast flag set, answers come to
 * everybody and so also to an interface that has no address yet.
 */

#include <sys/random.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/dhcp.h"
#include "lib/own.h"
#include "lib/util.h"

#define SERVER_PORT	67
#define CLIENT_PORT	68
#define FIXED		236	/* bytes before the magic number */
#define TRIES		8
#define WAIT_MS		250	/* for an answer to the first try; doubles */
#define WAIT_MAX_MS	4000

enum { OP_REQUEST = 1, OP_REPLY = 2, HTYPE_ETHER = 1, FLAG_BROADCAST = 0x80 };
enum { OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6,
    OPT_ADDRESS = 50, OPT_TYPE = 53, OPT_SERVER = 54, OPT_WANTED = 55,
    OPT_END = 255 };
/* Offsets of the fixed part. */
enum { AT_OP = 0, AT_HTYPE = 1, AT_HLEN = 2, AT_XID = 4, AT_FLAGS = 10,
    AT_YIADDR = 16, AT_CHADDR = 28 };

static const uint8_t magic[4] = { 99, 130, 83, 99 };

static uint8_t *
put_option(uint8_t *p, uint8_t option, const void *data, size_t len)
{
	*p++ = option;
	*p++ = (uint8_t)len;
	memcpy(p, data, len);
	return p + len;
}

size_t
dhcp_build(uint8_t *buf, enum dhcp_type type, uint32_t xid,
    const uint8_t mac[6], const struct dhcp_lease *l)
{
	static const uint8_t wanted[] = { OPT_MASK, OPT_ROUTER, OPT_DNS };
	uint8_t t = (uint8_t)type, *p = buf + FIXED + sizeof(magic);

	memset(buf, 0, DHCP_MESSAGE_MAX);
	buf[AT_OP] = OP_REQUEST;
	buf[AT_HTYPE] = HTYPE_ETHER;
	buf[AT_HLEN] = 6;
	memcpy(buf + AT_XID, &xid, sizeof(xid));
	buf[AT_FLAGS] = FLAG_BROADCAST;
	memcpy(buf + AT_CHADDR, mac, 6);
	memcpy(buf + FIXED, magic, sizeof(magic));
	p = put_option(p, OPT_TYPE, &t, 1);
	if (type == DHCP_REQUEST) {
		p = put_option(p, OPT_ADDRESS, &l->addr, 4);
		p = put_option(p, OPT_SERVER, &l->server, 4);
	}
	p = put_option(p, OPT_WANTED, wanted, sizeof(wanted));
	*p++ = OPT_END;
	/* BOOTP's minimum, which some servers insist on. */
	return MAX((size_t)(p - buf), 300);
}

static unsigned
mask_bits(const uint8_t mask[4])
{
	unsigned bits = 0;

	for (int i = 0; i < 4; i++)
		bits += (unsigned)__builtin_popcount(mask[i]);
	return bits;
}

/* One option into the lease; the message's type is the result, else 0. */
static int
take_option(struct dhcp_lease *l, uint8_t option, const uint8_t *p,
    size_t len)
{
	if (option == OPT_TYPE && len == 1)
		return p[0];
	if (option == OPT_MASK && len == 4)
		l->len = mask_bits(p);
	else if (option == OPT_ROUTER && len >= 4)
		memcpy(&l->gateway, p, 4);
	else if (option == OPT_SERVER && len == 4)
		memcpy(&l->server, p, 4);
	else if (option == OPT_DNS)
		for (l->ndns = 0; l->ndns < DHCP_DNS_MAX &&
		    (l->ndns + 1) * 4 <= len; l->ndns++)
			memcpy(&l->dns[l->ndns], p + l->ndns * 4, 4);
	return 0;
}

int
dhcp_parse(struct dhcp_lease *ret, const uint8_t *p, size_t len, uint32_t xid,
    const uint8_t mac[6])
{
	struct dhcp_lease l = { .len = 24 };
	size_t at = FIXED + sizeof(magic), n;
	int type = -1, t;

	if (len < at || p[AT_OP] != OP_REPLY || p[AT_HLEN] != 6 ||
	    memcmp(p + AT_XID, &xid, sizeof(xid)) != 0 ||
	    memcmp(p + AT_CHADDR, mac, 6) != 0 ||
	    memcmp(p + FIXED, magic, sizeof(magic)) != 0)
		return -1;
	memcpy(&l.addr, p + AT_YIADDR, 4);
	while (at < len && p[at] != OPT_END) {
		if (p[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (len - at < 2 || p[at + 1] > len - at - 2)
			return -1;
		n = p[at + 1];
		t = take_option(&l, p[at], p + at + 2, n);
		if (t != 0)
			type = t;
		at += 2 + n;
	}
	if (type == DHCP_NAK)
		return type;
	if (type == -1 || l.addr.s_addr == 0 || l.server.s_addr == 0 ||
	    l.len == 0 || l.len > 32)
		return -1;
	*ret = l;
	return type;
}

static int
open_socket(const char *ifname, struct err *e)
{
	struct sockaddr_in any = {
		.sin_family = AF_INET,
		.sin_port = htons(CLIENT_PORT),
	};
	own_fd int fd = -1;
	int on = 1;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname,
	    (socklen_t)strlen(ifname) + 1) == -1 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) == -1)
		return err_sys(e, "dhcp on %s", ifname);
	return take_fd(&fd);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Send a message and wait for its answer.  The answer's type, 0 for none. */
static int
ask(int fd, enum dhcp_type type, struct dhcp_lease *l, uint32_t xid,
    const uint8_t mac[6], int wait_ms)
{
	struct sockaddr_in all = {
		.sin_family = AF_INET,
		.sin_port = htons(SERVER_PORT),
		.sin_addr.s_addr = htonl(INADDR_BROADCAST),
	};
	uint8_t buf[DHCP_MESSAGE_MAX];
	size_t len = dhcp_build(buf, type, xid, mac, l);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t until = now_ms() + wait_ms, left;
	ssize_t n;
	int t;

	/* The link may not be up yet: then this try is lost, not the next. */
	(void)sendto(fd, buf, len, 0, (struct sockaddr *)&all, sizeof(all));
	while ((left = until - now_ms()) > 0 && poll(&p, 1, (int)left) == 1) {
		n = recv(fd, buf, sizeof(buf), 0);
		t = n == -1 ? -1 : dhcp_parse(l, buf, (size_t)n, xid, mac);
		if (t == DHCP_NAK || (type == DHCP_DISCOVER &&
		    t == DHCP_OFFER) || (type == DHCP_REQUEST && t == DHCP_ACK))
			return t;
	}
	return 0;
}

int
dhcp_lease(struct dhcp_lease *ret, const char *ifname, const uint8_t mac[6],
    struct err *e)
{
	own_fd int fd = -1;
	struct dhcp_lease l = { 0 };
	int wait_ms = WAIT_MS;
	uint32_t xid;

	fd = open_socket(ifname, e);
	if (fd == -1)
		return -1;
	if (getrandom(&xid, sizeof(xid), GRND_NONBLOCK) != sizeof(xid))
		memcpy(&xid, mac + 2, sizeof(xid));
	for (int i = 0; i < TRIES; i++, xid++) {
		if (ask(fd, DHCP_DISCOVER, &l, xid, mac, wait_ms) ==
		    DHCP_OFFER &&
		    ask(fd, DHCP_REQUEST, &l, xid, mac, wait_ms) == DHCP_ACK) {
			*ret = l;
			return 0;
		}
		wait_ms = MIN(wait_ms * 2, WAIT_MAX_MS);
	}
	return err_set(e, ETIMEDOUT, "dhcp on %s: no answer", ifname);
}
