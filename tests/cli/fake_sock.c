/* SPDX-License-Identifier: ISC */
/* fake_sock.c - the server's end of a WebSocket, all blocking; see fake.h */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "lib/io.h"
#include "lib/util.h"
#include "fake.h"

#define MESSAGE_MAX	(1U << 20)

struct sock {
	wslay_event_context_ptr	 c;
	int			 fd;
	struct buf		 early;		/* read with the handshake */
	struct message		 got[64];	/* ring */
	unsigned		 head, tail;
	bool			 over;
	pthread_mutex_t		 lock;		/* of what is written */
};

struct sock *sock_open(int fd, const char *extra, size_t);
void	sock_close(struct sock *);

static bool
readable(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, ms) == 1;
}

static ssize_t
want(wslay_event_context_ptr c, uint8_t *to, size_t len, int flags, void *arg)
{
	struct sock *s = arg;
	ssize_t n;

	(void)flags;
	if (s->early.len > 0) {
		n = (ssize_t)MIN(len, s->early.len);
		memcpy(to, s->early.data, (size_t)n);
		buf_drain(&s->early, (size_t)n);
		return n;
	}
	if (s->tail - s->head > COUNT(s->got) / 2 || !readable(s->fd, 0)) {
		wslay_event_set_error(c, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	n = read(s->fd, to, len);
	if (n <= 0) {
		s->over = true;
		wslay_event_set_error(c, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	return n;
}

static void
on_message(wslay_event_context_ptr c,
    const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct sock *s = arg;
	struct message *to = &s->got[s->tail % COUNT(s->got)];

	(void)c;
	if (wslay_is_ctrl_frame(m->opcode))
		return;
	to->text = m->opcode == WSLAY_TEXT_FRAME;
	buf_init(&to->data, MESSAGE_MAX);
	(void)buf_put(&to->data, m->msg, m->msg_length);
	s->tail++;
}

struct sock *
sock_open(int fd, const char *extra, size_t len)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = want,
		.on_msg_recv_callback = on_message,
	};
	struct sock *s = calloc(1, sizeof(*s));

	s->fd = fd;
	(void)pthread_mutex_init(&s->lock, NULL);
	buf_init(&s->early, MESSAGE_MAX);
	(void)buf_put(&s->early, extra, len);
	(void)wslay_event_context_server_init(&s->c, &callbacks, s);
	return s;
}

void
sock_close(struct sock *s)
{
	for (; s->head != s->tail; s->head++)
		buf_fini(&s->got[s->head % COUNT(s->got)].data);
	wslay_event_context_free(s->c);
	buf_fini(&s->early);
	free(s);
}

static void
receive(struct sock *s)
{
	if (wslay_event_recv(s->c) != 0 || wslay_event_get_close_received(s->c))
		s->over = true;
}

bool
sock_next(struct sock *s, struct message *ret)
{
	while (s->head == s->tail && !s->over) {
		if (s->early.len == 0)
			(void)readable(s->fd, -1);
		receive(s);
	}
	if (s->head == s->tail)
		return false;
	*ret = s->got[s->head++ % COUNT(s->got)];
	return true;
}

void
sock_send(struct sock *s, bool text, const void *p, size_t len)
{
	uint8_t head[10] = { text ? 0x81 : 0x82, 127 };

	for (int i = 0; i < 8; i++)
		head[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
	if (len < 126)
		head[1] = (uint8_t)len;
	else if (len < 65536) {
		head[1] = 126;
		head[2] = (uint8_t)(len >> 8);
		head[3] = (uint8_t)len;
	}
	(void)pthread_mutex_lock(&s->lock);
	(void)write_full(s->fd, head, len < 126 ? 2 : len < 65536 ? 4 : 10);
	(void)write_full(s->fd, p, len);
	(void)pthread_mutex_unlock(&s->lock);
}

void
sock_end(struct sock *s)
{
	(void)shutdown(s->fd, SHUT_WR);
}

void
sock_close_frame(struct sock *s)
{
	static const uint8_t normal[] = { 0x88, 2, 0x03, 0xe8 };

	(void)send(s->fd, normal, sizeof(normal), MSG_NOSIGNAL);
}

void
sock_json(struct sock *s, json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT);

	sock_send(s, true, text, strlen(text));
	free(text);
	json_decref(v);
}
