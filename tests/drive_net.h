/* SPDX-License-Identifier: ISC */
/*
 * drive_net.h - a driver of a network card over drive.h: frames out and in
 *
 * One guest a program.  Queue 0 receives, queue 1 transmits.
 */

#ifndef DRIVE_NET_H
#define DRIVE_NET_H

#include "drive.h"
#include "frames.h"

#define QUEUE_LEN	128
#define HDR		sizeof(struct virtio_net_hdr)
#define TX_AT		(12UL << 20)	/* offset of the frame being sent */

struct guest {
	struct drive		 d;
	struct frame		 out;
	struct virtio_net_hdr	 hdr;	/* of the frame being sent */
	uint32_t		 next;	/* offset for the next buffer */
	/* The frame received last. */
	struct virtio_net_hdr	 got;
	struct frame		 in;
	struct seen		 seen;
};

static struct guest g;

/* Give queue q 'n' buffers of 'len' bytes. */
static inline void
give(unsigned q, unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++) {
		struct virtq_buf b = { DRIVE_GPA + g.next, len };

		if (!virtq_driver_add(&g.d.q[q], &b, 0, 1, g.d.mem + g.next))
			drive_die("queue full", NULL);
		g.next += len;
		if (g.next > TX_AT - 65536)
			g.next = DRIVE_DATA;
	}
	drive_kick(&g.d, q);
}

/* Send 'len' bytes as they lie at TX_AT. */
static inline void
send_raw(unsigned q, uint32_t len)
{
	struct virtq_buf b[2] = { { DRIVE_GPA + TX_AT, len / 2 },
	    { DRIVE_GPA + TX_AT + len / 2, len - len / 2 } };
	uint32_t written;
	void *cookie;

	if (!virtq_driver_add(&g.d.q[q], b + (len < 2), len < 2 ? 1 : 2, 0, &g))
		drive_die("queue full", NULL);
	drive_kick(&g.d, q);
	while (!virtq_driver_get(&g.d.q[q], &cookie, &written))
		if (!drive_wait(&g.d, q))
			drive_die("no interrupt", NULL);
}

/* Send g.out behind g.hdr. */
static inline void
send_frame(unsigned q)
{
	memcpy(g.d.mem + TX_AT, &g.hdr, HDR);
	memcpy(g.d.mem + TX_AT + HDR, g.out.b, g.out.len);
	send_raw(q, (uint32_t)(HDR + g.out.len));
}

static inline bool
take_buffer(unsigned q, uint8_t **at, uint32_t *written)
{
	void *cookie;

	if (!virtq_driver_get(&g.d.q[q], &cookie, written))
		return false;
	*at = cookie;
	return true;
}

/* The next frame of queue q, in one piece again. */
static inline bool
have_frame(unsigned q)
{
	uint8_t *at;
	uint32_t n;

	if (!take_buffer(q, &at, &n))
		return false;
	memcpy(&g.got, at, HDR);
	g.in.len = n - HDR;
	memcpy(g.in.b, at + HDR, g.in.len);
	for (unsigned i = 1; i < g.got.num_buffers; i++) {
		/* The buffers of a frame are seen together. */
		if (!take_buffer(q, &at, &n))
			drive_die("half a frame", NULL);
		memcpy(g.in.b + g.in.len, at, n);
		g.in.len += n;
	}
	frame_see(&g.seen, g.in.b, g.in.len);
	return true;
}

#endif
