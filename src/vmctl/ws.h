/* SPDX-License-Identifier: ISC */
/*
 * ws.h - the client's end of a WebSocket (RFC 6455) to the daemon
 *
 * On a connection of its own, frames by wslay.  Nothing blocks after
 * ws_open(): the caller polls ws_fd() for ws_events() and calls ws_io().
 * What is queued is bounded: ws_send() is allowed while ws_room() says so,
 * and reading stops while the 'full' callback says that the receiver is.
 */

#ifndef VMCTL_WS_H
#define VMCTL_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define WS_TEXT_MAX	65536	/* bytes of a text message that is received */
#define WS_CHUNK	32768	/* bytes of a binary message to send at most */
#define WS_QUEUE_MAX	(256 << 10)	/* bytes waiting to be sent */
#define WS_REPLY_MAX	16384	/* bytes of the answer to the handshake */

struct api;
struct ws;

struct ws_ops {
	/* Part of a binary message; 'first' at the beginning of each. */
	void	(*data)(void *arg, const uint8_t *, size_t, bool first);
	/* A whole text message, NUL behind it. */
	void	(*text)(void *arg, const char *, size_t);
	/* No more data now, please; may be NULL. */
	bool	(*full)(void *arg);
};

/*
 * Connect to 'path' and shake hands, waiting for both.  An answer of the
 * daemon that is an error is the error.  ops and arg stay the caller's.
 */
int	ws_open(struct ws **ret, struct api *, const char *path,
	    const struct ws_ops *, void *arg, struct err *);
void	ws_close(struct ws *);
OWN_DEFINE(struct ws, ws_close);

int	ws_fd(const struct ws *);
short	ws_events(struct ws *);
/* Read and write what can be.  1: go on, 0: the daemon closed it, -1. */
int	ws_io(struct ws *, struct err *);
/* When ws_io() said 0: did it say good-bye, or was it cut off? */
bool	ws_closed(const struct ws *);
/* True when something was read already and waits behind 'full'. */
bool	ws_pending(struct ws *);

/* Queue a message; it is copied.  -1 only when memory is out. */
int	ws_send(struct ws *, bool text, const void *, size_t, struct err *);
bool	ws_room(const struct ws *);
bool	ws_sent(const struct ws *);	/* everything queued is on its way */

/* Block until everything queued is sent. */
int	ws_flush(struct ws *, struct err *);

/*
 * The answer to a handshake, complete or not: its length with the blank
 * line when it is there, else 0.  *status is its number, or 0 when it is
 * no HTTP.  accept, of 32 bytes, gets Sec-WebSocket-Accept, "" if absent;
 * *body the Content-Length, 0 if absent.  For ws_open() and its tests.
 */
struct ws_reply {
	long	status;
	char	accept[32];
	size_t	body;
};
size_t	ws_reply_parse(struct ws_reply *, const char *, size_t);

#endif
