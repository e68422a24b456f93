/* SPDX-License-Identifier: ISC */
/*
 * http.c - the HTTP server of the control API; see http.h
 *
 * This file holds the listeners and the way of a request through MHD;
 * request.c what a handler reads, reply.c what it answers.
 */

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/http_private.h"
#include "lib/json.h"
#include "lib/log.h"

/* A body nobody wants is read to its end up to here, then cut. */
#define SKIP_MAX	(16 * HTTP_BODY_MAX)

/* --- listeners ------------------------------------------------------------ */

void
listener_run(struct listener *l)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct timeval tv;

	(void)MHD_run(l->daemon);
	if (MHD_get_timeout(l->daemon, &ms) != MHD_YES) {
		(void)event_del(l->timer);
		return;
	}
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	(void)event_add(l->timer, &tv);
}

static void
on_listener(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	listener_run(arg);
}

/* Which bucket a connection is charged to: its user, or its address. */
static unsigned
peer_bucket(const struct listener *l, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct caller c;
	uint32_t key = 0;

	if (!l->tcp) {
		if (auth_peer(&c, fd, 0, NULL) == 0)
			key = c.uid;
	} else if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0) {
		const uint8_t *p = (const uint8_t *)&ss;
		size_t from = 0, n = 0;

		if (ss.ss_family == AF_INET) {
			from = offsetof(struct sockaddr_in, sin_addr);
			n = 4;
		} else if (ss.ss_family == AF_INET6) {
			/* A subscriber has a /64. */
			from = offsetof(struct sockaddr_in6, sin6_addr);
			n = 8;
		}
		for (size_t i = 0; i < n; i++)
			key = key * 31 + p[from + i];
	}
	return key % HTTP_PEER_BUCKETS;
}

/*
 * A connection comes or goes.  Its socket context remembers the bucket, plus
 * one so that 0 is "not counted".
 */
static void
on_connection(void *arg, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct listener *l = arg;
	const union MHD_ConnectionInfo *info;
	unsigned b;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context != NULL)
			l->peers[(uintptr_t)*context - 1]--;
		return;
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL)
		return;
	b = peer_bucket(l, info->connect_fd);
	if (l->peers[b] >= HTTP_PEER_MAX) {
		/* MHD sees the end of the connection and forgets it. */
		(void)shutdown(info->connect_fd, SHUT_RDWR);
		return;
	}
	l->peers[b]++;
	*context = (void *)(uintptr_t)(b + 1);
}

/* Paths and arguments are decoded by us, a segment at a time. */
static size_t
no_unescape(void *arg, struct MHD_Connection *c, char *s)
{
	(void)arg;
	(void)c;
	return strlen(s);
}

static void
mhd_log(void *arg, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
mhd_log(void *arg, const char *fmt, va_list ap)
{
	char text[256];
	size_t len;

	(void)arg;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	len = strlen(text);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	log_debug("http: %s", text);
}

static enum MHD_Result on_request(void *, struct MHD_Connection *,
    const char *, const char *, const char *, const char *, size_t *, void **);
static void on_complete(void *, struct MHD_Connection *, void **,
    enum MHD_RequestTerminationCode);

static struct MHD_Daemon *
mhd_start(struct listener *l, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
	    MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	    on_request, l,
	    MHD_OPTION_EXTERNAL_LOGGER, mhd_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_SECONDS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY_MAX,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
	    MHD_OPTION_NOTIFY_COMPLETED, on_complete, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
	    MHD_OPTION_END);
}

int
http_listen(struct http *h, int fd, bool tcp, struct err *e)
{
	struct listener *l;
	const union MHD_DaemonInfo *info;

	if (h->nlisteners == HTTP_LISTENERS_MAX)
		return err_set(e, ENOSPC, "too many listeners");
	if (tcp && h->config.auth == NULL)
		return err_set(e, EINVAL, "TCP needs a token secret");
	l = &h->listeners[h->nlisteners];
	memset(l, 0, sizeof(*l));
	l->http = h;
	l->tcp = tcp;
	l->daemon = mhd_start(l, fd);
	if (l->daemon == NULL)
		return err_set(e, ENOMEM, "cannot start the HTTP server");
	h->nlisteners++;
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	l->readable = event_new(h->config.base, info->epoll_fd,
	    EV_READ | EV_PERSIST, on_listener, l);
	l->timer = evtimer_new(h->config.base, on_listener, l);
	if (l->readable == NULL || l->timer == NULL ||
	    event_add(l->readable, NULL) == -1)
		return err_set(e, ENOMEM, "cannot watch the listener");
	return 0;
}

/* --- the way of a request ------------------------------------------------- */

void
request_suspend(struct request *r)
{
	if (r->suspended)
		return;
	r->suspended = true;
	MHD_suspend_connection(r->connection);
}

void
request_resume(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->connection);
}

static struct request *
request_new(struct listener *l, struct MHD_Connection *c, const char *method)
{
	struct request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->listener = l;
	r->connection = c;
	r->method = method;
	buf_init(&r->body, HTTP_BODY_MAX);
	TAILQ_INSERT_TAIL(&l->http->requests, r, entry);
	return r;
}

static void
request_destroy(struct request *r)
{
	struct http *h = r->listener->http;

	if (r->phase == REQUEST_ANSWERED)
		TAILQ_REMOVE(&h->answered, r, answer);
	TAILQ_REMOVE(&h->requests, r, entry);
	if (r->sink != NULL)
		r->sink->close(r->sink_arg);
	if (r->upgrade != NULL)
		upgrade_abandon(r->upgrade);
	if (r->hangup != NULL)
		event_free(r->hangup);
	if (r->response != NULL)
		MHD_destroy_response(r->response);
	buf_fini(&r->body);
	json_decref(r->json);
	free(r->query);
	free(r);
}

/* MHD is done with the request: sent, or the client is gone. */
static void
on_complete(void *arg, struct MHD_Connection *c, void **slot,
    enum MHD_RequestTerminationCode code)
{
	(void)arg;
	(void)c;
	(void)code;
	if (*slot != NULL)
		request_destroy(*slot);
	*slot = NULL;
}

static enum MHD_Result
each_header(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	(void)kind;
	(void)value;
	return header_check(arg, name, NULL) == -1 ? MHD_NO : MHD_YES;
}

/* What MHD lets through but must not be: see RFC 9112, 11.2. */
static int
check_headers(struct request *r, struct err *e)
{
	struct header_check hc = { 0 };

	(void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND,
	    each_header, &hc);
	r->close = true;
	if (hc.n > HTTP_HEADERS_MAX)
		return err_api(e, E2BIG, "invalid_request",
		    "more than %d headers", HTTP_HEADERS_MAX);
	if (hc.host > 1 || hc.length > 1 || hc.encoding > 1)
		return err_api(e, EINVAL, "invalid_request", "a header Host, "
		    "Content-Length or Transfer-Encoding is repeated");
	if (hc.length != 0 && hc.encoding != 0)
		return err_api(e, EINVAL, "invalid_request",
		    "Content-Length and Transfer-Encoding exclude each other");
	r->close = false;
	return 0;
}

static int
check_caller(struct request *r, struct err *e)
{
	const union MHD_ConnectionInfo *info;
	const struct route *route = r->match.route;

	if (!r->listener->tcp) {
		info = MHD_get_connection_info(r->connection,
		    MHD_CONNECTION_INFO_CONNECTION_FD);
		return auth_peer(&r->caller, info->connect_fd,
		    r->listener->http->config.admin, e);
	}
	if (route != NULL && route->scope == NULL)
		return 0;
	if (auth_token(&r->caller, r->listener->http->config.auth,
	    request_header(r, "Authorization"), time(NULL), e) == -1)
		return -1;
	if (route != NULL && !auth_allows(&r->caller, route->scope))
		return err_api(e, EPERM, "forbidden",
		    "missing required scope: %s", route->scope);
	return 0;
}

static int
check_length(struct request *r, struct err *e)
{
	const char *s = request_header(r, "Content-Length");
	unsigned long long len;

	if (s == NULL || r->match.route->body == BODY_STREAM)
		return 0;
	errno = 0;
	len = strtoull(s, NULL, 10);
	if (errno == 0 && len <= HTTP_BODY_MAX)
		return 0;
	r->close = true;
	return err_api(e, EFBIG, "body_too_large",
	    "the body is larger than %d bytes", HTTP_BODY_MAX);
}

/* Everything that can be refused before the body is read. */
static int
request_check(struct request *r, const char *url, struct err *e)
{
	const struct http_config *c = &r->listener->http->config;
	enum route_found found;

	if (check_headers(r, e) == -1)
		return -1;
	found = route_find(&r->match, c->routes, c->nroutes, r->method, url,
	    e);
	if (found == ROUTE_BAD_PATH)
		return -1;
	if (check_caller(r, e) == -1)
		return -1;
	if (found == ROUTE_NO_PATH)
		return err_api(e, ENOENT, "not_found",
		    "there is no %.128s in this API", url);
	if (found == ROUTE_NO_METHOD)
		return err_api(e, EOPNOTSUPP, "method_not_allowed",
		    "%s does not know %s; it knows %s", url, r->method,
		    r->match.allow);
	return check_length(r, e);
}

/* A piece of the body; *left becomes what was not taken. */
static enum MHD_Result
request_body(struct request *r, const char *data, size_t *left)
{
	ssize_t n;

	if (r->sink != NULL && r->phase < REQUEST_ANSWERED) {
		n = r->sink->write(r->sink_arg, data, *left);
		if (n >= 0) {
			*left -= (size_t)n;
			if (*left > 0) {
				r->sink_full = true;
				request_suspend(r);
			}
			return MHD_YES;
		}
		r->sink->close(r->sink_arg);
		r->sink = NULL;
	}
	if (r->phase == REQUEST_BODY && r->match.route->body == BODY_JSON &&
	    r->skipped == 0 && buf_put(&r->body, data, *left) == 0) {
		*left = 0;
		return MHD_YES;
	}
	r->skipped += *left;
	*left = 0;
	return r->skipped > SKIP_MAX && r->match.route->body != BODY_STREAM ?
	    MHD_NO : MHD_YES;
}

static int
parse_body(struct request *r, struct err *e)
{
	if (r->match.route->body != BODY_JSON)
		return 0;
	if (r->skipped > 0)
		return err_api(e, EFBIG, "body_too_large",
		    "the body is larger than %d bytes", HTTP_BODY_MAX);
	if (r->body.len == 0)
		return 0;
	if (json_parse(&r->json, r->body.data, r->body.len, e) == -1)
		return -1;
	buf_reset(&r->body);
	if (!json_is_object(r->json))
		return err_api(e, EINVAL, "invalid_request",
		    "the body must be a JSON object");
	return 0;
}

/* The body is complete: the handler's turn. */
static void
request_handle(struct request *r)
{
	struct err e;

	if (r->phase == REQUEST_BODY) {
		r->phase = REQUEST_HANDLED;
		if (parse_body(r, &e) == -1)
			reply_err(r, &e);
		else
			r->match.route->handle(r);
	} else if (r->sink != NULL && r->phase < REQUEST_ANSWERED &&
	    !r->ended) {
		r->ended = true;
		r->sink->end(r->sink_arg);
	}
}

/* Give MHD the response, or let the connection sleep until there is one. */
static enum MHD_Result
request_send(struct request *r)
{
	enum MHD_Result ret;

	if (r->phase != REQUEST_SENT) {
		request_suspend(r);
		return MHD_YES;
	}
	if (r->close)
		(void)MHD_add_response_header(r->response,
		    MHD_HTTP_HEADER_CONNECTION, "close");
	ret = MHD_queue_response(r->connection, r->status, r->response);
	MHD_destroy_response(r->response);
	r->response = NULL;
	return ret;
}

static void
request_start(struct request *r, const char *url)
{
	struct err e;

	if (request_check(r, url, &e) == -1) {
		r->phase = REQUEST_HANDLED;
		reply_err(r, &e);
		return;
	}
	r->phase = REQUEST_BODY;
	if (r->match.route->body == BODY_STREAM) {
		r->phase = REQUEST_HANDLED;
		r->match.route->handle(r);
	}
}

/*
 * MHD calls this when the headers are read, for each piece of the body, when
 * the body is complete, and again whenever the connection was resumed.
 */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **slot)
{
	struct request *r = *slot;
	enum MHD_Result ret = MHD_YES;

	(void)version;
	if (r == NULL) {
		r = request_new(arg, c, method);
		if (r == NULL)
			return MHD_NO;
		*slot = r;
		r->inside = true;
		request_start(r, url);
		/* A refusal needs no body; MHD takes it only here or last. */
		if (r->phase != REQUEST_BODY && r->sink == NULL)
			ret = request_send(r);
		r->inside = false;
		return ret;
	}
	r->inside = true;
	if (r->phase == REQUEST_SENT && r->response != NULL && *len == 0) {
		ret = request_send(r);
	} else if (*len > 0) {
		ret = request_body(r, data, len);
	} else {
		request_handle(r);
		ret = request_send(r);
	}
	r->inside = false;
	return ret;
}

/* --- answers -------------------------------------------------------------- */

void
request_answer(struct request *r, struct MHD_Response *response,
    unsigned status)
{
	struct http *h = r->listener->http;

	if (r->hangup != NULL)
		event_free(r->hangup);
	r->hangup = NULL;
	r->response = response;
	r->status = status;
	r->phase = REQUEST_ANSWERED;
	TAILQ_INSERT_TAIL(&h->answered, r, answer);
	event_active(h->flush, 0, 0);
}

/* One commit for all that was answered since the last. */
static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;
	struct request *r;
	struct err e;
	bool failed;

	(void)fd;
	(void)what;
	failed = h->config.commit != NULL &&
	    h->config.commit(h->config.context, &e) == -1;
	while ((r = TAILQ_FIRST(&h->answered)) != NULL) {
		TAILQ_REMOVE(&h->answered, r, answer);
		r->phase = REQUEST_SENT;
		if (failed) {
			MHD_destroy_response(r->response);
			r->response = reply_err_response(&r->status, &e);
		}
		request_resume(r);
	}
	for (size_t i = 0; i < h->nlisteners; i++)
		listener_run(&h->listeners[i]);
}

void
http_flush(struct http *h)
{
	event_active(h->flush, 0, 0);
}

static void
on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;
	struct stream *s;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(s, &h->streams, entry) {
		if (s->waiting) {
			s->beat = true;
			stream_wake(s);
		}
	}
}

int
http_new(struct http **ret, const struct http_config *c, struct err *e)
{
	static const struct timeval beat = { HTTP_HEARTBEAT_SECONDS, 0 };
	OWN(http_destroy) struct http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return err_sys(e, "http");
	h->config = *c;
	TAILQ_INIT(&h->requests);
	TAILQ_INIT(&h->answered);
	TAILQ_INIT(&h->streams);
	h->flush = event_new(c->base, -1, 0, on_flush, h);
	h->heartbeat = event_new(c->base, -1, EV_PERSIST, on_heartbeat, h);
	if (h->flush == NULL || h->heartbeat == NULL ||
	    event_add(h->heartbeat, &beat) == -1)
		return err_set(e, ENOMEM, "http: out of memory");
	*ret = take(&h);
	return 0;
}

/* MHD must not be stopped while a connection sleeps. */
static void
wake_all(struct http *h)
{
	struct request *r, *next;
	struct stream *s;
	struct err e;

	(void)err_api(&e, ESHUTDOWN, "unavailable", "the daemon is stopping");
	for (r = TAILQ_FIRST(&h->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->phase < REQUEST_ANSWERED && r->suspended &&
		    !r->sink_full)
			reply_err(r, &e);
	}
	on_flush(-1, 0, h);
	TAILQ_FOREACH(s, &h->streams, entry)
		stream_wake(s);
	TAILQ_FOREACH(r, &h->requests, entry)
		request_resume(r);
}

void
http_destroy(struct http *h)
{
	if (h == NULL)
		return;
	h->stopping = true;
	if (h->flush != NULL)
		wake_all(h);
	for (size_t i = 0; i < h->nlisteners; i++) {
		struct listener *l = &h->listeners[i];

		if (l->readable != NULL)
			event_free(l->readable);
		if (l->timer != NULL)
			event_free(l->timer);
		MHD_stop_daemon(l->daemon);
	}
	if (h->flush != NULL)
		event_free(h->flush);
	if (h->heartbeat != NULL)
		event_free(h->heartbeat);
	free(h);
}
