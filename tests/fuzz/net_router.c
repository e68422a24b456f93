/* SPDX-License-Identifier: ISC */
/*
 * net_router.c - fuzz target: frames of a guest to the router and the DHCPv6
 * server of its link
 *
 * The input is a frame.  An answer is always whole, and to the guest.
 */

#include <assert.h>
#include <string.h>

#include "viod/net_dhcp6.h"
#include "viod/net_ra.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct net_link6 link = {
		.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
		.host_mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x57 },
		.addr = { 0xfd, [8] = 100, 64, 1, 3, [15] = 2 },
		.host = { 0xfd, [8] = 100, 64, 1, 3, [15] = 1 } };
	uint8_t answer[NET_DHCP6_MAX], ra[NET_RA_MAX];
	const uint8_t *to = NULL;
	struct net_udp6 u;
	struct net_ip6 p;
	int n;

	if (net_ra_asked(&to, &link, data, len))
		assert(net_ip6_parse(&p, ra, net_ra_build(ra, &link,
		    to != NULL ? to : net_ra_all_nodes, true)));
	n = net_dhcp6_answer(&link, answer, data, len);
	if (n <= 0)
		return 0;
	assert(n <= NET_DHCP6_MAX && net_udp6_parse(&u, answer, (size_t)n));
	assert(memcmp(answer, link.mac, 6) == 0);
	assert(u.sport == 547 && u.dport == 546 && u.len >= 4 + 14);
	return 0;
}
