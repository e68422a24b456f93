/* SPDX-License-Identifier: ISC */
/* net.h - the guest's network: loopback, one Ethernet card, its names */

#ifndef GUEST_NET_H
#define GUEST_NET_H

#include <stdint.h>

#include "guest/guest_config.h"
#include "lib/err.h"

/*
 * Bring up lo and, as the configuration says, the first Ethernet interface;
 * then write /etc/hostname, /etc/hosts and, where name servers are known,
 * /etc/resolv.conf.  IPv6 comes by router advertisement, from the kernel.
 */
int	net_setup(const struct guest_config *, struct err *);

/*
 * The guest was made from the memory of another: the host name, and with mac
 * the address of the first Ethernet card, are new; with DHCP the lease, too.
 */
int	net_identity(const struct guest_config *, const char *hostname,
	    const uint8_t *mac, struct err *);

#endif
