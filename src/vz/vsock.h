/* SPDX-License-Identifier: ISC */
/*
 * vsock.h - vsock.sock, served for a machine of the framework's
 *
 * The same as viod vsock on its unix sockets: "CONNECT <port>\n" is answered
 * by "OK <port>\n" or "ERR <reason>\n", and a guest's connection to a port
 * of the host arrives at <path>_<port>.  See viod(8), "Socket devices".
 *
 * Process: vmm-vz, in its event loop.
 */

#ifndef VZ_VSOCK_H
#define VZ_VSOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "os/darwin/objc.h"
#include "os/post.h"

#define VSOCK_CONNS_MAX		2048	/* with those that are asked for */
#define VSOCK_HANDSHAKES_MAX	256	/* that have not said where to */
#define VSOCK_ANSWER_S		30	/* seconds for a guest to accept */

struct event_loop;
struct vsock;

struct vsock_stats {
	uint64_t	opened;
	uint64_t	refused;
	unsigned	open;		/* now */
};

struct vsock_setup {
	struct event_loop	*loop;
	struct post		*post;
	const char		*path;		/* of the socket */
};

/* Listen; a socket file that nobody listens on is replaced. */
int	vsock_new(struct vsock **ret, const struct vsock_setup *,
	    struct err *);
void	vsock_destroy(struct vsock *);
OWN_DEFINE(struct vsock, vsock_destroy);

/* A machine's device, for as long as vsock_detach() is not called. */
int	vsock_attach(struct vsock *, struct dispatch_queue_s *,
	    struct objc *device, struct err *);

/* The machine is about to end: all connections end. */
void	vsock_detach(struct vsock *);

/* While the guest does not run nobody is connected with it. */
void	vsock_ready(struct vsock *, bool);

const struct vsock_stats *vsock_stats(const struct vsock *);

#endif
