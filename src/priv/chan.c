/* SPDX-License-Identifier: ISC */
/* chan.c - framed messages with descriptors; see chan.h */

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"
#include "priv/chan.h"
#include "priv/request.h"

#define HEADER		12		/* bytes */
#define READ_SIZE	65536		/* bytes asked for at once */

struct frame {
	STAILQ_ENTRY(frame)	 next;
	struct buf		 bytes;		/* drained as they are sent */
	int			 fds[WIRE_FDS_MAX];
	unsigned		 nfds;		/* 0 once they are sent */
};

struct chan {
	int			 fd;
	const struct chan_ops	*ops;
	void			*arg;
	struct event		*in_ev;
	struct event		*out_ev;
	struct buf		 in;
	int			 fds[CHAN_FDS_MAX];	/* for frames to come */
	unsigned		 nfds;
	STAILQ_HEAD(, frame)	 out;
	size_t			 out_bytes;
	bool			 ended;
	bool			 busy;		/* in chan_read() */
	bool			 doomed;	/* destroyed meanwhile */
};

static void
close_all(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] != -1)
			(void)close(fds[i]);
}

static void
frame_destroy(struct frame *f)
{
	close_all(f->fds, f->nfds);
	buf_fini(&f->bytes);
	free(f);
}

OWN_DEFINE(struct frame, frame_destroy);

static void
chan_end(struct chan *c, const struct err *why)
{
	if (c->ended)
		return;
	c->ended = true;
	(void)event_del(c->in_ev);
	(void)event_del(c->out_ev);
	c->ops->closed(c->arg, why);
}

/* --- out ------------------------------------------------------------------ */

/* Send some of a frame, with its descriptors the first time. */
static ssize_t
frame_send(int fd, struct frame *f)
{
	union {
		struct cmsghdr	 align;
		char		 room[CMSG_SPACE(sizeof(f->fds))];
	} control;
	struct iovec iov = { f->bytes.data, f->bytes.len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (f->nfds > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(f->nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(f->nfds * sizeof(int));
		memcpy(CMSG_DATA(c), f->fds, f->nfds * sizeof(int));
	}
	n = sendmsg(fd, &m, MSG_NOSIGNAL);
	if (n > 0) {
		close_all(f->fds, f->nfds);
		f->nfds = 0;
	}
	return n;
}

static void
chan_write(evutil_socket_t fd, short what, void *arg)
{
	struct chan *c = arg;
	struct frame *f;
	struct err e;
	ssize_t n;

	(void)what;
	while ((f = STAILQ_FIRST(&c->out)) != NULL) {
		n = frame_send(fd, f);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n == -1) {
			(void)err_sys(&e, "write to the peer");
			chan_end(c, errno == EPIPE ? NULL : &e);
			return;
		}
		c->out_bytes -= (size_t)n;
		buf_drain(&f->bytes, (size_t)n);
		if (f->bytes.len > 0)
			continue;
		STAILQ_REMOVE_HEAD(&c->out, next);
		frame_destroy(f);
	}
	(void)event_del(c->out_ev);
}

static int
frame_encode(struct frame *f, unsigned type, uint32_t id, void *m,
    struct err *e)
{
	struct wire w, head = { .mode = WIRE_WRITE, .out = &f->bytes };
	struct buf body;
	uint32_t len;
	uint16_t type16 = (uint16_t)type, nfds;
	int r;

	buf_init(&body, PRIV_BODY_MAX);
	r = priv_encode(&w, &body, type, m, e);
	if (r == 0) {
		len = (uint32_t)body.len;
		nfds = (uint16_t)w.nfds;
		wire_u32(&head, &len);
		wire_u16(&head, &type16);
		wire_u16(&head, &nfds);
		wire_u32(&head, &id);
		if (len > 0)
			wire_bytes(&head, body.data, len);
		if (head.bad)
			r = err_set(e, ENOMEM, "no memory for a message");
	}
	buf_fini(&body);
	if (r == -1)
		return -1;
	memcpy(f->fds, w.fds, w.nfds * sizeof(int));
	f->nfds = w.nfds;
	return 0;
}

int
chan_send(struct chan *c, unsigned type, uint32_t id, void *m, struct err *e)
{
	OWN(frame_destroy) struct frame *f = NULL;
	struct err dummy;

	if (e == NULL)
		e = &dummy;
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		priv_close(type, m);
		return err_sys(e, "message");
	}
	buf_init(&f->bytes, HEADER + PRIV_BODY_MAX);
	if (c->ended)
		(void)err_set(e, EPIPE, "the other side is gone");
	else if (c->out_bytes > CHAN_QUEUE_MAX)
		(void)err_set(e, EAGAIN, "the other side does not read");
	else if (frame_encode(f, type, id, m, e) == 0) {
		/* The frame owns them now. */
		priv_init(type, m);
		c->out_bytes += f->bytes.len;
		STAILQ_INSERT_TAIL(&c->out, f, next);
		(void)take(&f);
		(void)event_add(c->out_ev, NULL);
		return 0;
	}
	priv_close(type, m);
	return -1;
}

/* --- in ------------------------------------------------------------------- */

/* Keep the descriptors of a read; -1 when there are more than allowed. */
static int
chan_keep_fds(struct chan *c, struct msghdr *m)
{
	struct cmsghdr *h;
	int fds[WIRE_FDS_MAX];
	unsigned n;
	int r = 0;

	for (h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (unsigned)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(h), n * sizeof(int));
		if (n > CHAN_FDS_MAX - c->nfds) {
			close_all(fds, n);
			r = -1;
			continue;
		}
		memcpy(c->fds + c->nfds, fds, n * sizeof(int));
		c->nfds += n;
	}
	return r;
}

/* One read.  1: bytes came, 0: none now, -1: the end (e->num 0: no error). */
static int
chan_fill(struct chan *c, struct err *e)
{
	union {
		struct cmsghdr	 align;
		char		 room[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;

	iov.iov_base = buf_reserve(&c->in, READ_SIZE);
	iov.iov_len = READ_SIZE;
	if (iov.iov_base == NULL)
		return err_set(e, ENOMEM, "no memory for a message");
	n = os_recvmsg(c->fd, &m);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == -1 && errno != ECONNRESET)
		return err_sys(e, "read from the peer");
	if (n <= 0) {
		e->num = 0;
		return -1;
	}
	buf_added(&c->in, (size_t)n);
	if (chan_keep_fds(c, &m) == -1 || (m.msg_flags & MSG_CTRUNC) != 0)
		return err_set(e, EPROTO, "too many descriptors");
	return 1;
}

/*
 * Take one whole frame.  1: it was delivered, 0: it is not there yet, -1: it
 * is wrong.
 */
static int
chan_deliver(struct chan *c, struct err *e)
{
	struct wire head = { .mode = WIRE_READ, .in = c->in.data,
	    .in_len = c->in.len };
	struct chan_msg msg;
	uint16_t type, nfds;
	uint32_t len, id;
	int fds[WIRE_FDS_MAX];

	if (c->in.len < HEADER)
		return 0;
	wire_u32(&head, &len);
	wire_u16(&head, &type);
	wire_u16(&head, &nfds);
	wire_u32(&head, &id);
	if (len > PRIV_BODY_MAX || nfds > WIRE_FDS_MAX)
		return err_set(e, EPROTO, "frame of %u bytes, %u descriptors",
		    (unsigned)len, (unsigned)nfds);
	if (c->in.len < HEADER + len)
		return 0;
	if (nfds > c->nfds)
		return err_set(e, EPROTO, "descriptors are missing");
	memcpy(fds, c->fds, nfds * sizeof(int));
	c->nfds -= nfds;
	memmove(c->fds, c->fds + nfds, c->nfds * sizeof(int));
	msg = (struct chan_msg){ .type = type, .id = id, .len = len,
	    .body = c->in.data + HEADER, .fds = fds, .nfds = nfds };
	c->ops->message(c->arg, &msg);
	close_all(fds, nfds);
	buf_drain(&c->in, HEADER + len);
	return 1;
}

static void
chan_read(evutil_socket_t fd, short what, void *arg)
{
	struct chan *c = arg;
	struct err e;
	int r;

	(void)fd;
	(void)what;
	c->busy = true;
	r = chan_fill(c, &e);
	while (r == 1 && !c->ended && !c->doomed)
		r = chan_deliver(c, &e);
	if (r == -1 && !c->doomed)
		chan_end(c, e.num == 0 ? NULL : &e);
	c->busy = false;
	if (c->doomed)
		chan_destroy(c);
}

/* --- life ----------------------------------------------------------------- */

int
chan_new(struct chan **ret, struct event_base *base, int fd,
    const struct chan_ops *ops, void *arg, struct err *e)
{
	struct chan *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		(void)close(fd);
		return err_sys(e, "channel");
	}
	c->fd = fd;
	c->ops = ops;
	c->arg = arg;
	STAILQ_INIT(&c->out);
	buf_init(&c->in, HEADER + PRIV_BODY_MAX + READ_SIZE);
	c->in_ev = event_new(base, fd, EV_READ | EV_PERSIST, chan_read, c);
	c->out_ev = event_new(base, fd, EV_WRITE | EV_PERSIST, chan_write, c);
	if (c->in_ev == NULL || c->out_ev == NULL ||
	    fd_nonblock(fd, 1) == -1 || fd_cloexec(fd, 1) == -1 ||
	    event_add(c->in_ev, NULL) == -1) {
		chan_destroy(c);
		return err_set(e, ENOMEM, "no memory for a channel");
	}
	*ret = c;
	return 0;
}

void
chan_destroy(struct chan *c)
{
	struct frame *f;

	if (c == NULL)
		return;
	if (c->busy) {
		c->doomed = true;
		return;
	}
	while ((f = STAILQ_FIRST(&c->out)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->out, next);
		frame_destroy(f);
	}
	if (c->in_ev != NULL)
		event_free(c->in_ev);
	if (c->out_ev != NULL)
		event_free(c->out_ev);
	close_all(c->fds, c->nfds);
	buf_fini(&c->in);
	(void)close(c->fd);
	free(c);
}
