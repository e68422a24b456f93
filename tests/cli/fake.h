/* SPDX-License-Identifier: ISC */
/*
 * fake.h - a control API that answers from files, for tests of vmctl
 *
 * fake-api DIR listens on DIR/sock.  DIR/routes has a line for each answer:
 *
 *	METHOD PATH STATUS BODY
 *
 * PATH is without the query.  Several lines for one PATH are given in turn,
 * the last for ever.  BODY is JSON; or "@NAME", the file DIR/NAME as a stream
 * of events, and "@NAME+", which then stays open until a POST to a path that
 * ends in /stop was seen and goes on with DIR/NAME.rest.  STATUS "exec",
 * "console" and "copy" is a WebSocket: a command run here, an echo, and files
 * below DIR/guest; "stat" answers for those.  Requests are written to
 * DIR/log: METHOD, PATH with query, body; first frames of
 * WebSockets as WS, PATH, text.
 */

#ifndef FAKE_H
#define FAKE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

extern const char *fake_dir;

/* A line of DIR/log. */
void	fake_log(const char *what, const char *path, const char *text);

/* The server's end of a WebSocket; everything blocks. */
struct sock;
struct message {
	bool		 text;
	struct buf	 data;		/* NUL behind it */
};
/* The next message; false at the end. */
bool	sock_next(struct sock *, struct message *);
/* Good-bye: a close frame of status 1000. */
void	sock_close_frame(struct sock *);
/* Nothing more will be sent. */
void	sock_end(struct sock *);
/* From any thread. */
void	sock_send(struct sock *, bool text, const void *, size_t);
void	sock_json(struct sock *, json_t *);	/* takes it */

void	fake_exec(struct sock *, const char *path);
void	fake_console(struct sock *, const char *path);
void	fake_copy(struct sock *, const char *path);

#endif
