/* SPDX-License-Identifier: ISC */
/*
 * net_dhcp.c - fuzz target: frames of a guest to the DHCP server of its link
 *
 * The input is a frame.  An answer is always whole, and to the guest.
 */

#include <assert.h>
#include <string.h>

#include "viod/net_dhcp.h"
#include "viod/net_udp.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct net_dhcp server = {
		.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
		.host_mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x57 },
		.addr = 0x64400103, .host = 0x64400102,
		.hostname = "a-host-name-of-sixty-three-bytes-which-is-as-long"
		    "-as-it-gets-xxx", .file = "auto_install",
	};
	uint8_t answer[NET_DHCP_MAX];
	struct net_udp u;
	int n = net_dhcp_answer(&server, answer, data, len);

	if (n <= 0)
		return 0;
	assert(n <= NET_DHCP_MAX && net_udp_parse(&u, answer, (size_t)n));
	assert(memcmp(answer, server.mac, 6) == 0);
	assert(u.sport == 67 && u.dport == 68 && u.len >= 300);
	return 0;
}
