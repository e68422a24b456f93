/* SPDX-License-Identifier: ISC */
/*
 * net_dhcp.h - the DHCP and BOOTP server of a local interface
 * (RFC 2131, RFC 2132, RFC 951; /31 networks: RFC 3021)
 *
 * There is one client, the guest, and one address for it, which is its for
 * ever; so the server keeps nothing.  A client that calls itself by another
 * hardware address than the guest's is none of ours.
 */

#ifndef VIOD_NET_DHCP_H
#define VIOD_NET_DHCP_H

#include <stddef.h>
#include <stdint.h>

#define NET_DHCP_MAX		590	/* bytes of an answer's frame: what any
					   client takes (RFC 2131, section 2) */
#define NET_DHCP_ASKED_MAX	1514	/* of a frame that asks */
#define NET_DHCP_NAME_MAX	63	/* bytes of a host name */
#define NET_DHCP_FILE_MAX	127	/* bytes of a boot file's name */
#define NET_DHCP_DOMAIN		"vmd.internal"

struct net_dhcp {
	uint8_t		 mac[6];	/* the guest's */
	uint8_t		 host_mac[6];	/* of the answers */
	uint32_t	 addr;		/* the guest's, host order */
	uint32_t	 host;		/* router, name server, ourselves */
	const char	*hostname;	/* or NULL */
	const char	*file;		/* to boot, or NULL */
};

/*
 * A frame of the guest.  -1: it is not for this server, as one that is larger
 * than the link's never is.  0: it is, and gets no answer.  Else the answer's
 * length, as a frame for the guest.
 */
int	net_dhcp_answer(const struct net_dhcp *, uint8_t answer[NET_DHCP_MAX],
	    const uint8_t *frame, size_t len);

#endif
