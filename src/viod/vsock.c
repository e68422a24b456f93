/* SPDX-License-Identifier: ISC */
/*
 * vsock.c - the socket device (virtio 1.2, section 5.10)
 *
 * Moves packets between the queues and vsock_mux.c, which knows what they
 * mean.  Nothing is held between two calls: a packet of the guest is done
 * with when the call returns, and one for the guest is made when there is a
 * buffer for it.
 *
 * Process: viod vsock.  Sandbox: its descriptors.
 * Needs: accept, connect to unix sockets in its directory.
 */

#include <sys/resource.h>

#include <stdlib.h>

#include "lib/own.h"
#include "lib/util.h"
#include "viod/vsock.h"

enum { RX, TX, EVENT, NQUEUES };	/* RX: to the guest */

#define PACKETS_MAX	256	/* in one go; then other events get a turn */

/* Descriptors beside those of connections: queues, the loop's, ours. */
#define FDS_OTHER	64

struct vsock {
	struct viod			 viod;	/* first: see class */
	struct vsock_mux		*mux;
	struct virtio_vsock_config	 config;
	bool				 tx_stalled;	/* resets owed first */
	struct event_timer		 again;		/* rx_run() once more */
	/* Buffers being filled; nothing between two calls. */
	struct virtq_chain		 chains[VSOCK_BATCH_MAX];
	struct vsock_buffer		 buffers[VSOCK_BATCH_MAX];
};

/*
 * Take up to 'n' buffers of the guest.  Only a guest we wait for need tell
 * us of new ones.
 */
static unsigned
take_buffers(struct vsock *d, unsigned n)
{
	struct viod *v = &d->viod;
	unsigned i = 0;

	while (i < n && (viod_pop(v, RX, &d->chains[i]) ||
	    (i == 0 && viod_notify_on(v, RX) &&
	    viod_pop(v, RX, &d->chains[i])))) {
		d->buffers[i].iov = d->chains[i].iov + d->chains[i].nout;
		d->buffers[i].n = d->chains[i].nin;
		i++;
	}
	return i;
}

/* Fill buffers of the guest; false: it has none, or there is nothing. */
static bool
rx_some(struct vsock *d)
{
	struct viod *v = &d->viod;
	unsigned n, done;

	n = take_buffers(d, vsock_mux_wants(d->mux));
	if (n == 0)
		return false;
	done = vsock_mux_output(d->mux, d->buffers, n);
	for (unsigned i = 0; i < done; i++)
		viod_push(v, RX, d->chains[i].head,
		    (uint32_t)d->buffers[i].used);
	if (done < n && d->chains[done].in_len <
	    sizeof(struct virtio_vsock_hdr)) {
		viod_broken(v, RX, "buffer is smaller than a header");
		return false;
	}
	while (n > done)
		virtq_unpop(&v->queues[RX].vq, d->chains[--n].head);
	return done > 0;
}

/* Put packets into the guest's buffers while there are both. */
static void
rx_run(struct vsock *d)
{
	struct viod *v = &d->viod;
	unsigned left = PACKETS_MAX;

	viod_notify_off(v, RX);
	while (left > 0 && rx_some(d))
		left--;
	viod_flush(v, RX);
	if (left == 0)
		event_timer_soon(&d->again);
	if (d->tx_stalled && vsock_mux_may_input(d->mux)) {
		d->tx_stalled = false;
		viod_again(v, TX);
	}
}

/* The pieces of a packet behind its header; returns the first. */
static struct iovec *
skip_header(struct virtq_chain *c)
{
	struct iovec *iov = c->iov;
	size_t left = sizeof(struct virtio_vsock_hdr);

	for (; c->nout > 0 && iov->iov_len <= left; iov++, c->nout--)
		left -= iov->iov_len;
	if (c->nout > 0) {
		iov->iov_base = (char *)iov->iov_base + left;
		iov->iov_len -= left;
	}
	return iov;
}

/* Take the guest's packets. */
static void
tx_run(struct vsock *d)
{
	struct viod *v = &d->viod;
	struct virtio_vsock_hdr hdr;
	struct virtq_chain c;
	struct iovec *iov;
	unsigned left;

	viod_notify_off(v, TX);
	for (left = PACKETS_MAX; left > 0; left--) {
		if (!vsock_mux_may_input(d->mux))
			break;
		if (!viod_pop(v, TX, &c) && (!viod_notify_on(v, TX) ||
		    !viod_pop(v, TX, &c)))
			break;
		if (virtq_copy_out(&c, 0, &hdr, sizeof(hdr)) < sizeof(hdr)) {
			viod_broken(v, TX, "packet is shorter than a header");
			break;
		}
		iov = skip_header(&c);
		vsock_mux_input(d->mux, &hdr, iov, c.nout);
		viod_push(v, TX, c.head, 0);
	}
	viod_flush(v, TX);
	d->tx_stalled = !vsock_mux_may_input(d->mux);
	if (left == 0 && !d->tx_stalled)
		viod_again(v, TX);
}

/* From the event loop: connections have something to say. */
static void
wake(void *arg)
{
	rx_run(arg);
}

static void
again_cb(void *arg)
{
	rx_run(arg);
}

static void
vsock_notify(struct viod *v, unsigned queue)
{
	struct vsock *d = (struct vsock *)v;

	if (queue == RX)
		rx_run(d);
	else if (queue == TX)
		tx_run(d);
	/* EVENT: buffers for what a move to another host would report. */
}

/*
 * A queue starts.  A machine that was paused goes on where it was, and its
 * connections with it; a driver that begins knows of none.
 */
static void
vsock_start(struct viod *v, unsigned queue)
{
	struct vsock *d = (struct vsock *)v;

	(void)queue;
	if (!viod_running(v, RX) || !viod_running(v, TX))
		return;
	if (v->queues[RX].vq.avail_idx == 0 && v->queues[TX].vq.avail_idx == 0)
		vsock_mux_reset(d->mux);
	vsock_mux_ready(d->mux, true);
}

static void
vsock_stop(struct viod *v, unsigned queue)
{
	struct vsock *d = (struct vsock *)v;

	if (queue == RX || queue == TX)
		vsock_mux_ready(d->mux, false);
}

static void
vsock_reset(struct viod *v)
{
	struct vsock *d = (struct vsock *)v;

	/*
	 * Some front-ends reset the device to pause it: that is decided when
	 * the queues start again.  One that hung up has taken the queues.
	 */
	d->tx_stalled = false;
	if (v->queues[RX].len == 0)
		vsock_mux_reset(d->mux);
}

static const void *
vsock_config(struct viod *v, size_t *len)
{
	struct vsock *d = (struct vsock *)v;

	*len = sizeof(d->config);
	return &d->config;
}

static const struct viod_class vsock_class = {
	.name	= "vsock",
	.id	= VIRTIO_ID_VSOCK,
	.config	= vsock_config,
	.start	= vsock_start,
	.stop	= vsock_stop,
	.notify	= vsock_notify,
	.reset	= vsock_reset,
};

/* Room for every connection there may be, if the system lets us. */
static void
raise_fd_limit(void)
{
	struct rlimit rl;
	rlim_t want = VSOCK_CONNS_MAX + VSOCK_HANDSHAKES_MAX + FDS_OTHER;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= want)
		return;
	rl.rlim_cur = MIN(want, rl.rlim_max);
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

int
vsock_new(struct viod **ret, struct event_loop *loop,
    const struct vsock_options *o, struct err *e)
{
	struct vsock *d = calloc(1, sizeof(*d));
	struct vsock_mux_config config = {
		.cid = o->cid, .listen_fd = o->listen_fd, .dirfd = o->dirfd,
		.loop = loop, .wake = wake, .arg = d,
	};

	if (d == NULL)
		return err_sys(e, "vsock");
	raise_fd_limit();
	d->config.guest_cid = o->cid;
	event_timer_init(&d->again, loop, again_cb, d);
	if (viod_init(&d->viod, &vsock_class, loop, NQUEUES,
	    VIRTIO_BIT(VIRTIO_VSOCK_F_STREAM), e) == -1 ||
	    vsock_mux_new(&d->mux, &config, e) == -1) {
		vsock_destroy(&d->viod);
		return -1;
	}
	*ret = &d->viod;
	return 0;
}

void
vsock_destroy(struct viod *v)
{
	struct vsock *d = (struct vsock *)v;

	if (v == NULL)
		return;
	viod_fini(v);
	vsock_mux_destroy(d->mux);
	event_timer_clear(&d->again);
	free(d);
}
