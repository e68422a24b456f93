/* SPDX-License-Identifier: ISC */
/*
 * net.c - the network device (virtio 1.2, section 5.1)
 *
 * Frames of the guest are copied once into memory of ours: whoever parses
 * them must not see them change.  Offered and done here: the checksums a
 * guest leaves to us, and segments of up to 64 KiB, which the network
 * behind takes whole; the other way large segments for a guest that takes
 * them.  A network that takes packets, a tap, does all of that itself, by
 * their headers.  Where the guest has no buffer a frame waits in a
 * bounded backlog, then is dropped, as a card would.
 *
 * Queues: receive and transmit by turns, a pair for each of 'pairs'; then
 * the control queue, if there is more than one pair.
 *
 * Process: viod net, viod tap.  Sandbox: see net_user.c, net_tap.c.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/limit.h"
#include "viod/net.h"
#include "viod/net_offload.h"
#include "viod/net_rx.h"

#define FRAMES_MAX	128	/* of a guest in one go */

/* Control queue: section 5.1.6.5. */
enum { CTRL_MQ = 4, CTRL_MQ_PAIRS_SET = 0, CTRL_OK = 0, CTRL_ERR = 1 };

struct net {
	struct viod			 viod;	/* first: see class */
	struct virtio_net_config	 config;
	unsigned			 pairs;
	unsigned			 wanted;	/* by the guest */
	net_input			*input;	/* the network behind, */
	net_packet_input		*packets;	/* or NULL: input */
	void				*arg;
	struct limit			 down;
	struct limit			 up;
	struct event_timer		 down_timer;	/* rate allows more */
	struct event_timer		 up_timer;
	struct event_timer		 flush_timer;	/* end of a round */
	uint32_t			 dirty;	/* receive queues to flush */
	struct net_rx			 rx[NET_PAIRS_MAX];
	struct net_stats		 stats;
	struct net_packet		 out;	/* of the guest */
};

static unsigned
rx_queue(unsigned pair)
{
	return pair * 2;
}

static bool
is_control(const struct net *d, unsigned queue)
{
	return queue == d->pairs * 2;
}

/* --- to the guest --------------------------------------------------------- */

/* Pairs that take part, at least one. */
static unsigned
active_pairs(const struct net *d)
{
	unsigned n = 0;

	while (n < d->pairs && viod_running(&d->viod, rx_queue(n)))
		n++;
	if (d->pairs > 1 && viod_running(&d->viod, d->pairs * 2))
		n = MIN(n, d->wanted);
	return MAX(n, 1);
}

/*
 * The pair for a frame: one flow, one queue, or it would be reordered.
 * Addresses and ports of IPv4 without options, the addresses of IPv6.
 */
static unsigned
steer(const struct net *d, const uint8_t *frame, size_t len)
{
	unsigned n = active_pairs(d);
	uint32_t word, hash = 0;
	size_t from = 26, to = 38;

	if (n == 1 || len < 54)
		return 0;
	if (frame[12] == 0x86) {
		from = 22;
		to = 54;
	}
	for (; from < to; from += sizeof(word)) {
		memcpy(&word, frame + from, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b1u;
	}
	return (hash >> 16) % n;
}

/* Put what waits into the guest's buffers, as the rate allows. */
static void
rx_run(struct net *d, unsigned pair)
{
	struct viod *v = &d->viod;
	struct net_rx *rx = &d->rx[pair];
	struct net_frame *f;
	struct net_rx_frame from;
	enum net_rx_result r;
	uint64_t wait;

	/* Only a guest we wait for need tell us of new buffers. */
	viod_notify_off(v, rx_queue(pair));
	while ((f = STAILQ_FIRST(&rx->frames)) != NULL) {
		wait = limit_wait(&d->down, os_now_us());
		if (wait != 0) {
			event_timer_set(&d->down_timer, wait);
			break;
		}
		from.bytes = f->bytes;
		from.len = f->len;
		from.hdr = f->described ? &f->hdr : NULL;
		r = net_rx_put(v, rx_queue(pair), &from, d->config.mtu);
		if (r == NET_RX_WAIT)
			break;
		if (r == NET_RX_DROPPED)
			d->stats.down_dropped++;
		else {
			limit_take(&d->down, f->len);
			d->stats.down_frames++;
			d->stats.down_bytes += f->len;
		}
		net_rx_drop(rx);
	}
	viod_flush(v, rx_queue(pair));
}

static void
down_cb(void *arg)
{
	struct net *d = arg;

	for (unsigned pair = 0; pair < d->pairs; pair++)
		rx_run(d, pair);
}

static void
flush_cb(void *arg)
{
	struct net *d = arg;

	for (unsigned pair = 0; pair < d->pairs; pair++)
		if (d->dirty & (1U << pair))
			viod_flush(&d->viod, rx_queue(pair));
	d->dirty = 0;
}

static void
deliver_frame(struct net *d, const struct net_rx_frame *f)
{
	struct viod *v = &d->viod;
	unsigned pair = steer(d, f->bytes, f->len);
	struct net_rx *rx = &d->rx[pair];

	/* With nothing before it, and the rate's consent, without a copy. */
	if (rx->count == 0 && limit_wait(&d->down, os_now_us()) == 0) {
		switch (net_rx_put(v, rx_queue(pair), f, d->config.mtu)) {
		case NET_RX_DONE:
			limit_take(&d->down, f->len);
			d->stats.down_frames++;
			d->stats.down_bytes += f->len;
			d->dirty |= 1U << pair;
			event_timer_soon(&d->flush_timer);
			return;
		case NET_RX_DROPPED:
			d->stats.down_dropped++;
			return;
		case NET_RX_WAIT:
			break;
		}
	}
	if (net_rx_keep(rx, f) == -1)
		d->stats.down_dropped++;
	else if (rx->count == 1)
		rx_run(d, pair);	/* for the rate's timer */
}

/* A frame that the guest takes as it is. */
static void
deliver(void *arg, const void *frame, size_t len)
{
	struct net_rx_frame f = { frame, len, NULL };

	deliver_frame(arg, &f);
}

void
net_deliver_packet(struct viod *v, const struct net_packet *p, size_t len)
{
	struct net_rx_frame f = { p->frame, len, &p->hdr };
	struct net *d = (struct net *)v;

	/* A network that others use does not wait for a driver. */
	if (viod_running(v, rx_queue(0)))
		deliver_frame(d, &f);
	else
		d->stats.down_dropped++;
}

void
net_deliver(struct viod *v, const void *frame, size_t len)
{
	struct net *d = (struct net *)v;

	/* The network behind has the MTU of its segments of TCP. */
	if (len <= (size_t)NET_ETHER_BYTES + d->config.mtu ||
	    net_tcp(frame, len) != NET_TCP_NONE ||
	    !net_fragment(frame, len, d->config.mtu, deliver, d))
		deliver(d, frame, len);
}

/* --- from the guest ------------------------------------------------------- */

/* Only what was negotiated may be asked of us. */
static bool
offload_allowed(const struct viod *v, const struct virtio_net_hdr *hdr)
{
	bool csum = (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
	uint8_t gso = hdr->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	if (csum && !viod_has(v, VIRTIO_NET_F_CSUM))
		return false;
	if ((hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN) &&
	    !viod_has(v, VIRTIO_NET_F_HOST_ECN))
		return false;
	switch (gso) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return csum && viod_has(v, VIRTIO_NET_F_HOST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return csum && viod_has(v, VIRTIO_NET_F_HOST_TSO6);
	default:
		return false;
	}
}

/* Does the guest take large segments of the kind this frame is? */
static bool
takes_segments(const struct net *d, const uint8_t *frame, size_t len)
{
	switch (net_tcp(frame, len)) {
	case NET_TCP_V4:
		return viod_has(&d->viod, VIRTIO_NET_F_GUEST_TSO4);
	case NET_TCP_V6:
		return viod_has(&d->viod, VIRTIO_NET_F_GUEST_TSO6);
	default:
		return false;
	}
}

/* Finish what the guest left to us, for a network that takes whole frames. */
static int
complete(struct net *d, size_t len)
{
	const struct virtio_net_hdr *hdr = &d->out.hdr;
	uint8_t *frame = d->out.frame;

	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && net_checksum_fill(
	    frame, len, hdr->csum_start, hdr->csum_offset) == -1)
		return -1;
	if (takes_segments(d, frame, len))
		net_mss_raise(frame, len, d->config.mtu);
	return 0;
}

/* One frame of the guest; -1: it is none. */
static int
tx_frame(struct net *d, const struct virtq_chain *c)
{
	struct virtio_net_hdr *hdr = &d->out.hdr;
	uint64_t len = c->out_len - sizeof(*hdr);

	if (virtq_copy_out(c, 0, hdr, sizeof(*hdr)) < sizeof(*hdr) ||
	    len == 0 || len > sizeof(d->out.frame) ||
	    !offload_allowed(&d->viod, hdr))
		return -1;
	(void)virtq_copy_out(c, sizeof(*hdr), d->out.frame, len);
	if (d->packets == NULL && complete(d, len) == -1)
		return -1;
	limit_take(&d->up, len);
	d->stats.up_frames++;
	d->stats.up_bytes += len;
	if (d->packets == NULL) {
		d->input(d->arg, d->out.frame, len);
		return 0;
	}
	hdr->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->num_buffers = 0;
	d->packets(d->arg, &d->out, len);
	return 0;
}

/* Take the guest's frames.  Over the rate they stay in its queue. */
static void
tx_run(struct net *d, unsigned queue)
{
	struct viod *v = &d->viod;
	struct virtq_chain c;
	unsigned left;
	uint64_t wait = 0;

	viod_notify_off(v, queue);
	for (left = FRAMES_MAX; left > 0; left--) {
		wait = limit_wait(&d->up, os_now_us());
		if (wait != 0)
			break;
		if (!viod_pop(v, queue, &c) && (!viod_notify_on(v, queue) ||
		    !viod_pop(v, queue, &c)))
			break;
		if (tx_frame(d, &c) == -1)
			d->stats.up_dropped++;
		viod_push(v, queue, c.head, 0);
	}
	viod_flush(v, queue);
	if (wait != 0)
		event_timer_set(&d->up_timer, wait);
	else if (left == 0)
		viod_again(v, queue);
}

static void
up_cb(void *arg)
{
	struct net *d = arg;

	for (unsigned pair = 0; pair < d->pairs; pair++)
		tx_run(d, rx_queue(pair) + 1);
}

/* --- control -------------------------------------------------------------- */

/* How many pairs to use is the one command there is. */
static uint8_t
control(struct net *d, const struct virtq_chain *c)
{
	uint8_t cmd[4];
	unsigned pairs;

	if (virtq_copy_out(c, 0, cmd, sizeof(cmd)) < sizeof(cmd) ||
	    cmd[0] != CTRL_MQ || cmd[1] != CTRL_MQ_PAIRS_SET)
		return CTRL_ERR;
	pairs = (unsigned)cmd[2] | (unsigned)cmd[3] << 8;
	if (pairs == 0 || pairs > d->pairs)
		return CTRL_ERR;
	d->wanted = pairs;
	return CTRL_OK;
}

static void
control_run(struct net *d, unsigned queue)
{
	struct viod *v = &d->viod;
	struct virtq_chain c;
	uint8_t ack;

	do {
		while (viod_pop(v, queue, &c)) {
			if (c.in_len == 0) {
				viod_broken(v, queue, "no room for the answer");
				return;
			}
			ack = control(d, &c);
			(void)virtq_copy_in(&c, 0, &ack, sizeof(ack));
			viod_push(v, queue, c.head, sizeof(ack));
		}
	} while (viod_notify_on(v, queue));
	viod_flush(v, queue);
}

/* --- a card that has moved ------------------------------------------------ */

#define RARP_BYTES	60		/* the shortest frame there is */

/*
 * A guest goes on, restored or from another host: whoever forwards frames
 * learns where its card is now.  We know no address of the guest's, so it is
 * a reverse ARP request (RFC 903), which nobody answers.
 */
static void
announce(struct net *d)
{
	static const uint8_t request[] = {
		0x80, 0x35,		/* type: reverse ARP */
		0, 1, 8, 0, 6, 4,	/* Ethernet, IPv4, their lengths */
		0, 3,			/* request */
	};
	uint8_t *f = d->out.frame;

	memset(&d->out.hdr, 0, sizeof(d->out.hdr));
	memset(f, 0, RARP_BYTES);
	memset(f, 0xff, 6);
	memcpy(f + 6, d->config.mac, 6);
	memcpy(f + 12, request, sizeof(request));
	memcpy(f + 22, d->config.mac, 6);
	memcpy(f + 32, d->config.mac, 6);
	d->packets(d->arg, &d->out, RARP_BYTES);
}

/* --- the class ------------------------------------------------------------ */

static void
net_notify(struct viod *v, unsigned queue)
{
	struct net *d = (struct net *)v;

	if (is_control(d, queue))
		control_run(d, queue);
	else if (queue % 2 == 0)
		rx_run(d, queue / 2);
	else
		tx_run(d, queue);
}

/* Queues of a guest that goes on do not begin at 0. */
static void
net_start(struct viod *v, unsigned queue)
{
	struct net *d = (struct net *)v;

	if (queue == 1 && d->packets != NULL && v->queues[queue].base != 0)
		announce(d);
}

static void
net_reset(struct viod *v)
{
	struct net *d = (struct net *)v;

	for (unsigned pair = 0; pair < d->pairs; pair++)
		net_rx_clear(&d->rx[pair]);
	d->wanted = 1;
}

static const void *
net_config(struct viod *v, size_t *len)
{
	struct net *d = (struct net *)v;

	*len = sizeof(d->config);
	return &d->config;
}

void
net_stats_print(const struct net_stats *s, char *text, size_t size)
{
	(void)snprintf(text, size, "rx_bytes %llu rx_frames %llu "
	    "tx_bytes %llu tx_frames %llu", (unsigned long long)s->down_bytes,
	    (unsigned long long)s->down_frames,
	    (unsigned long long)s->up_bytes, (unsigned long long)s->up_frames);
}

static void
net_counters(const struct viod *v, char *text, size_t size)
{
	net_stats_print(net_stats(v), text, size);
}

static const struct viod_class net_class = {
	.name	= "net",
	.id	= VIRTIO_ID_NET,
	.config	= net_config,
	.start	= net_start,
	.notify	= net_notify,
	.counters = net_counters,
	.reset	= net_reset,
};

#define FEATURES	(VIRTIO_BIT(VIRTIO_NET_F_CSUM) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_MTU) |			\
			 VIRTIO_BIT(VIRTIO_NET_F_MAC) |			\
			 VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_STATUS))
#define FEATURES_MQ	(VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_MQ))

/* A network that swallows: until another is attached. */
static void
input_null(void *arg, const void *frame, size_t len)
{
	(void)arg;
	(void)frame;
	(void)len;
}

int
net_new(struct viod **ret, struct event_loop *loop,
    const struct net_options *o, struct err *e)
{
	struct net *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return err_sys(e, "net");
	d->pairs = MAX(o->pairs, 1);
	d->wanted = 1;
	d->input = input_null;
	for (unsigned pair = 0; pair < NET_PAIRS_MAX; pair++)
		net_rx_init(&d->rx[pair]);
	memcpy(d->config.mac, o->mac, sizeof(d->config.mac));
	d->config.status = VIRTIO_NET_S_LINK_UP;
	d->config.max_virtqueue_pairs = (uint16_t)d->pairs;
	d->config.mtu = o->mtu;
	event_timer_init(&d->down_timer, loop, down_cb, d);
	event_timer_init(&d->up_timer, loop, up_cb, d);
	event_timer_init(&d->flush_timer, loop, flush_cb, d);
	limit_init(&d->down, o->down, os_now_us());
	limit_init(&d->up, o->up, os_now_us());
	if (viod_init(&d->viod, &net_class, loop,
	    d->pairs == 1 ? 2 : d->pairs * 2 + 1,
	    FEATURES | (d->pairs > 1 ? FEATURES_MQ : 0), e) == -1) {
		net_destroy(&d->viod);
		return -1;
	}
	*ret = &d->viod;
	return 0;
}

void
net_destroy(struct viod *v)
{
	struct net *d = (struct net *)v;

	if (v == NULL)
		return;
	viod_fini(v);
	for (unsigned pair = 0; pair < NET_PAIRS_MAX; pair++)
		net_rx_clear(&d->rx[pair]);
	event_timer_clear(&d->down_timer);
	event_timer_clear(&d->up_timer);
	event_timer_clear(&d->flush_timer);
	free(d);
}

void
net_attach(struct viod *v, net_input *input, void *arg)
{
	struct net *d = (struct net *)v;

	d->input = input;
	d->arg = arg;
}

void
net_attach_packets(struct viod *v, net_packet_input *input, void *arg)
{
	struct net *d = (struct net *)v;

	d->packets = input;
	d->arg = arg;
}

void
net_refuse(struct viod *v)
{
	((struct net *)v)->stats.up_dropped++;
}

const struct net_stats *
net_stats(const struct viod *v)
{
	return &((const struct net *)v)->stats;
}

int
net_mac_parse(uint8_t ret[6], const char *text, struct err *e)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	uint8_t mac[6];

	for (unsigned i = 0; i < 6; i++) {
		const char *hi = text[i * 3] == '\0' ? NULL :
		    strchr(hex, text[i * 3]);
		const char *lo = hi == NULL || text[i * 3 + 1] == '\0' ? NULL :
		    strchr(hex, text[i * 3 + 1]);

		if (lo == NULL || text[i * 3 + 2] != (i < 5 ? ':' : '\0'))
			return err_set(e, EINVAL, "MAC \"%.40s\": want "
			    "xx:xx:xx:xx:xx:xx", text);
		mac[i] = (uint8_t)((hi - hex) % 16 << 4 | (lo - hex) % 16);
	}
	if (mac[0] & 1)
		return err_set(e, EINVAL, "MAC \"%s\": is a group's, not a "
		    "machine's", text);
	memcpy(ret, mac, sizeof(mac));
	return 0;
}
