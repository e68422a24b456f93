/* SPDX-License-Identifier: ISC */
/*
 * net_frames.c - the user network behind a socket of frames; see
 * net_frames.h
 *
 * Process: viod net.  Needs: its socket, which is there.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "viod/limit.h"
#include "viod/net.h"
#include "viod/net_frames.h"
#include "viod/net_offload.h"
#include "viod/net_rx.h"

#define FRAMES_MAX	64	/* of the guest in one go */
/* What the guest may be behind, and we; a kernel's choice may be two frames. */
#define SEND_BYTES	(256 << 10)
#define RECEIVE_BYTES	(4 * SEND_BYTES)
#define RETRY_US	1000	/* a kernel without room says no when it has */

struct net_frames {
	struct net_frames_config config;
	struct event_watch	 watch;
	bool			 gone;		/* nobody is at the other end */
	struct limit		 down, up;
	struct event_timer	 down_timer;	/* rate or kernel allows more */
	struct event_timer	 up_timer;
	struct net_rx		 waiting;	/* for the guest */
	bool			 full;		/* no room: EVENT_WRITE tells */
	struct net_stats	 stats;
	struct log_limit	 complaints;
	uint8_t			 in[NET_FRAME_MAX];
};

static void
watch(struct net_frames *n)
{
	unsigned what = n->up_timer.on == NULL ? EVENT_READ : 0;

	if (n->full)
		what |= EVENT_WRITE;
	if (event_watch_set(&n->watch, n->gone ? 0 : what) == -1)
		log_limited(&n->complaints, "frames: %s", strerror(errno));
}

/* --- to the guest -------------------------------------------------------- */

/* False: it has to wait. */
static bool
send_frame(struct net_frames *n, const void *frame, size_t len)
{
	uint64_t wait = limit_wait(&n->down, os_now_us());
	ssize_t r;

	if (wait != 0) {
		event_timer_set(&n->down_timer, wait);
		return false;
	}
	r = send(n->config.fd, frame, len, 0);
	if (r == -1 && errno == EAGAIN) {
		n->full = true;
		return false;
	}
	/* macOS: and no event tells when there is. */
	if (r == -1 && errno == ENOBUFS) {
		event_timer_set(&n->down_timer, RETRY_US);
		return false;
	}
	if (r == -1) {
		n->stats.down_dropped++;
		return true;
	}
	limit_take(&n->down, len);
	n->stats.down_frames++;
	n->stats.down_bytes += len;
	return true;
}

/* What waits, as far as it goes. */
static void
send_waiting(struct net_frames *n)
{
	struct net_frame *f;

	n->full = false;
	while ((f = STAILQ_FIRST(&n->waiting.frames)) != NULL &&
	    send_frame(n, f->bytes, f->len))
		net_rx_drop(&n->waiting);
}

static void
down_cb(void *arg)
{
	struct net_frames *n = arg;

	send_waiting(n);
	watch(n);
}

/* A frame that is no larger than the guest takes. */
static void
deliver(void *arg, const void *frame, size_t len)
{
	const struct net_rx_frame f = { frame, len, NULL };
	struct net_frames *n = arg;

	if (n->waiting.count == 0 && send_frame(n, frame, len))
		return;
	if (net_rx_keep(&n->waiting, &f) == -1)
		n->stats.down_dropped++;
	watch(n);
}

void
net_frames_deliver(struct net_frames *n, const void *frame, size_t len)
{
	if (len <= (size_t)NET_ETHER_BYTES + n->config.mtu)
		deliver(n, frame, len);
	else if (!net_fragment(frame, len, n->config.mtu, deliver, n))
		n->stats.down_dropped++;
}

/* --- from the guest ------------------------------------------------------ */

/* One frame; false: there is none now. */
static bool
take_frame(struct net_frames *n)
{
	uint64_t wait = limit_wait(&n->up, os_now_us());
	ssize_t r;

	if (wait != 0) {
		event_timer_set(&n->up_timer, wait);
		return false;
	}
	r = recv(n->config.fd, n->in, sizeof(n->in), 0);
	if (r == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (r <= 0) {
		/* The lifeline ends us; it would be ready again at once. */
		log_debug("frames: %s", r == 0 ? "end" : strerror(errno));
		n->gone = true;
		return false;
	}
	limit_take(&n->up, (size_t)r);
	n->stats.up_frames++;
	n->stats.up_bytes += (uint64_t)r;
	n->config.input(n->config.arg, n->in, (size_t)r);
	return true;
}

static void
up_cb(void *arg)
{
	struct net_frames *n = arg;

	for (unsigned i = 0; i < FRAMES_MAX; i++)
		if (!take_frame(n))
			break;
	watch(n);
}

static void
ready(void *arg, unsigned what)
{
	struct net_frames *n = arg;

	if (what & EVENT_WRITE)
		send_waiting(n);
	if (what & EVENT_READ)
		up_cb(n);
	else
		watch(n);
}

/* --- life ---------------------------------------------------------------- */

int
net_frames_new(struct net_frames **ret, const struct net_frames_config *c,
    struct err *e)
{
	OWN(net_frames_destroy) struct net_frames *n = calloc(1, sizeof(*n));
	int type = 0, to = SEND_BYTES, from = RECEIVE_BYTES;
	socklen_t len = sizeof(type);

	if (n == NULL)
		return err_sys(e, "frames");
	n->config = *c;
	net_rx_init(&n->waiting);
	limit_init(&n->down, c->down, os_now_us());
	limit_init(&n->up, c->up, os_now_us());
	event_watch_init(&n->watch, c->loop, c->fd, ready, n);
	event_timer_init(&n->down_timer, c->loop, down_cb, n);
	event_timer_init(&n->up_timer, c->loop, up_cb, n);
	if (getsockopt(c->fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    fd_nonblock(c->fd, 1) == -1)
		return err_sys(e, "frames: descriptor %d", c->fd);
	if (type != SOCK_DGRAM)
		return err_set(e, EINVAL, "frames: descriptor %d is no socket "
		    "of datagrams", c->fd);
	/* As much of it as the kernel allows. */
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &to, sizeof(to));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &from, sizeof(from));
	*ret = take(&n);
	return 0;
}

int
net_frames_attach(struct net_frames *n, void *arg, struct err *e)
{
	n->config.arg = arg;
	if (event_watch_set(&n->watch, EVENT_READ) == -1)
		return err_sys(e, "frames: descriptor %d", n->config.fd);
	return 0;
}

void
net_frames_destroy(struct net_frames *n)
{
	if (n == NULL)
		return;
	event_watch_fini(&n->watch);
	event_timer_clear(&n->down_timer);
	event_timer_clear(&n->up_timer);
	net_rx_clear(&n->waiting);
	free(n);
}

void
net_frames_counters(const struct net_frames *n, char *text, size_t size)
{
	net_stats_print(&n->stats, text, size);
}
