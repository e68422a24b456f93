/* SPDX-License-Identifier: ISC */
/*
 * net_stream.h - the name server of a local interface, by TCP (RFC 7766)
 *
 * What did not fit a datagram is asked again by TCP: of the host's own stack,
 * which listens on the guest's link alone.  Names of VMs are answered as by
 * UDP; other questions go to the host's name servers by TCP, as they came, and
 * what these answer comes back.
 *
 * A connection has one question at a time, and a time to ask it in.  Those
 * beyond NET_STREAM_MAX are closed.
 */

#ifndef VIOD_NET_STREAM_H
#define VIOD_NET_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "os/event.h"
#include "viod/net_dns.h"

#define NET_STREAM_MAX		16	/* connections */
#define NET_STREAM_LISTEN_MAX	2	/* sockets, one of each IP */

struct net_stream_config {
	struct event_loop	*loop;
	const char		*file;	/* resolv.conf(5), read each time */
	uint16_t		 port;	/* of the servers; 53 */
	/*
	 * Answer a message that was parsed: its length; 0: there is no
	 * answer; -1: others are to be asked.
	 */
	int			(*answer)(void *arg, const struct net_dns *,
				    uint8_t answer[NET_DNS_ANSWER_MAX],
				    const uint8_t *msg);
	void			*arg;
};

struct net_stream;

/* NULL without memory.  The config is copied. */
struct net_stream *net_stream_new(const struct net_stream_config *);
void	net_stream_destroy(struct net_stream *);
OWN_DEFINE(struct net_stream, net_stream_destroy);

/* A socket that listens, borrowed; NET_STREAM_LISTEN_MAX at most. */
int	net_stream_listen(struct net_stream *, int fd, struct err *);

#endif
