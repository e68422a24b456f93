/* SPDX-License-Identifier: ISC */
/*
 * net_local.h - what passes between the guest and this host itself
 *
 * libslirp gives the guest's packets to the host's stack as they are: one to
 * 127.0.0.1 would reach a service of the host.  Those are dropped here.
 *
 * libslirp's own guard (disable_host_loopback) also drops the guest's UDP
 * answers to programs of this host that asked a published port.  These
 * answers, and no others, are sent here.
 */

#ifndef VIOD_NET_LOCAL_H
#define VIOD_NET_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "viod/net_port.h"

#define NET_LOCAL_ASKERS_MAX	256	/* remembered; the oldest is lost */

struct net_local {
	unsigned	nports;
	struct {
		int		fd;		/* libslirp's, borrowed */
		uint16_t	guest_port;
	} ports[NET_PORTS_MAX];			/* published UDP ports */
	unsigned	naskers;		/* ever */
	struct {
		uint16_t	port;		/* of 127.0.0.1 */
		uint16_t	guest_port;
	} askers[NET_LOCAL_ASKERS_MAX];		/* ring */
};

/* A published UDP port, by the descriptor bound to it. */
void	net_local_publish(struct net_local *, int fd, uint16_t guest_port);

/* A frame for the guest passes: remember who of this host asks. */
void	net_local_to_guest(struct net_local *, const uint8_t *, size_t len);

/* A frame of the guest.  False: libslirp must not see it. */
bool	net_local_from_guest(struct net_local *, const uint8_t *, size_t len);

/*
 * May this frame make libslirp open a socket?  Not ARP, and not what goes on
 * with a TCP connection.
 */
bool	net_local_may_begin(const uint8_t *, size_t len);

#endif
