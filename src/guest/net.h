/* SPDX-License-Identifier: ISC */
/* net.h - the guest's network: loopback, one Ethernet card, its names */

#ifndef GUEST_NET_H
#define GUEST_NET_H

#include "guest/guest_config.h"
#include "lib/err.h"

/*
 * Bring up lo and, as the configuration says, the first Ethernet interface;
 * then write /etc/hostname, /etc/hosts and, where name servers are known,
 * /etc/resolv.conf.  IPv6 comes by router advertisement, from the kernel.
 */
int	net_setup(const struct guest_config *, struct err *);

#endif
