/* SPDX-License-Identifier: ISC */
/* server.c - the Cloud Hypervisor API, answering side; see server.h */

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/http.h"
#include "chapi/server.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"

#define IN_MAX		((size_t)HTTP_HEAD_MAX + HTTP_BODY_MAX)
#define OUT_MAX		((size_t)4 * HTTP_BODY_MAX)	/* not yet written */
#define READ_SIZE	4096				/* bytes a read */
#define ALLOW_MAX	64			/* bytes of an Allow header */

enum conn_state {
	CONN_READING,	/* a request is coming in; the timer runs */
	CONN_WAITING,	/* a handler owes the answer; nothing is read */
	CONN_CLOSING,	/* what is in 'out' goes out, then it ends */
};

struct chapi_request {
	struct chapi_server		*server;
	TAILQ_ENTRY(chapi_request)	 entry;	/* longest silent first */
	enum conn_state			 state;
	int				 fd;
	struct event_watch		 watch;
	struct event_timer		 timer;
	struct event_timer		 ahead;	/* 'in' is to be looked at */
	struct buf			 in, out;
	bool				 continued; /* sent "100 Continue" */
	struct http_head		 head;	/* of the request in 'in' */
};

struct chapi_server {
	struct event_loop			*loop;
	const struct chapi_route		*routes;
	void					*arg;
	int					 fd;
	struct event_watch			 accepting;
	TAILQ_HEAD(conns, chapi_request)	 conns;
	size_t					 nconns;
};

#define IDLE_US		((uint64_t)CHAPI_IDLE_S * 1000000)

static void
conn_destroy(struct chapi_request *r)
{
	TAILQ_REMOVE(&r->server->conns, r, entry);
	r->server->nconns--;
	event_watch_fini(&r->watch);
	event_timer_clear(&r->timer);
	event_timer_clear(&r->ahead);
	buf_fini(&r->in);
	buf_fini(&r->out);
	(void)close(r->fd);
	free(r);
}

/* Watch for what its state waits for; r may be no more afterwards. */
static void
conn_watch(struct chapi_request *r)
{
	if (event_watch_set(&r->watch,
	    (r->state == CONN_READING ? EVENT_READ : 0) |
	    (r->out.len > 0 ? EVENT_WRITE : 0)) == -1)
		conn_destroy(r);
}

/* Write what there is; r may be no more afterwards. */
static void
conn_flush(struct chapi_request *r)
{
	ssize_t n;

	while (r->out.len > 0) {
		n = send(r->fd, r->out.data, r->out.len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			conn_destroy(r);
			return;
		}
		buf_drain(&r->out, (size_t)n);
	}
	if (r->out.len == 0 && r->state == CONN_CLOSING)
		conn_destroy(r);
	else
		conn_watch(r);
}

/* An answer into 'out'; body may be NULL. */
static void
conn_answer(struct chapi_request *r, int status, const char *extra,
    const char *body)
{
	size_t len = body != NULL ? strlen(body) : 0;
	int bad;

	bad = buf_printf(&r->out, "HTTP/1.1 %d %s\r\nServer: vmd\r\n%s", status,
	    http_reason(status), extra);
	if (r->head.close)
		bad |= buf_puts(&r->out, "Connection: close\r\n");
	if (status != 204)
		bad |= buf_printf(&r->out, "Content-Length: %zu\r\n", len);
	if (body != NULL)
		bad |= buf_puts(&r->out, "Content-Type: application/json\r\n");
	bad |= buf_puts(&r->out, "\r\n");
	bad |= buf_put(&r->out, body, len);
	/* Half an answer is worse than none. */
	if (bad != 0) {
		buf_reset(&r->out);
		r->head.close = true;
	}
}

/* The request is answered: forget it and read the next one. */
static void
conn_next(struct chapi_request *r)
{
	struct chapi_server *s = r->server;

	buf_drain(&r->in, r->head.head_len + r->head.body_len);
	r->continued = false;
	r->state = r->head.close ? CONN_CLOSING : CONN_READING;
	if (r->state == CONN_READING) {
		TAILQ_REMOVE(&s->conns, r, entry);
		TAILQ_INSERT_TAIL(&s->conns, r, entry);
		/* A next request is taken by the loop, not a call deeper. */
		if (r->in.len > 0)
			event_timer_soon(&r->ahead);
	}
	event_timer_set(&r->timer, IDLE_US);
	conn_flush(r);
}

/* An error, as the list of strings Cloud Hypervisor sends. */
static void
conn_refuse(struct chapi_request *r, int status, const char *extra,
    const char *text)
{
	own_json json_t *list = json_pack("[s]", text);
	own_mem char *body = list != NULL ? json_print(list) : NULL;

	conn_answer(r, status, extra, body);
	conn_next(r);
}

/* What came is no request: say why, then end. */
static void
conn_malformed(struct chapi_request *r, const struct err *e)
{
	memset(&r->head, 0, sizeof(r->head));
	r->head.close = true;
	conn_refuse(r, http_status(e), "", e->text);
}

static void
dispatch(struct chapi_request *r)
{
	const struct chapi_route *route, *other = NULL;
	char allow[ALLOW_MAX], text[HTTP_TARGET_MAX + 32];

	for (route = r->server->routes; route->method != NULL; route++) {
		if (strcmp(route->path, r->head.target) != 0)
			continue;
		if (strcmp(route->method, r->head.method) == 0)
			break;
		other = route;
	}
	if (route->method != NULL) {
		route->handle(r, r->server->arg);
	} else if (other == NULL) {
		(void)snprintf(text, sizeof(text), "%s: no such path",
		    r->head.target);
		conn_refuse(r, 404, "", text);
	} else {
		(void)snprintf(allow, sizeof(allow), "Allow: %s\r\n",
		    other->method);
		(void)snprintf(text, sizeof(text), "%s: only %s",
		    other->path, other->method);
		conn_refuse(r, 405, allow, text);
	}
}

/* Look whether a whole request is there. */
static void
conn_parse(struct chapi_request *r)
{
	struct err e;
	int n;

	n = http_request(&r->head, r->in.data, r->in.len, &e);
	if (n == -1) {
		conn_malformed(r, &e);
	} else if (n == 0) {
		return;
	} else if (r->in.len >= r->head.head_len + r->head.body_len) {
		/* Most answer at once: it is watched until more comes. */
		r->state = CONN_WAITING;
		event_timer_clear(&r->timer);
		dispatch(r);
	} else if (r->head.expect && !r->continued) {
		r->continued = true;
		if (buf_puts(&r->out, "HTTP/1.1 100 Continue\r\n\r\n") == 0)
			conn_flush(r);
	}
}

static void
conn_read(struct chapi_request *r)
{
	size_t room = MIN((size_t)READ_SIZE, IN_MAX - r->in.len);
	uint8_t *to;
	ssize_t n;

	if (room > 0) {
		to = buf_reserve(&r->in, room);
		n = to != NULL ? recv(r->fd, to, room, 0) : 0;
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			conn_destroy(r);
			return;
		}
		if (n > 0)
			buf_added(&r->in, (size_t)n);
	}
	if (r->in.len > 0)
		conn_parse(r);
}

static void
conn_ready(void *arg, unsigned what)
{
	struct chapi_request *r = arg;

	if (what & EVENT_WRITE)
		conn_flush(r);
	else if (r->state == CONN_READING)
		conn_read(r);
	else
		conn_watch(r);
}

/* What came together with the last request. */
static void
conn_ahead(void *arg)
{
	struct chapi_request *r = arg;

	if (r->state == CONN_READING && r->in.len > 0)
		conn_parse(r);
}

/* A request, or the taking of its answer, took too long. */
static void
conn_timeout(void *arg)
{
	conn_destroy(arg);
}

static void
conn_new(struct chapi_server *s, int fd)
{
	struct chapi_request *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		(void)close(fd);
		return;
	}
	r->server = s;
	r->fd = fd;
	r->state = CONN_READING;
	buf_init(&r->in, IN_MAX);
	buf_init(&r->out, OUT_MAX);
	TAILQ_INSERT_TAIL(&s->conns, r, entry);
	s->nconns++;
	event_watch_init(&r->watch, s->loop, fd, conn_ready, r);
	event_timer_init(&r->timer, s->loop, conn_timeout, r);
	event_timer_init(&r->ahead, s->loop, conn_ahead, r);
	event_timer_set(&r->timer, IDLE_US);
	conn_watch(r);
}

/* Room for one more: the longest silent goes; false when all are at work. */
static bool
make_room(struct chapi_server *s)
{
	struct chapi_request *r;

	if (s->nconns < CHAPI_CONNECTIONS_MAX)
		return true;
	TAILQ_FOREACH(r, &s->conns, entry) {
		if (r->state == CONN_READING) {
			conn_destroy(r);
			return true;
		}
	}
	return false;
}

static void
server_accept(void *arg, unsigned what)
{
	struct chapi_server *s = arg;
	int conn = os_accept(s->fd);

	(void)what;
	if (conn == -1)
		return;
	if (make_room(s))
		conn_new(s, conn);
	else
		(void)close(conn);
}

int
chapi_server_new(struct chapi_server **ret, struct event_loop *loop, int fd,
    const struct chapi_route *routes, void *arg, struct err *e)
{
	OWN(chapi_server_destroy) struct chapi_server *s = NULL;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_sys(e, "API server");
	s->fd = -1;
	s->loop = loop;
	s->routes = routes;
	s->arg = arg;
	TAILQ_INIT(&s->conns);
	event_watch_init(&s->accepting, loop, fd, server_accept, s);
	if (fd_nonblock(fd, 1) == -1 || fd_cloexec(fd, 1) == -1 ||
	    event_watch_set(&s->accepting, EVENT_READ) == -1)
		return err_sys(e, "API socket %d", fd);
	s->fd = fd;
	*ret = take(&s);
	return 0;
}

void
chapi_server_destroy(struct chapi_server *s)
{
	if (s == NULL)
		return;
	while (!TAILQ_EMPTY(&s->conns))
		conn_destroy(TAILQ_FIRST(&s->conns));
	event_watch_fini(&s->accepting);
	if (s->fd != -1)
		(void)close(s->fd);
	free(s);
}

const char *
chapi_request_path(const struct chapi_request *r)
{
	return r->head.target;
}

int
chapi_request_json(json_t **ret, const struct chapi_request *r, struct err *e)
{
	if (r->head.body_len == 0)
		return err_api(e, EINVAL, "invalid_request", "no body");
	return json_parse(ret, r->in.data + r->head.head_len,
	    r->head.body_len, e);
}

void
chapi_reply(struct chapi_request *r, json_t *body)
{
	own_json json_t *v = body;
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	conn_answer(r, text != NULL ? 200 : 204, "", text);
	conn_next(r);
}

void
chapi_refuse(struct chapi_request *r, int status, const struct err *e)
{
	conn_refuse(r, status, "", e->text);
}
