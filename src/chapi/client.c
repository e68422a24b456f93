/* SPDX-License-Identifier: ISC */
/* client.c - the Cloud Hypervisor API, asking side; see client.h */

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "chapi/client.h"
#include "chapi/http.h"
#include "lib/buf.h"
#include "lib/util.h"
#include "os/os.h"

#define IN_MAX		((size_t)HTTP_HEAD_MAX + HTTP_BODY_MAX)
#define READ_SIZE	4096	/* bytes a read */
#define RETRY_MS	20	/* the server's queue is full: ask again */
#define SOCKET		"api.sock"

struct call {
	struct chapi_client	*client;
	LIST_ENTRY(call)	 entry;
	int			 fd;		/* -1: to be connected */
	struct event		*io;		/* of fd, or NULL */
	struct event		*retry, *deadline;
	struct buf		 out, in;
	void			(*done)(void *, const struct chapi_answer *);
	void			*arg;
};

struct chapi_client {
	struct event_base	*base;
	int			 dirfd;
	LIST_HEAD(calls, call)	 calls;
	size_t			 ncalls;
};

static void
call_destroy(struct call *c)
{
	LIST_REMOVE(c, entry);
	c->client->ncalls--;
	if (c->io != NULL)
		event_free(c->io);
	if (c->retry != NULL)
		event_free(c->retry);
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->fd != -1)
		(void)close(c->fd);
	buf_fini(&c->out);
	buf_fini(&c->in);
	free(c);
}

/* Tell the caller; last of all, because it may destroy the client. */
static void
call_done(struct call *c, int status, json_t *body, const struct err *e)
{
	struct chapi_answer a = { .status = status, .body = body, .err = e };
	void (*done)(void *, const struct chapi_answer *) = c->done;
	void *arg = c->arg;

	call_destroy(c);
	done(arg, &a);
}

/* The text of an error: the strings of the list, else the status. */
static void
error_text(struct err *e, int status, const json_t *body)
{
	size_t used = 0;
	const json_t *v;
	size_t i;

	(void)err_set(e, status == 404 ? ENOENT : EPROTO, "%s",
	    http_reason(status));
	for (i = 0; i < json_array_size(body); i++) {
		v = json_array_get(body, i);
		if (json_is_string(v) && used < sizeof(e->text) - 1)
			used += (size_t)snprintf(e->text + used,
			    sizeof(e->text) - used, "%s%s",
			    used > 0 ? ": " : "", json_string_value(v));
	}
}

/* 1: the whole answer was there and c is no more.  0: more is needed. */
static int
call_parse(struct call *c)
{
	own_json json_t *body = NULL;
	struct http_head h;
	struct err e;
	int r;

	while ((r = http_response(&h, c->in.data, c->in.len, &e)) == 1 &&
	    h.status < 200)
		buf_drain(&c->in, h.head_len);
	if (r == 0 || (r == 1 && c->in.len < h.head_len + h.body_len))
		return 0;
	if (r == 1 && h.body_len != 0)
		r = json_parse(&body, c->in.data + h.head_len, h.body_len, &e);
	if (r == -1) {
		e.num = EPROTO;
		call_done(c, 0, NULL, &e);
		return 1;
	}
	if (h.status >= 300)
		error_text(&e, h.status, body);
	call_done(c, h.status, body, h.status >= 300 ? &e : NULL);
	return 1;
}

static void
call_fail(struct call *c, int num, const char *text)
{
	struct err e;

	(void)err_set(&e, num, SOCKET ": %s", text);
	call_done(c, 0, NULL, &e);
}

static int
call_write(struct call *c)
{
	ssize_t n;

	n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
	if (n > 0)
		buf_drain(&c->out, (size_t)n);
	return n == -1 && errno != EAGAIN && errno != EINTR ? -1 : 0;
}

/* -1 with errno; 0: go on; 1: c is no more. */
static int
call_read(struct call *c)
{
	size_t room = MIN((size_t)READ_SIZE, IN_MAX - c->in.len);
	uint8_t *to = buf_reserve(&c->in, room);
	ssize_t n;

	if (to == NULL)
		return -1;
	if (room == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	n = recv(c->fd, to, room, 0);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0) {
		errno = ECONNRESET;
		return -1;
	}
	buf_added(&c->in, (size_t)n);
	return call_parse(c);
}

static void
call_io(evutil_socket_t fd, short what, void *arg)
{
	struct call *c = arg;
	int r = 0;

	(void)fd;
	if ((what & EV_WRITE) != 0)
		r = call_write(c);
	/* An answer may come before all was written: a refusal. */
	if ((what & EV_READ) != 0)
		r = call_read(c);
	else if (r == -1)
		r = 0;		/* what was answered is read first */
	if (r == 1)
		return;
	if (r == 0) {
		event_free(c->io);
		c->io = event_new(c->client->base, c->fd, EV_READ |
		    (c->out.len > 0 ? EV_WRITE : 0), call_io, c);
		r = c->io == NULL ? -1 : event_add(c->io, NULL);
	}
	if (r == -1)
		call_fail(c, errno, strerror(errno));
}

/* Connect, now or when the server's queue has room. */
static void
call_connect(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = { 0, RETRY_MS * 1000 };
	struct call *c = arg;
	struct err e;

	(void)fd;
	(void)what;
	c->fd = os_unix_connect_now(c->client->dirfd, SOCKET, &e);
	if (c->fd == -1) {
		if (e.num != EAGAIN || event_add(c->retry, &soon) == -1)
			call_done(c, 0, NULL, &e);
		return;
	}
	c->io = event_new(c->client->base, c->fd, EV_READ | EV_WRITE,
	    call_io, c);
	if (c->io == NULL || event_add(c->io, NULL) == -1)
		call_fail(c, ENOMEM, strerror(ENOMEM));
}

static void
call_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	call_fail(arg, ETIMEDOUT, "no answer in time");
}

static int
call_request(struct call *c, const struct chapi_call *in, struct err *e)
{
	static const char *const gets[] = { "vmm.ping", "vm.info",
	    "vm.counters" };
	own_mem char *body = in->body != NULL ? json_print(in->body) : NULL;
	const char *method = "PUT";
	int bad = in->body != NULL && body == NULL;

	for (size_t i = 0; i < COUNT(gets); i++)
		if (strcmp(gets[i], in->name) == 0)
			method = "GET";
	bad |= buf_printf(&c->out, "%s /api/v1/%s HTTP/1.1\r\n"
	    "Host: localhost\r\nAccept: */*\r\n", method, in->name);
	if (body != NULL)
		bad |= buf_printf(&c->out, "Content-Type: application/json\r\n"
		    "Content-Length: %zu\r\n", strlen(body));
	bad |= buf_puts(&c->out, "\r\n");
	if (body != NULL)
		bad |= buf_puts(&c->out, body);
	return bad != 0 ? err_set(e, EMSGSIZE, "%s: request too large",
	    in->name) : 0;
}

int
chapi_client_call(struct chapi_client *client, const struct chapi_call *in,
    struct err *e)
{
	struct timeval timeout = { in->timeout_ms / 1000,
	    in->timeout_ms % 1000 * 1000 };
	struct call *c;

	if (client->ncalls == CHAPI_CALLS_MAX)
		return err_set(e, EAGAIN, "%s: too many calls at once",
		    in->name);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_sys(e, "%s", in->name);
	c->client = client;
	c->fd = -1;
	c->done = in->done;
	c->arg = in->arg;
	buf_init(&c->out, IN_MAX);
	buf_init(&c->in, IN_MAX);
	LIST_INSERT_HEAD(&client->calls, c, entry);
	client->ncalls++;
	c->retry = evtimer_new(client->base, call_connect, c);
	c->deadline = evtimer_new(client->base, call_timeout, c);
	if (call_request(c, in, e) == -1) {
		call_destroy(c);
		return -1;
	}
	if (c->retry == NULL || c->deadline == NULL ||
	    event_add(c->deadline, &timeout) == -1) {
		call_destroy(c);
		return err_set(e, ENOMEM, "%s: no event", in->name);
	}
	event_active(c->retry, EV_TIMEOUT, 0);
	return 0;
}

int
chapi_client_new(struct chapi_client **ret, struct event_base *base,
    int dirfd, struct err *e)
{
	own_mem struct chapi_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_sys(e, "API client");
	c->base = base;
	LIST_INIT(&c->calls);
	c->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (c->dirfd == -1)
		return err_sys(e, "API client: VM directory");
	*ret = take(&c);
	return 0;
}

void
chapi_client_destroy(struct chapi_client *c)
{
	if (c == NULL)
		return;
	while (!LIST_EMPTY(&c->calls))
		call_destroy(LIST_FIRST(&c->calls));
	(void)close(c->dirfd);
	free(c);
}
