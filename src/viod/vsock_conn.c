/* SPDX-License-Identifier: ISC */
/*
 * vsock_conn.c - one stream between the guest and a unix socket
 *
 * States are in vsock_conn.h.  An open connection closes each direction on
 * its own:
 *
 *	to the guest	eof: the host's program has shut down or closed, or
 *			the guest said SHUTDOWN(RCV).  The guest learns it by
 *			SHUTDOWN(SEND) behind the last byte.
 *	to the host	done: the guest said SHUTDOWN(SEND) and all it sent
 *			is written, or the host's program is gone.  The guest
 *			learns the latter by SHUTDOWN(RCV).
 *
 * When both are closed the socket is closed, and the guest is asked to
 * forget the connection too.
 *
 * Credit (virtio 1.2, 5.10.6.3): never more than the guest's buffer holds
 * is in flight, and a guest that sends more than ours is reset.
 */

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"
#include "viod/vsock_conn.h"

/* Tell the guest what was consumed when it may think the buffer half full. */
#define CREDIT_STEP	(VSOCK_BUF_ALLOC / 2)

/* A read of this much makes it worth taking many buffers for the next. */
#define BULK_BYTES	2048

static void conn_cb(void *, unsigned);
static void conn_late(void *);

struct conn *
vsock_conn_new(struct vsock_mux *m, int fd, uint32_t guest_port,
    uint32_t host_port, unsigned owed)
{
	struct conn *c;

	if (m->stats.conns >= VSOCK_CONNS_MAX)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	/* Edge: a program that half-closed early must not fire for ever. */
	event_watch_init(&c->watch, m->config.loop, fd, conn_cb, c);
	event_timer_init(&c->timer, m->config.loop, conn_late, c);
	if (event_watch_set(&c->watch, EVENT_HUP | EVENT_EDGE) == -1) {
		free(c);
		return NULL;
	}
	c->mux = m;
	c->fd = fd;
	c->guest_port = guest_port;
	c->host_port = host_port;
	c->owed = owed;
	c->state = owed & OWE_REQUEST ? CONN_ASKED : CONN_OPEN;
	buf_init(&c->buf, VSOCK_BUF_ALLOC);
	if (c->state == CONN_ASKED)
		event_timer_set(&c->timer, VSOCK_ANSWER_MS * 1000ULL);
	vsock_mux_insert(m, c);
	m->stats.conns++;
	vsock_mux_want(m, c);
	return c;
}

static void
conn_close_fd(struct conn *c)
{
	event_watch_fini(&c->watch);
	event_timer_clear(&c->timer);
	if (c->fd == -1)
		return;
	(void)close(c->fd);
	c->fd = -1;
	vsock_host_resume(c->mux->host);
}

/* The host's program still waits for its OK: tell it why it gets none. */
static void
conn_refuse(struct conn *c, const char *why)
{
	c->mux->stats.refused++;
	event_watch_fini(&c->watch);
	event_timer_clear(&c->timer);
	vsock_host_refuse(take_fd(&c->fd), why);
	vsock_host_resume(c->mux->host);
}

static void
conn_unready(struct conn *c)
{
	if (c->is_ready)
		TAILQ_REMOVE(&c->mux->ready, c, ready);
	c->is_ready = false;
}

static void
conn_drop_buf(struct conn *c)
{
	c->mux->buffered -= c->buf.len;
	c->fwd += (uint32_t)c->buf.len;
	buf_fini(&c->buf);
}

void
vsock_conn_free(struct conn *c)
{
	conn_unready(c);
	conn_drop_buf(c);
	if (c->state != CONN_FLUSHING)
		LIST_REMOVE(c, hash);
	LIST_REMOVE(c, all);
	c->mux->stats.conns--;
	conn_close_fd(c);
	free(c);
}

/* Watch for what the state allows to happen. */
static void
conn_watch(struct conn *c)
{
	unsigned want = 0;

	assert(c->fd != -1 && c->state != CONN_ASKED);
	if (!c->eof && !c->parked && c->state == CONN_OPEN)
		want |= EVENT_READ;
	if (c->buf.len != 0)
		want |= EVENT_WRITE;
	if (want == 0)
		want = EVENT_HUP | EVENT_EDGE;
	(void)event_watch_set(&c->watch, want);
}

/* Nothing but a reset is left to be said. */
static void
conn_reset(struct conn *c)
{
	conn_drop_buf(c);
	conn_close_fd(c);
	c->state = CONN_RESET;
	c->owed = OWE_RST;
	vsock_mux_want(c->mux, c);
}

void
vsock_conn_bad(struct conn *c)
{
	c->mux->stats.bad_packets++;
	if (c->state == CONN_ASKED)
		conn_refuse(c, "broken answer of the guest");
	conn_reset(c);
}

/*
 * A direction was closed.  When it was the second: close the socket, and
 * end with the guest.  Else watch what is left.
 */
static void
conn_closed_one(struct conn *c)
{
	if (!c->eof || !c->done) {
		conn_watch(c);
		return;
	}
	if (c->shut_guest == SHUT_BOTH) {
		conn_reset(c);
		return;
	}
	conn_close_fd(c);
	c->state = CONN_CLOSING;
	c->owed = 0;
	c->shut_owed = SHUT_BOTH;
	event_timer_set(&c->timer, VSOCK_CLOSE_MS * 1000ULL);
	vsock_mux_want(c->mux, c);
}

/* The peer of the socket closed it wholly, not only its sending side. */
static bool
conn_hung_up(const struct conn *c)
{
	struct pollfd pfd = { .fd = c->fd };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR));
}

/* The host's program will not read: tell the guest, drop what it sent. */
static void
conn_host_gone(struct conn *c)
{
	c->done = true;
	conn_drop_buf(c);
	c->shut_owed |= VIRTIO_VSOCK_SHUTDOWN_RCV;
	vsock_mux_want(c->mux, c);
}

/* No more bytes for the guest will come from the socket. */
static void
conn_host_eof(struct conn *c)
{
	c->eof = true;
	c->readable = c->parked = false;
	c->shut_owed |= VIRTIO_VSOCK_SHUTDOWN_SEND;
	if (!c->done && conn_hung_up(c))
		conn_host_gone(c);
	conn_closed_one(c);
}

/* --- from the guest to the socket ----------------------------------------- */

/* Bytes were consumed; the guest should know before it runs out of credit. */
static void
conn_consumed(struct conn *c, size_t bytes)
{
	c->fwd += (uint32_t)bytes;
	if (c->fwd - c->fwd_told < CREDIT_STEP)
		return;
	c->owed |= OWE_CREDIT;
	vsock_mux_want(c->mux, c);
}

/* Write pieces; returns the bytes taken, or -1 when the reader is gone. */
static ssize_t
conn_write(struct conn *c, struct iovec *iov, unsigned n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t done;

	do
		done = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (done == -1 && errno == EINTR);
	if (done == -1 && (errno == EAGAIN || errno == ENOBUFS))
		return 0;
	if (done > 0)
		c->mux->stats.to_host += (uint64_t)done;
	return done;
}

/* The socket takes bytes again. */
static void
conn_flush(struct conn *c)
{
	struct iovec iov = { c->buf.data, c->buf.len };
	ssize_t n = conn_write(c, &iov, 1);

	if (c->state == CONN_FLUSHING) {
		if (n == -1 || (size_t)n == c->buf.len) {
			vsock_conn_free(c);
			return;
		}
	} else if (n == -1) {
		conn_host_gone(c);
		conn_closed_one(c);
		return;
	}
	buf_drain(&c->buf, (size_t)n);
	c->mux->buffered -= (size_t)n;
	if (c->state == CONN_FLUSHING)
		return;
	conn_consumed(c, (size_t)n);
	if (c->buf.len != 0)
		return;
	buf_fini(&c->buf);	/* idle connections hold no memory */
	if (c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_SEND) {
		c->done = true;
		(void)shutdown(c->fd, SHUT_WR);
	}
	conn_closed_one(c);
}

/* Keep what the socket did not take: 'len' bytes behind 'skip'. */
static int
conn_keep(struct conn *c, const struct iovec *iov, size_t skip, size_t len)
{
	if (c->mux->buffered + len > VSOCK_BUFFERED_MAX)
		return -1;
	for (; len > 0; iov++) {
		size_t n = iov->iov_len;

		if (n <= skip) {
			skip -= n;
			continue;
		}
		n = MIN(n - skip, len);
		if (buf_put(&c->buf, (char *)iov->iov_base + skip, n) == -1)
			return -1;
		c->mux->buffered += n;
		len -= n;
		skip = 0;
	}
	return 0;
}

/* Only the first 'len' bytes of the pieces; returns how many those are. */
static unsigned
iov_cut(struct iovec *iov, unsigned n, size_t len)
{
	unsigned k;

	for (k = 0; k < n && len > 0; k++) {
		iov[k].iov_len = MIN(iov[k].iov_len, len);
		len -= iov[k].iov_len;
	}
	return k;
}

static void
input_rw(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	ssize_t done = 0;

	if (c->state != CONN_OPEN ||
	    (c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_SEND) ||
	    hdr->len > VSOCK_BUF_ALLOC - (c->received - c->fwd)) {
		vsock_conn_bad(c);
		return;
	}
	c->received += hdr->len;
	if (c->done) {
		conn_consumed(c, hdr->len);
		return;
	}
	n = iov_cut(iov, n, hdr->len);
	if (c->buf.len == 0 && hdr->len != 0)
		done = conn_write(c, iov, n);
	if (done == -1) {
		conn_host_gone(c);
		conn_consumed(c, hdr->len);
		conn_closed_one(c);
		return;
	}
	if (conn_keep(c, iov, (size_t)done, hdr->len - (size_t)done) == -1) {
		conn_reset(c);
		return;
	}
	conn_consumed(c, (size_t)done);
	conn_watch(c);
}

static void
input_response(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	char line[32];
	struct iovec ok = { line, 0 };

	(void)hdr;
	(void)iov;
	(void)n;
	if (c->state != CONN_ASKED || (c->owed & OWE_REQUEST)) {
		vsock_conn_bad(c);
		return;
	}
	ok.iov_len = (size_t)snprintf(line, sizeof(line), "OK %u\n",
	    c->host_port);
	/* The first bytes on this socket: they fit, or its peer is gone. */
	if (conn_write(c, &ok, 1) != (ssize_t)ok.iov_len) {
		conn_reset(c);
		return;
	}
	c->mux->stats.to_host -= ok.iov_len;
	c->mux->stats.opened++;
	c->state = CONN_OPEN;
	event_timer_clear(&c->timer);
	conn_watch(c);
}

static void
input_shutdown(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	(void)iov;
	(void)n;
	if (c->state == CONN_ASKED) {
		vsock_conn_bad(c);
		return;
	}
	c->shut_guest |= hdr->flags & SHUT_BOTH;
	if (c->state == CONN_CLOSING) {
		if (c->shut_guest == SHUT_BOTH)
			conn_reset(c);
		return;
	}
	if ((c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_RCV) && !c->eof) {
		c->eof = true;
		c->readable = c->parked = false;
		(void)shutdown(c->fd, SHUT_RD);
	}
	if ((c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_SEND) && !c->done &&
	    c->buf.len == 0) {
		c->done = true;
		(void)shutdown(c->fd, SHUT_WR);
	}
	conn_closed_one(c);
}

static void
input_rst(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	(void)hdr;
	(void)iov;
	(void)n;
	vsock_conn_forget(c);
}

/* A REQUEST for a connection that exists. */
static void
input_request(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	(void)hdr;
	(void)iov;
	(void)n;
	vsock_conn_bad(c);
}

/* Its header has said everything. */
static void
input_credit_update(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	(void)c;
	(void)hdr;
	(void)iov;
	(void)n;
}

static void
input_credit_request(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	(void)hdr;
	(void)iov;
	(void)n;
	if (c->state != CONN_OPEN)
		return;
	c->owed |= OWE_CREDIT;
	vsock_mux_want(c->mux, c);
}

static void (*const inputs[])(struct conn *, const struct virtio_vsock_hdr *,
    struct iovec *, unsigned) = {
	[VIRTIO_VSOCK_OP_REQUEST]	 = input_request,
	[VIRTIO_VSOCK_OP_RESPONSE]	 = input_response,
	[VIRTIO_VSOCK_OP_RST]		 = input_rst,
	[VIRTIO_VSOCK_OP_SHUTDOWN]	 = input_shutdown,
	[VIRTIO_VSOCK_OP_RW]		 = input_rw,
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE]	 = input_credit_update,
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = input_credit_request,
};

void
vsock_conn_input(struct conn *c, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	if (c->state == CONN_RESET ||
	    (c->state == CONN_CLOSING && hdr->op != VIRTIO_VSOCK_OP_RST &&
	    hdr->op != VIRTIO_VSOCK_OP_SHUTDOWN)) {
		if (hdr->op == VIRTIO_VSOCK_OP_RST)
			vsock_conn_free(c);
		return;
	}
	c->peer_alloc = hdr->buf_alloc;
	c->peer_fwd = hdr->fwd_cnt;
	if (c->readable)
		vsock_mux_want(c->mux, c);
	inputs[hdr->op](c, hdr, iov, n);
}

void
vsock_conn_forget(struct conn *c)
{
	if (c->state == CONN_FLUSHING)
		return;
	if (c->state == CONN_ASKED)
		conn_refuse(c, "refused by the guest");
	if (c->fd == -1 || c->buf.len == 0) {
		vsock_conn_free(c);
		return;
	}
	conn_unready(c);
	LIST_REMOVE(c, hash);
	c->state = CONN_FLUSHING;
	conn_watch(c);
}

/* --- from the socket to the guest ----------------------------------------- */

/* Bytes the guest's buffer has room for, as far as we know. */
static uint32_t
conn_credit(const struct conn *c)
{
	uint32_t in_flight = c->sent - c->peer_fwd;

	return in_flight >= c->peer_alloc ? 0 : c->peer_alloc - in_flight;
}

/* Read straight into the guest's buffer; the bytes put there, or 0. */
static size_t
conn_read(struct conn *c, struct iovec *iov, unsigned n, size_t cap)
{
	struct msghdr msg = { .msg_iov = iov };
	ssize_t len;

	cap = MIN(cap, conn_credit(c));
	msg.msg_iovlen = iov_cut(iov, n, cap);
	do
		len = recvmsg(c->fd, &msg, MSG_DONTWAIT);
	while (len == -1 && errno == EINTR);
	if (len == -1 && errno == EAGAIN)
		c->readable = false;
	else if (len <= 0)
		conn_host_eof(c);
	else if ((size_t)len < cap)
		c->readable = false;
	c->bulk = len >= BULK_BYTES;
	if (!c->readable && c->parked) {
		c->parked = false;
		conn_watch(c);
	}
	if (len <= 0)
		return 0;
	c->sent += (uint32_t)len;
	c->mux->stats.to_guest += (uint64_t)len;
	return (size_t)len;
}

static void
hdr_from(struct conn *c, struct virtio_vsock_hdr *hdr, uint16_t op)
{
	hdr->src_port = c->host_port;
	hdr->dst_port = c->guest_port;
	hdr->op = op;
	hdr->buf_alloc = VSOCK_BUF_ALLOC;
	hdr->fwd_cnt = c->fwd;
	c->fwd_told = c->fwd;
	c->owed &= ~(unsigned)OWE_CREDIT;
}

/* Packets that say how the connection begins; and the end of all. */
static bool
output_begin(struct conn *c, struct virtio_vsock_hdr *hdr)
{
	if (c->owed & OWE_REQUEST) {
		c->owed &= ~(unsigned)OWE_REQUEST;
		hdr_from(c, hdr, VIRTIO_VSOCK_OP_REQUEST);
		return true;
	}
	if (c->owed & OWE_RESPONSE) {
		c->owed &= ~(unsigned)OWE_RESPONSE;
		hdr_from(c, hdr, VIRTIO_VSOCK_OP_RESPONSE);
		conn_watch(c);
		return true;
	}
	return false;
}

static bool
output_data(struct conn *c, struct virtio_vsock_hdr *hdr, struct iovec *iov,
    unsigned n, size_t cap)
{
	size_t len;

	if (!c->readable)
		return false;
	if (cap == 0) {
		/* No room in this buffer: spend it, the bytes keep waiting. */
		c->owed |= OWE_CREDIT;
		return false;
	}
	if (conn_credit(c) == 0) {
		c->owed |= c->asked ? 0 : OWE_ASK;
		c->asked = true;
		return false;
	}
	c->asked = false;
	len = conn_read(c, iov, n, cap);
	if (len == 0)
		return false;
	hdr_from(c, hdr, VIRTIO_VSOCK_OP_RW);
	hdr->len = (uint32_t)len;
	return true;
}

static bool
output_control(struct conn *c, struct virtio_vsock_hdr *hdr)
{
	if (c->shut_owed & ~c->shut_told) {
		c->shut_told |= c->shut_owed;
		hdr_from(c, hdr, VIRTIO_VSOCK_OP_SHUTDOWN);
		hdr->flags = c->shut_told;
		return true;
	}
	if (c->owed & OWE_ASK) {
		c->owed &= ~(unsigned)OWE_ASK;
		hdr_from(c, hdr, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
		return true;
	}
	if (c->owed & OWE_CREDIT) {
		hdr_from(c, hdr, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		return true;
	}
	return false;
}

int
vsock_conn_output(struct conn *c, struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n, size_t cap)
{
	if (c->owed & OWE_RST) {
		hdr_from(c, hdr, VIRTIO_VSOCK_OP_RST);
		vsock_conn_free(c);
		return -1;
	}
	if (output_begin(c, hdr) || output_data(c, hdr, iov, n, cap) ||
	    output_control(c, hdr))
		return 1;
	if (c->owed & OWE_RST)
		return vsock_conn_output(c, hdr, iov, n, cap);
	conn_unready(c);
	return 0;
}

/* --- events of the socket ------------------------------------------------- */

/* Nobody waits for the guest's answer any more. */
static void
conn_give_up(struct conn *c)
{
	if (c->owed & OWE_REQUEST)
		vsock_conn_free(c);
	else
		conn_reset(c);
}

/* An answer of the guest did not come. */
static void
conn_late(void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_ASKED) {
		conn_refuse(c, "no answer of the guest");
		conn_give_up(c);
	} else {
		conn_reset(c);
	}
}

static void
conn_cb(void *arg, unsigned what)
{
	struct conn *c = arg;

	if (c->state == CONN_ASKED) {
		if (conn_hung_up(c))
			conn_give_up(c);
		return;
	}
	if ((what & EVENT_READ) && !c->eof && c->state == CONN_OPEN) {
		/* Still unread since last time: the guest cannot take more. */
		c->parked = c->readable;
		c->readable = true;
		vsock_mux_want(c->mux, c);
		conn_watch(c);
	}
	if ((what & EVENT_HUP) && !c->done && conn_hung_up(c)) {
		conn_host_gone(c);
		conn_closed_one(c);
	} else if ((what & EVENT_WRITE) && c->buf.len != 0)
		conn_flush(c);
}
