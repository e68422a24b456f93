/* SPDX-License-Identifier: ISC */
/* http_private.h - what http.c, request.c and reply.c share */

#ifndef CONTROL_HTTP_PRIVATE_H
#define CONTROL_HTTP_PRIVATE_H

#include <sys/queue.h>

#include <event2/event.h>
#include <microhttpd.h>

#include "control/http.h"
#include "lib/buf.h"
#include "priv/request.h"

#define HTTP_LISTENERS_MAX	(1 + PRIV_LISTEN_MAX)	/* unix and TCP */

/* What a connection is charged to; a bucket of users or addresses. */
#define HTTP_PEER_BUCKETS	256

struct listener {
	struct http		*http;
	struct MHD_Daemon	*daemon;
	struct event		*readable;	/* MHD's epoll descriptor */
	struct event		*timer;		/* MHD's next time-out */
	bool			 tcp;
	uint16_t		 peers[HTTP_PEER_BUCKETS]; /* connections */
};

struct http {
	struct http_config	 config;
	struct listener		 listeners[HTTP_LISTENERS_MAX];
	size_t			 nlisteners;
	struct event		*flush;		/* commit, then answer */
	struct event		*heartbeat;
	bool			 stopping;
	TAILQ_HEAD(, request)	 requests;	/* all */
	TAILQ_HEAD(, request)	 answered;	/* wait for the commit */
	TAILQ_HEAD(, stream)	 streams;
};

enum request_phase {
	REQUEST_NEW,		/* headers are read, handler not called */
	REQUEST_BODY,		/* body is being read */
	REQUEST_HANDLED,	/* the handler ran; no answer yet */
	REQUEST_ANSWERED,	/* response is set; waits for the commit */
	REQUEST_SENT,		/* MHD has the response */
};

struct request {
	TAILQ_ENTRY(request)	 entry;		/* of http.requests */
	TAILQ_ENTRY(request)	 answer;	/* of http.answered */
	struct listener		*listener;
	struct MHD_Connection	*connection;
	enum request_phase	 phase;
	bool			 suspended;
	bool			 inside;	/* MHD is calling us */
	bool			 close;		/* after the answer */
	struct caller		 caller;
	struct route_match	 match;
	const char		*method;	/* MHD's, as long as we live */
	struct buf		 body;
	size_t			 skipped;	/* body bytes thrown away */
	json_t			*json;
	char			*query;		/* last request_query() value */

	struct MHD_Response	*response;
	unsigned		 status;

	const struct sink_ops	*sink;
	void			*sink_arg;
	bool			 sink_full;	/* suspended, no room */
	bool			 ended;		/* the sink knows the end */

	struct upgrade		*upgrade;	/* until handed on */

	struct event		*hangup;
	void			(*hangup_fn)(void *);
	void			*hangup_arg;
};

struct stream {
	TAILQ_ENTRY(stream)	 entry;
	struct http		*http;
	struct request		*request;	/* ends before we do */
	const struct stream_ops	*ops;
	void			*arg;
	bool			 waiting;	/* suspended, nothing to send */
	bool			 beat;		/* send a comment next */
	bool			 inside;
};

/* A response is set: send it after the next commit. */
void	request_answer(struct request *, struct MHD_Response *,
	    unsigned status);
void	request_suspend(struct request *);
void	request_resume(struct request *);
/* Let MHD look at its connections after something was resumed. */
void	listener_run(struct listener *);

/* The connection died before the socket could be handed on. */
void	upgrade_abandon(struct upgrade *);

/* The response of an err, and its status. */
struct MHD_Response *reply_err_response(unsigned *status, const struct err *);

/* Headers of a request, without a connection: see request.c. */
struct header_check {
	unsigned	n, host, length, encoding;
};
int	header_check(struct header_check *, const char *name, struct err *);

#endif
