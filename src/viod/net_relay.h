/* SPDX-License-Identifier: ISC */
/*
 * net_relay.h - questions of a guest for the host's name servers
 *
 * Each goes out as it came, but from a port and with an identification of its
 * own that nobody outside can guess (RFC 5452), and only what answers it, from
 * whom it was sent to, comes back.  What is not answered in time is asked of
 * the next server, at last refused.  Nothing is kept of an answer.
 */

#ifndef VIOD_NET_RELAY_H
#define VIOD_NET_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"
#include "os/event.h"
#include "viod/net_dns.h"

#define NET_RELAY_MAX		64	/* questions that wait for an answer */

/* Who of the guest's asks. */
struct net_asker {
	uint16_t	 port;
	bool		 six;	/* by IPv6 */
};

struct net_relay_config {
	struct event_loop	*loop;
	const char		*file;	/* resolv.conf(5), read each time */
	uint16_t		 port;	/* of the servers; 53 */
	void			(*answer)(void *arg, struct net_asker,
				    const uint8_t *msg, size_t len);
	void			*arg;
};

struct net_relay;

/* NULL without memory.  The config is copied. */
struct net_relay *net_relay_new(const struct net_relay_config *);
void	net_relay_destroy(struct net_relay *);
OWN_DEFINE(struct net_relay, net_relay_destroy);

/*
 * Ask.  The answer comes later, if only that there is none; it comes at once
 * where nobody can be asked or too many questions wait.  One that is asked
 * again while it waits is asked once.
 */
void	net_relay_ask(struct net_relay *, struct net_asker,
	    const struct net_dns *, const uint8_t *msg, size_t len);

#endif
