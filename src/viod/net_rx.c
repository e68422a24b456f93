/* SPDX-License-Identifier: ISC */
/*
 * net_rx.c - frames to the guest (virtio 1.2, 5.1.6.4); see net_rx.h
 *
 * A driver with MRG_RXBUF gives many small buffers and a frame takes as many
 * as it needs; one without gives buffers that hold any frame.
 */

#include <stdlib.h>
#include <string.h>

#include "viod/net.h"
#include "viod/net_offload.h"
#include "viod/net_rx.h"

#define CHAINS_MAX	256	/* a frame is spread over */

void
net_rx_init(struct net_rx *rx)
{
	STAILQ_INIT(&rx->frames);
	rx->bytes = 0;
	rx->count = 0;
}

void
net_rx_drop(struct net_rx *rx)
{
	struct net_frame *f = STAILQ_FIRST(&rx->frames);

	STAILQ_REMOVE_HEAD(&rx->frames, next);
	rx->bytes -= f->len;
	rx->count--;
	free(f);
}

void
net_rx_clear(struct net_rx *rx)
{
	while (rx->count > 0)
		net_rx_drop(rx);
}

int
net_rx_keep(struct net_rx *rx, const struct net_rx_frame *from)
{
	struct net_frame *f;

	if (rx->count >= NET_BACKLOG_FRAMES ||
	    rx->bytes + from->len > NET_BACKLOG_BYTES)
		return -1;
	f = malloc(sizeof(*f) + from->len);
	if (f == NULL)
		return -1;
	f->len = from->len;
	f->described = from->hdr != NULL;
	if (f->described)
		f->hdr = *from->hdr;
	memcpy(f->bytes, from->bytes, from->len);
	STAILQ_INSERT_TAIL(&rx->frames, f, next);
	rx->bytes += from->len;
	rx->count++;
	return 0;
}

/* The chains a frame is being put into. */
struct taken {
	unsigned	n;
	struct {
		uint16_t	head;
		uint32_t	written;
	} chain[CHAINS_MAX];
};

/*
 * The guest gave too little.  Put it back; true when there is more by now.
 * Else the guest's next buffer will be told to us.
 */
static bool
more_room(struct viod *v, unsigned queue, struct taken *t)
{
	unsigned n = t->n;

	for (; t->n > 0; t->n--)
		virtq_unpop(&v->queues[queue].vq, t->chain[t->n - 1].head);
	return viod_notify_past(v, queue, n);
}

/* A header and the first bytes into 'first', the rest into what follows. */
static enum net_rx_result
spread(struct viod *v, unsigned queue, struct taken *t,
    struct virtq_chain *first, const struct net_rx_frame *frame)
{
	unsigned max = viod_has(v, VIRTIO_NET_F_MRG_RXBUF) ? CHAINS_MAX : 1;
	size_t done = 0, head = sizeof(struct virtio_net_hdr), n;
	struct virtq_chain c, *at = first;

	for (; done < frame->len; done += n, head = 0, at = &c) {
		if (t->n == max)
			return NET_RX_DROPPED;
		if (!viod_pop(v, queue, at))
			return NET_RX_WAIT;
		t->chain[t->n].head = at->head;
		if (at->in_len <= head) {
			viod_broken(v, queue,
			    "buffer is smaller than a header");
			return NET_RX_DROPPED;
		}
		n = virtq_copy_in(at, head, (const char *)frame->bytes +
		    done, frame->len - done);
		t->chain[t->n++].written = (uint32_t)(head + n);
	}
	return NET_RX_DONE;
}

/* Does the guest take what the host's kernel has left to it? */
static bool
takes(const struct viod *v, const struct virtio_net_hdr *hdr)
{
	if ((hdr->flags & ~VIRTIO_NET_HDR_F_DATA_VALID) != 0 &&
	    !viod_has(v, VIRTIO_NET_F_GUEST_CSUM))
		return false;
	switch (hdr->gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return viod_has(v, VIRTIO_NET_F_GUEST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return viod_has(v, VIRTIO_NET_F_GUEST_TSO6);
	default:
		return false;
	}
}

/*
 * Say in the header what kind of frame this is.  A segment's checksum is
 * left to the guest; false: its first buffer has no room for that, or it
 * does not take such frames.
 */
static bool
describe(const struct viod *v, struct virtio_net_hdr *hdr,
    const struct virtq_chain *first, const struct net_rx_frame *frame,
    uint16_t mtu)
{
	const uint8_t *bytes = frame->bytes;
	size_t len = frame->len;
	uint16_t check;

	if (frame->hdr != NULL) {
		*hdr = *frame->hdr;
		if (!viod_has(v, VIRTIO_NET_F_GUEST_CSUM))
			hdr->flags &= (uint8_t)~VIRTIO_NET_HDR_F_DATA_VALID;
		return takes(v, hdr);
	}
	/* The network behind us has made every checksum. */
	if (viod_has(v, VIRTIO_NET_F_GUEST_CSUM))
		hdr->flags = VIRTIO_NET_HDR_F_DATA_VALID;
	if (len <= (size_t)NET_ETHER_BYTES + mtu ||
	    !viod_has(v, net_tcp(bytes, len) == NET_TCP_V6 ?
	    VIRTIO_NET_F_GUEST_TSO6 : VIRTIO_NET_F_GUEST_TSO4) ||
	    !net_segment_header(hdr, &check, bytes, len, mtu))
		return true;
	return virtq_copy_in(first, sizeof(*hdr) + hdr->csum_start +
	    hdr->csum_offset, &check, sizeof(check)) == sizeof(check);
}

enum net_rx_result
net_rx_put(struct viod *v, unsigned queue, const struct net_rx_frame *frame,
    uint16_t mtu)
{
	struct virtio_net_hdr hdr = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
	struct virtq_chain first;
	struct taken t = { .n = 0 };
	enum net_rx_result r;

	do
		r = spread(v, queue, &t, &first, frame);
	while (r != NET_RX_DONE && more_room(v, queue, &t) &&
	    r == NET_RX_WAIT);
	if (r != NET_RX_DONE)
		return r;
	if (!describe(v, &hdr, &first, frame, mtu)) {
		(void)more_room(v, queue, &t);
		return NET_RX_DROPPED;
	}
	hdr.num_buffers = (uint16_t)t.n;
	(void)virtq_copy_in(&first, 0, &hdr, sizeof(hdr));
	for (unsigned i = 0; i < t.n; i++)
		viod_push(v, queue, t.chain[i].head, t.chain[i].written);
	return NET_RX_DONE;
}
