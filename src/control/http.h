/* SPDX-License-Identifier: ISC */
/*
 * http.h - the HTTP server of the control API (RFC 9110, RFC 9112)
 *
 * libmicrohttpd parses and writes HTTP; its epoll descriptor lies in the
 * event loop, so that one thread does everything.  A request belongs to
 * this module from its first byte until its answer has been sent.  Its
 * handler answers at once or later; until then the connection sleeps.
 *
 * What was changed is committed once for all answers of a turn of the event
 * loop, before the first of them is sent: acknowledged means durable.
 */

#ifndef CONTROL_HTTP_H
#define CONTROL_HTTP_H

#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/auth.h"
#include "control/route.h"
#include "lib/err.h"
#include "lib/own.h"

#define HTTP_CONNECTIONS_MAX	1024	/* each listener */
#define HTTP_PEER_MAX		512	/* connections of one user or address */
#define HTTP_MEMORY_MAX		65536	/* bytes of line and headers */
#define HTTP_IDLE_SECONDS	60	/* without a byte either way */
#define HTTP_HEADERS_MAX	64
#define HTTP_QUERY_MAX		64	/* arguments of a query */
#define HTTP_QUERY_VALUE_MAX	4096	/* bytes of one, decoded */
#define HTTP_BODY_MAX		262144	/* bytes of a JSON body */
#define HTTP_HEARTBEAT_SECONDS	15	/* comments on silent streams */

struct event_base;
struct http;
struct request;

struct http_config {
	struct event_base	*base;
	const struct route	*routes;
	size_t			 nroutes;
	const struct auth	*auth;		/* NULL: no TCP */
	uid_t			 admin;		/* sees everything, as root */
	void			*context;	/* request_context() */
	/*
	 * Make durable what handlers changed; -1: it could not be, and the
	 * answers that wait become this error.  NULL: nothing to commit.
	 */
	int			(*commit)(void *context, struct err *);
};

/* The config's pointers must outlive the server. */
int	http_new(struct http **, const struct http_config *, struct err *);
/* Answers what still waits with 503 and closes every connection. */
void	http_destroy(struct http *);
OWN_DEFINE(struct http, http_destroy);

/* Serve a listening socket, which http owns from then on. */
int	http_listen(struct http *, int fd, bool tcp, struct err *);

/* Commit soon although no answer waits for it. */
void	http_flush(struct http *);

/* --- a request, for handlers ---------------------------------------------- */

void	*request_context(const struct request *);
const struct caller *request_caller(const struct request *);
/* The client's connection, which stays the server's. */
int	request_socket(const struct request *);
const char *request_method(const struct request *);
/* The decoded variable segment of the path, "" without one. */
const char *request_param(const struct request *);
/* The second of a path that has two. */
const char *request_second(const struct request *);
/* The body as an object, NULL when there was none; borrowed. */
json_t	*request_json(const struct request *);
/* A header's value or NULL. */
const char *request_header(const struct request *, const char *name);

/*
 * An argument of the query, decoded: 1 and *ret, borrowed; 0 without it.
 * Given twice it is refused: -1.
 */
int	request_query(const char **ret, struct request *, const char *name,
	    struct err *);
/*
 * Has a thing with these tags (an object, or NULL) every "tags[KEY]=VALUE"
 * of the query?  1 or 0; -1: the query is wrong.
 */
int	request_tags_fit(struct request *, const json_t *tags, struct err *);

/*
 * The answer, exactly once for each request.  After it the handler must not
 * use the request again.  reply_json() takes the value over; NULL is "out of
 * memory".  reply_err() finds the status by the err's code and number.
 */
void	reply_json(struct request *, unsigned status, json_t *);
void	reply_empty(struct request *, unsigned status);
void	reply_err(struct request *, const struct err *);

/*
 * Call fn(arg) when the client hangs up before the answer.  The request is
 * still there and wants its answer.  At most one; NULL takes it back.
 */
void	request_on_hangup(struct request *, void (*fn)(void *), void *arg);

/*
 * A body handed over as it comes (BODY_STREAM).  write() returns how much
 * it took; fewer bytes than given mean "not now": call request_more() when
 * there is room.  -1: throw the rest away.  end() comes when the body is
 * complete, and only then; close() always and last.
 */
struct sink_ops {
	ssize_t	(*write)(void *, const void *, size_t);
	void	(*end)(void *);
	void	(*close)(void *);
};
void	request_sink(struct request *, const struct sink_ops *, void *);
void	request_more(struct request *);

/*
 * An answer of Server-Sent Events.  read() gives whole events: bytes, 0 for
 * "nothing now" (call stream_wake() when there is), -1 for the end.
 * close() is called once, when the client is gone or after the end; then
 * the stream pointer is dead.
 */
#define STREAM_READ_MIN	16384	/* bytes of room read() always finds */
struct stream;
struct stream_ops {
	ssize_t	(*read)(void *, char *to, size_t room);
	void	(*close)(void *);
};
struct stream *reply_stream(struct request *, const struct stream_ops *,
	    void *);
void	stream_wake(struct stream *);

/*
 * Become a WebSocket (RFC 6455).  Not a good handshake: answered with 400
 * and -1 returned.  Otherwise ready() is called with a socket that is not
 * blocking and the bytes the client sent behind its handshake.  'done' ends
 * the use of the socket: call http_upgrade_close() with it, never close().
 * When the connection dies before, ready() gets -1 and no done.
 */
struct upgrade;
typedef void upgrade_fn(void *arg, int fd, const void *early, size_t len,
	    struct upgrade *done);
int	reply_upgrade(struct request *, upgrade_fn *, void *arg);
void	http_upgrade_close(struct upgrade *);

#endif
