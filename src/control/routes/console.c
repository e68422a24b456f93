/* SPDX-License-Identifier: ISC */
/*
 * console.c - GET /instances/{id}/console: the serial console
 *
 * A WebSocket before console.sock: bytes both ways.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "control/websocket.h"
#include "lib/buf.h"
#include "os/os.h"

#define CHUNK	16384	/* bytes read from the console at once */

struct console {
	struct event_base	*base;
	int			 sock;		/* console.sock */
	struct event		*readable, *writable;
	struct buf		 held;		/* typed, not yet taken */
	struct ws		*ws;
};

static void
console_free(struct console *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->sock != -1)
		(void)close(c->sock);
	buf_fini(&c->held);
	free(c);
}

static void
finish(struct console *c)
{
	ws_finish(c->ws);
	console_free(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;
	char text[CHUNK];
	ssize_t n;

	(void)what;
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(c);
		return;
	}
	ws_binary(c->ws, text, (size_t)n);
	if (ws_queued(c->ws) >= WS_QUEUE_FULL)
		(void)event_del(c->readable);
}

static void
on_drained(void *arg)
{
	struct console *c = arg;

	(void)event_add(c->readable, NULL);
}

static void
feed(struct console *c)
{
	ssize_t n;

	while (c->held.len > 0) {
		n = send(c->sock, c->held.data, c->held.len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno != EAGAIN && errno != EINTR) {
			/* Reading tells about the end. */
			buf_reset(&c->held);
			return;
		}
		if (n == -1) {
			ws_pause(c->ws);
			(void)event_add(c->writable, NULL);
			return;
		}
		buf_drain(&c->held, (size_t)n);
	}
	ws_resume(c->ws);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	feed(arg);
}

static void
on_binary(void *arg, const void *data, size_t len)
{
	struct console *c = arg;

	if (buf_put(&c->held, data, len) == -1)
		finish(c);
	else
		feed(c);
}

static void
on_text(void *arg, const char *data, size_t len)
{
	on_binary(arg, data, len);
}

static void
on_closed(void *arg)
{
	console_free(arg);
}

static void
on_upgrade(void *arg, int fd, const void *early, size_t len,
    struct upgrade *u)
{
	static const struct ws_ops ops = {
		on_text, on_binary, on_drained, on_closed,
	};
	struct console *c = arg;

	if (fd == -1 || ws_new(&c->ws, c->base, fd, early, len, u, NULL) ==
	    -1) {
		console_free(c);
		return;
	}
	ws_start(c->ws, &ops, c);
	(void)event_add(c->readable, NULL);
}

static int
console_open(struct console **ret, const struct vm *vm, struct err *e)
{
	struct console *c;
	int sock = os_unix_connect_now(vm->dir, "console.sock", e);

	if (sock == -1) {
		if (e != NULL)
			e->code = "unavailable";
		return -1;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		(void)close(sock);
		return err_sys(e, "console");
	}
	c->base = vm->control->base;
	c->sock = sock;
	buf_init(&c->held, 4 * WS_MESSAGE_MAX);
	c->readable = event_new(c->base, sock, EV_READ | EV_PERSIST,
	    on_readable, c);
	c->writable = event_new(c->base, sock, EV_WRITE, on_writable, c);
	if (c->readable == NULL || c->writable == NULL) {
		console_free(c);
		return err_set(e, ENOMEM, "console: out of memory");
	}
	*ret = c;
	return 0;
}

void
route_instance_console(struct request *r)
{
	const struct vm *vm = route_vm(r);
	struct console *c = NULL;
	struct err e;

	if (vm == NULL)
		return;
	if (!vm_state_live(vm->state)) {
		(void)err_api(&e, EINVAL, "invalid_state", "instance %s has "
		    "no console: it is %s", vm->spec.name,
		    vm_state_name(vm->state));
		reply_err(r, &e);
	} else if (console_open(&c, vm, &e) == -1) {
		reply_err(r, &e);
	} else if (reply_upgrade(r, on_upgrade, c) == -1) {
		console_free(c);
	}
}
