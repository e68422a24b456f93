/* SPDX-License-Identifier: ISC */
/* conn.c - a session's connection, as frames; see conn.h */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "guest/conn.h"
#include "lib/io.h"

#define READ_MAX	(AGENT_DATA_MAX + FRAME_HEADER)	/* bytes at once */
#define FINISH_MS	10000	/* how long a client may take to close */

int
conn_init(struct conn *c, int fd, struct err *e)
{
	c->fd = fd;
	c->eof = 0;
	buf_init(&c->in, AGENT_FRAME_MAX + FRAME_HEADER + READ_MAX);
	buf_init(&c->out, CONN_OUT_MAX);
	if (fd_nonblock(fd, 1) == -1)
		return err_sys(e, "connection");
	return 0;
}

void
conn_fini(struct conn *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
	buf_fini(&c->in);
	buf_fini(&c->out);
}

int
conn_fill(struct conn *c, struct err *e)
{
	uint8_t *to;
	ssize_t n;

	/* A whole frame is waiting to be drained: leave the rest outside. */
	if (c->in.len > AGENT_FRAME_MAX + FRAME_HEADER)
		return 0;
	to = buf_reserve(&c->in, READ_MAX);
	if (to == NULL)
		return err_sys(e, "connection");
	n = read(c->fd, to, READ_MAX);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == -1)
		return err_sys(e, "connection");
	if (n == 0)
		c->eof = 1;
	buf_added(&c->in, (size_t)n);
	return 0;
}

int
conn_flush(struct conn *c, struct err *e)
{
	ssize_t n;

	while (c->out.len != 0) {
		n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return 0;
		if (n == -1)
			return err_sys(e, "connection");
		buf_drain(&c->out, (size_t)n);
	}
	return 0;
}

static int
wait_for(struct conn *c, short events, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int n;

	do
		n = poll(&p, 1, ms);
	while (n == -1 && errno == EINTR);
	return n;
}

int
conn_wait(struct conn *c, struct frame *ret, struct err *e)
{
	int n;

	while ((n = frame_peek(ret, &c->in, e)) == 0) {
		if (c->eof && c->in.len == 0)
			return 0;
		if (c->eof)
			return err_set(e, EPROTO,
			    "the client left in the middle of a frame");
		if (wait_for(c, POLLIN, -1) == -1)
			return err_sys(e, "poll");
		if (conn_fill(c, e) == -1)
			return -1;
	}
	return n;
}

int
conn_wait_flush(struct conn *c, struct err *e)
{
	for (;;) {
		if (conn_flush(c, e) == -1)
			return -1;
		if (c->out.len == 0)
			return 0;
		if (wait_for(c, POLLOUT, -1) == -1)
			return err_sys(e, "poll");
	}
}

int
conn_put_error(struct conn *c, const struct err *why)
{
	ssize_t at = frame_open(&c->out);

	if (at == -1)
		return -1;
	if (record_putf(&c->out, "num", "%d", why->num) == -1 ||
	    record_put(&c->out, "code",
	    why->code == NULL ? "failed" : why->code) == -1 ||
	    record_put(&c->out, "text", why->text) == -1) {
		c->out.len = (size_t)at;
		return -1;
	}
	return frame_close(&c->out, at, AGENT_ERROR);
}

void
conn_finish(struct conn *c)
{
	/* A client that reads slowly is waited for; one that left is not. */
	if (conn_wait_flush(c, NULL) == -1)
		return;
	(void)shutdown(c->fd, SHUT_WR);
	while (!c->eof && wait_for(c, POLLIN, FINISH_MS) == 1) {
		buf_reset(&c->in);
		if (conn_fill(c, NULL) == -1)
			return;
	}
}
