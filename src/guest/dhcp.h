/* SPDX-License-Identifier: ISC */
/*
 * dhcp.h - an address by DHCP (RFC 2131), as much as one VM needs
 *
 * Discover, offer, request, acknowledge; no renewal: the server is the VM's
 * own network device and the address is the VM's as long as that lives.
 */

#ifndef GUEST_DHCP_H
#define GUEST_DHCP_H

#include <netinet/in.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define DHCP_MESSAGE_MAX	1500	/* bytes */
#define DHCP_DNS_MAX		3

enum dhcp_type {
	DHCP_DISCOVER	= 1,
	DHCP_OFFER	= 2,
	DHCP_REQUEST	= 3,
	DHCP_ACK	= 5,
	DHCP_NAK	= 6,
};

struct dhcp_lease {
	struct in_addr	addr;
	struct in_addr	server;
	struct in_addr	gateway;	/* 0: none */
	unsigned	len;		/* of the prefix */
	struct in_addr	dns[DHCP_DNS_MAX];
	size_t		ndns;
};

/*
 * Build a message of ours: DISCOVER, or the REQUEST of an offered lease.
 * Returns its length; buf has DHCP_MESSAGE_MAX bytes.
 */
size_t	dhcp_build(uint8_t *buf, enum dhcp_type, uint32_t xid,
	    const uint8_t mac[6], const struct dhcp_lease *);

/*
 * Read a server's message.  Returns its type, or -1 when it is not an
 * answer to xid and mac.
 */
int	dhcp_parse(struct dhcp_lease *ret, const uint8_t *, size_t len,
	    uint32_t xid, const uint8_t mac[6]);

/* Get a lease on an interface that is up and has no address. */
int	dhcp_lease(struct dhcp_lease *ret, const char *ifname,
	    const uint8_t mac[6], struct err *);

#endif
