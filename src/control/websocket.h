/* SPDX-License-Identifier: ISC */
/*
 * websocket.h - one WebSocket (RFC 6455), the server's side, over wslay
 *
 * A connection dies when its client goes away: closed() is the last
 * callback then.  Or its owner is done with it: ws_finish(); then there is
 * no further callback, what was queued is sent and the closing handshake
 * made.  After either the pointer is dead.
 */

#ifndef CONTROL_WEBSOCKET_H
#define CONTROL_WEBSOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define WS_MESSAGE_MAX	262144	/* bytes of a message from a client */
#define WS_QUEUE_FULL	262144	/* queued bytes: the owner should pause */
#define WS_PONGS_MAX	1024	/* owed to a client that does not read */
#define WS_CLOSE_MS	5000	/* for the closing handshake */

struct event_base;
struct upgrade;
struct ws;

struct ws_ops {
	/* A whole message.  Text is valid UTF-8, not ended by NUL. */
	void	(*text)(void *, const char *, size_t);
	void	(*binary)(void *, const void *, size_t);
	/* The queue has become empty. */
	void	(*drained)(void *);
	void	(*closed)(void *);
};

/*
 * Take over an upgraded connection (http.h).  On failure it was closed.
 */
int	ws_new(struct ws **, struct event_base *, int fd, const void *early,
	    size_t len, struct upgrade *, struct err *);
/* Set the owner; callbacks come from the event loop from then on. */
void	ws_start(struct ws *, const struct ws_ops *, void *arg);

/* Queue a message; copied. Running out of memory ends the connection. */
void	ws_text(struct ws *, const char *);
void	ws_binary(struct ws *, const void *, size_t);
/* A message that begins with one byte more. */
void	ws_binary_tagged(struct ws *, uint8_t tag, const void *, size_t);
size_t	ws_queued(const struct ws *);

/* Read no more; a message that is in already may still come. */
void	ws_pause(struct ws *);
void	ws_resume(struct ws *);

void	ws_finish(struct ws *);

/*
 * For a handler whose client is to speak first: take over the connection of
 * reply_upgrade() and give it WS_FIRST_MS for its first message; the owner
 * frees *timer when that is there.  -1: the connection is gone.
 */
#define WS_FIRST_MS	30000
struct event;
struct ws_first {
	struct event_base	*base;
	const struct ws_ops	*ops;
	void			(*late)(int, short, void *);
	void			*arg;	/* of ops and late */
	struct ws		**ws;
	struct event		**timer;
};
int	ws_take(const struct ws_first *, int fd, const void *early,
	    size_t len, struct upgrade *);

#endif
