/* SPDX-License-Identifier: ISC */
/* net_resolver.h - the host's name servers, from inside of a sandbox */

#ifndef VIOD_NET_RESOLVER_H
#define VIOD_NET_RESOLVER_H

#include "os/sandbox.h"

/*
 * The name servers of the day may be read.  /etc/resolv.conf is replaced
 * rather than written, so it is its directory that must stay readable.
 */
void	net_resolver_allow(struct sandbox *);

#endif
