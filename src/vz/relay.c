/* SPDX-License-Identifier: ISC */
/* relay.c - two stream sockets become one connection; see relay.h */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/util.h"
#include "vz/relay.h"

#define ROUNDS_MAX	8	/* reads of one side; then others get theirs */

static struct relay_side *
other(struct relay_side *s)
{
	return &s->relay->sides[s == &s->relay->sides[0] ? 1 : 0];
}

/* Nothing of this side's reaches the other any more. */
static void
give_up(struct relay_side *s)
{
	buf_reset(&s->buf);
	s->eof = s->done = true;
}

/*
 * Has the peer closed for good, rather than shut down one direction?  Then
 * writing fails, even of nothing.
 */
static bool
is_gone(const struct relay_side *s)
{
	return send(s->fd, "", 0, 0) == -1 && errno == EPIPE;
}

/* Write what was read of s to the other.  False: the other is full. */
static bool
flush(struct relay_side *s)
{
	struct relay_side *to = other(s);
	ssize_t n;

	while (s->buf.len > 0) {
		n = write(to->fd, s->buf.data, s->buf.len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return false;
		if (n == -1) {
			give_up(s);
			return true;
		}
		buf_drain(&s->buf, (size_t)n);
	}
	if (s->eof && !s->done) {
		(void)shutdown(to->fd, SHUT_WR);
		s->done = true;
	}
	return true;
}

/* Read once of s, into its empty buffer.  False: there is nothing now. */
static bool
fill(struct relay_side *s)
{
	uint8_t *to = buf_reserve(&s->buf, RELAY_BUFFER);
	ssize_t n = to == NULL ? 0 : read(s->fd, to, RELAY_BUFFER);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0)
		buf_added(&s->buf, (size_t)n);
	else
		s->eof = true;
	return true;
}

/* Carry what there is from s to the other. */
static void
carry(struct relay_side *s)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++)
		if (!flush(s) || s->done || !fill(s))
			return;
	(void)flush(s);
}

/*
 * Watch for what can go on; memory is only for what waits.  After the end of
 * what a side says only its peer's going is news, told once: edge-triggered,
 * which a write to the end of its room can be as well.
 */
static int
watch(struct relay_side *s)
{
	unsigned what = other(s)->buf.len > 0 ? EVENT_WRITE : 0;

	if (!s->eof && s->buf.len == 0)
		what |= EVENT_READ;
	else if (s->eof && !other(s)->done)
		what |= EVENT_HUP | EVENT_EDGE;
	if (s->buf.len == 0)
		buf_fini(&s->buf);
	return event_watch_set(&s->watch, what);
}

static void
ready(void *arg, unsigned what)
{
	struct relay_side *s = arg;
	struct relay *r = s->relay;

	if (what & EVENT_WRITE)
		(void)flush(other(s));
	if (what & (EVENT_READ | EVENT_HUP))
		carry(s);
	/* Its own end may have come with the end of its peer. */
	if (s->eof && !other(s)->done && is_gone(s))
		give_up(other(s));
	if ((s->done && other(s)->done) || watch(s) == -1 ||
	    watch(other(s)) == -1)
		r->ended(r->arg);
}

int
relay_init(struct relay *r, struct event_loop *loop, int a, int b,
    struct err *e)
{
	struct relay_side *s = r->sides;

	memset(s, 0, sizeof(r->sides));
	s[0].fd = a;
	s[1].fd = b;
	for (size_t i = 0; i < COUNT(r->sides); i++) {
		s[i].relay = r;
		buf_init(&s[i].buf, RELAY_BUFFER);
		event_watch_init(&s[i].watch, loop, s[i].fd, ready, &s[i]);
	}
	for (size_t i = 0; i < COUNT(r->sides); i++) {
		if (fd_nonblock(s[i].fd, 1) == -1 || watch(&s[i]) == -1) {
			(void)err_sys(e, "relay");
			relay_fini(r);
			return -1;
		}
	}
	return 0;
}

void
relay_fini(struct relay *r)
{
	for (size_t i = 0; i < COUNT(r->sides); i++) {
		event_watch_fini(&r->sides[i].watch);
		buf_fini(&r->sides[i].buf);
		(void)close(r->sides[i].fd);
	}
}
