/* SPDX-License-Identifier: ISC */
/* websocket.c - one WebSocket, the server's side; see websocket.h */

#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <wslay/wslay.h>

#include "control/http.h"
#include "control/websocket.h"
#include "lib/buf.h"
#include "os/os.h"

struct ws {
	struct event_base		*base;
	int				 fd;		/* upgrade's */
	struct upgrade			*upgrade;
	wslay_event_context_ptr		 wslay;
	struct event			*readable;
	struct event			*writable;
	struct event			*hangup;	/* while it is paused */
	struct event			*timer;		/* of the closing */
	struct buf			 early;	/* came with the handshake */
	const struct ws_ops		*ops;		/* NULL: finishing */
	void				*arg;
	unsigned			 pongs;	/* since the queue was empty */
	bool				 paused;
	bool				 finishing;	/* close when sent */
	bool				 dead;		/* no use any more */
};

static ssize_t
on_recv(wslay_event_context_ptr ctx, uint8_t *to, size_t len, int flags,
    void *arg)
{
	struct ws *ws = arg;
	ssize_t n;

	(void)flags;
	if (ws->dead) {
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	if (ws->paused) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (ws->early.len > 0) {
		n = (ssize_t)(len < ws->early.len ? len : ws->early.len);
		memcpy(to, ws->early.data, (size_t)n);
		buf_drain(&ws->early, (size_t)n);
		return n;
	}
	n = recv(ws->fd, to, len, 0);
	if (n > 0)
		return n;
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
	} else {
		ws->dead = true;
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	}
	return -1;
}

static ssize_t
on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len,
    int flags, void *arg)
{
	struct ws *ws = arg;
	ssize_t n;

	n = os_send(ws->fd, data, len, (flags & WSLAY_MSG_MORE) != 0);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
	} else {
		ws->dead = true;
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	}
	return -1;
}

static void
on_message(wslay_event_context_ptr ctx,
    const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct ws *ws = arg;

	(void)ctx;
	/* wslay queues a pong for each, also when nobody takes them. */
	if (m->opcode == WSLAY_PING && ++ws->pongs > WS_PONGS_MAX)
		ws->dead = true;
	if (ws->ops == NULL || ws->dead)
		return;
	if (m->opcode == WSLAY_TEXT_FRAME)
		ws->ops->text(ws->arg, (const char *)m->msg, m->msg_length);
	else if (m->opcode == WSLAY_BINARY_FRAME)
		ws->ops->binary(ws->arg, m->msg, m->msg_length);
}

static void
ws_free(struct ws *ws)
{
	if (ws->readable != NULL)
		event_free(ws->readable);
	if (ws->writable != NULL)
		event_free(ws->writable);
	if (ws->hangup != NULL)
		event_free(ws->hangup);
	if (ws->timer != NULL)
		event_free(ws->timer);
	if (ws->wslay != NULL)
		wslay_event_context_free(ws->wslay);
	buf_fini(&ws->early);
	http_upgrade_close(ws->upgrade);
	free(ws);
}

static bool
is_over(const struct ws *ws)
{
	return ws->dead || (wslay_event_want_read(ws->wslay) == 0 &&
	    wslay_event_want_write(ws->wslay) == 0) ||
	    (ws->ops == NULL && wslay_event_get_close_sent(ws->wslay) != 0 &&
	    wslay_event_get_close_received(ws->wslay) != 0);
}

/* Wait for what wslay wants next, or end. */
static void
ws_next(struct ws *ws)
{
	const struct ws_ops *ops = ws->ops;

	if (is_over(ws)) {
		ws->ops = NULL;
		if (ops != NULL)
			ops->closed(ws->arg);
		ws_free(ws);
		return;
	}
	if (!ws->paused && wslay_event_want_read(ws->wslay) != 0)
		(void)event_add(ws->readable, NULL);
	else
		(void)event_del(ws->readable);
	if (wslay_event_want_write(ws->wslay) != 0)
		(void)event_add(ws->writable, NULL);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ws *ws = arg;

	(void)fd;
	(void)what;
	if (wslay_event_recv(ws->wslay) != 0)
		ws->dead = true;
	ws_next(ws);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ws *ws = arg;

	(void)fd;
	(void)what;
	if (wslay_event_send(ws->wslay) != 0)
		ws->dead = true;
	if (wslay_event_want_write(ws->wslay) == 0)
		ws->pongs = 0;
	/* A close frame overtakes data, so it must not be queued before. */
	if (ws->finishing && !ws->dead &&
	    wslay_event_want_write(ws->wslay) == 0) {
		ws->finishing = false;
		(void)wslay_event_queue_close(ws->wslay,
		    WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
		if (wslay_event_send(ws->wslay) != 0)
			ws->dead = true;
	} else if (wslay_event_want_write(ws->wslay) == 0 && ws->ops != NULL &&
	    !ws->dead && ws->ops->drained != NULL)
		ws->ops->drained(ws->arg);
	ws_next(ws);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct ws *ws = arg;

	(void)fd;
	(void)what;
	ws->dead = true;
	ws_next(ws);
}

int
ws_new(struct ws **ret, struct event_base *base, int fd, const void *early,
    size_t len, struct upgrade *upgrade, struct err *e)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = on_recv, .send_callback = on_send,
		.on_msg_recv_callback = on_message,
	};
	struct ws *ws = calloc(1, sizeof(*ws));
	int on = 1;

	if (ws == NULL) {
		http_upgrade_close(upgrade);
		return err_sys(e, "websocket");
	}
	ws->base = base;
	ws->fd = fd;
	ws->upgrade = upgrade;
	buf_init(&ws->early, HTTP_MEMORY_MAX);
	ws->readable = event_new(base, fd, EV_READ, on_readable, ws);
	ws->writable = event_new(base, fd, EV_WRITE, on_writable, ws);
	ws->hangup = event_new(base, fd, EV_CLOSED, on_end, ws);
	ws->timer = evtimer_new(base, on_end, ws);
	if (ws->readable == NULL || ws->writable == NULL ||
	    ws->hangup == NULL || ws->timer == NULL ||
	    buf_put(&ws->early, early, len) == -1 ||
	    wslay_event_context_server_init(&ws->wslay, &callbacks, ws) != 0) {
		ws_free(ws);
		return err_set(e, ENOMEM, "websocket: out of memory");
	}
	/* A peer that vanished without a word is found out. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	wslay_event_config_set_max_recv_msg_length(ws->wslay,
	    WS_MESSAGE_MAX);
	*ret = ws;
	return 0;
}

void
ws_start(struct ws *ws, const struct ws_ops *ops, void *arg)
{
	ws->ops = ops;
	ws->arg = arg;
	(void)event_add(ws->readable, NULL);
	/* What came early makes no descriptor readable. */
	if (ws->early.len > 0)
		event_active(ws->readable, EV_READ, 0);
}

static void
queue(struct ws *ws, uint8_t opcode, const void *data, size_t len)
{
	const struct wslay_event_msg m = { opcode, data, len };

	if (wslay_event_queue_msg(ws->wslay, &m) != 0)
		ws->dead = true;
	(void)event_add(ws->writable, NULL);
	if (ws->dead)
		event_active(ws->writable, EV_WRITE, 0);
}

void
ws_text(struct ws *ws, const char *text)
{
	queue(ws, WSLAY_TEXT_FRAME, text, strlen(text));
}

void
ws_binary(struct ws *ws, const void *data, size_t len)
{
	queue(ws, WSLAY_BINARY_FRAME, data, len);
}

void
ws_binary_tagged(struct ws *ws, uint8_t tag, const void *data, size_t len)
{
	uint8_t *all = malloc(len + 1);

	if (all == NULL) {
		ws->dead = true;
		event_active(ws->writable, EV_WRITE, 0);
		return;
	}
	all[0] = tag;
	memcpy(all + 1, data, len);
	queue(ws, WSLAY_BINARY_FRAME, all, len + 1);
	free(all);
}

size_t
ws_queued(const struct ws *ws)
{
	return wslay_event_get_queued_msg_length(ws->wslay);
}

void
ws_pause(struct ws *ws)
{
	if (ws->paused)
		return;
	ws->paused = true;
	(void)event_del(ws->readable);
	/* Nobody reads, so nobody would see the client go. */
	(void)event_add(ws->hangup, NULL);
}

void
ws_resume(struct ws *ws)
{
	if (!ws->paused)
		return;
	ws->paused = false;
	(void)event_del(ws->hangup);
	(void)event_add(ws->readable, NULL);
	event_active(ws->readable, EV_READ, 0);
}

void
ws_finish(struct ws *ws)
{
	static const struct timeval tv = { WS_CLOSE_MS / 1000, 0 };

	ws->ops = NULL;
	ws->paused = false;
	ws->finishing = true;
	(void)event_add(ws->readable, NULL);
	(void)event_add(ws->writable, NULL);
	(void)evtimer_add(ws->timer, &tv);
}

int
ws_take(const struct ws_first *f, int fd, const void *early, size_t len,
    struct upgrade *u)
{
	static const struct timeval tv = { WS_FIRST_MS / 1000, 0 };

	if (fd == -1)
		return -1;
	*f->timer = evtimer_new(f->base, f->late, f->arg);
	if (*f->timer == NULL || evtimer_add(*f->timer, &tv) == -1) {
		http_upgrade_close(u);
		return -1;
	}
	if (ws_new(f->ws, f->base, fd, early, len, u, NULL) == -1)
		return -1;
	ws_start(*f->ws, f->ops, f->arg);
	return 0;
}
