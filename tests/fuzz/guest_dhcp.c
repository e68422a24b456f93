/* SPDX-License-Identifier: ISC */
/* A DHCP server's message; transaction and address are its own. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/dhcp.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dhcp_lease l;
	uint8_t mac[6] = { 0 };
	uint32_t xid = 0;

	if (len >= 34) {
		memcpy(&xid, data + 4, 4);
		memcpy(mac, data + 28, 6);
	}
	if (dhcp_parse(&l, data, len, xid, mac) == DHCP_ACK &&
	    (l.len == 0 || l.len > 32 || l.ndns > DHCP_DNS_MAX))
		abort();
	return 0;
}
