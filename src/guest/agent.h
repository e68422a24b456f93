/* SPDX-License-Identifier: ISC */
/*
 * agent.h - the agent: what the host may ask of this guest
 *
 * docs/agent-protocol.md.  A process of its own beside the image's command;
 * each session is a child of it, so that sessions cannot disturb each other
 * and a slow disk stops one of them.
 */

#ifndef GUEST_AGENT_H
#define GUEST_AGENT_H

#include "guest/guest_config.h"
#include "guest/conn.h"
#include "lib/err.h"

struct agent {
	const struct guest_config	*config;
	/*
	 * Where SHUTDOWN is told: process 1's end of a pipe, or -1: this
	 * process does it by itself (mode init).
	 */
	int			 shutdown_fd;
};

/* What is written to shutdown_fd. */
struct agent_stop {
	int		signal;
	uint64_t	grace_ms;
};

/*
 * Serve one session on a connected stream socket, which it takes: hello,
 * one request, its end.  Returns when the session is over.  The calling
 * process becomes a subreaper while a command runs and must have no other
 * children.
 */
void	agent_serve(const struct agent *, int fd);

/* Listen on the vsock port; -1 when this guest has no vsock. */
int	agent_listen(struct err *);

/* Serve every connection of a listening socket.  Does not return. */
void	agent_loop(const struct agent *, int listener)
	    __attribute__((noreturn));

/* Tell the host's port 1024 that the agent serves; nobody there is fine. */
void	agent_announce(void);

#endif
