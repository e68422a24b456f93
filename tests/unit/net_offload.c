/* SPDX-License-Identifier: ISC */
/* net_offload.c - checksums, MSS, large segments and fragments */

#include "unit.h"
#include "frames.h"
#include "lib/util.h"
#include "viod/net_offload.h"

#define MTU	1500

static const struct tcp_end end = { "10.0.2.15", "192.0.2.1", 4000, 80, 1, 0 };

/* A TCP checksum that is right sums up to nothing. */
static uint16_t
tcp_check(const struct frame *f)
{
	return frame_fold(frame_sum(f->b + 34, f->len - 34,
	    frame_pseudo(f->b + 14, f->len - 34)));
}

static void
sums(void **state)
{
	static struct frame f;
	uint16_t want;

	(void)state;
	for (size_t len = 0; len < 200; len++) {
		frame_tcp(&f, &end, TCP_ACK, f.b + 1000, len);
		want = get16(f.b + 50);
		/* As a driver leaves it: the pseudo header's part. */
		put16(f.b + 50, (uint16_t)~frame_fold(frame_pseudo(f.b + 14,
		    20 + len)));
		assert_int_equal(net_checksum_fill(f.b, f.len, 34, 16), 0);
		assert_int_equal(get16(f.b + 50), want);
		for (size_t i = 0; i < 200; i++)
			f.b[1000 + i] = (uint8_t)(i * len + 255);
	}
	assert_int_equal(net_checksum_fill(f.b, 100, 100, 0), -1);
	assert_int_equal(net_checksum_fill(f.b, 100, 99, 0), -1);
	assert_int_equal(net_checksum_fill(f.b, 100, 34, 65), -1);
	assert_int_equal(net_checksum_fill(f.b, 100, 34, SIZE_MAX), -1);
}

/* A frame that begins a connection, with these options. */
static void
syn(struct frame *f, const uint8_t *options, size_t len)
{
	frame_tcp(f, &end, TCP_SYN, options, len);
	f->b[46] = (uint8_t)((5 + len / 4) << 4);
	put16(f->b + 50, 0);
	put16(f->b + 50, tcp_check(f));
	assert_int_equal(tcp_check(f), 0);
}

static void
mss(void **state)
{
	static struct frame f;
	static const struct {
		uint8_t	bytes[8];
		size_t	at;		/* of the value, 0: not to be found */
		bool	raised;
	} cases[] = {
		{ { 2, 4, 0x05, 0xb4, 1, 1, 1, 0 }, 2, true },
		{ { 1, 2, 4, 0x05, 0xb4, 1, 0, 0 }, 3, true },
		{ { 3, 3, 7, 2, 4, 0x05, 0xb4, 0 }, 5, true },
		{ { 2, 4, 0x05, 0xb3, 1, 1, 1, 0 }, 2, false },
		{ { 2, 4, 0xff, 0xff, 1, 1, 1, 0 }, 2, false },
		{ { 0, 2, 4, 0x05, 0xb4, 1, 1, 0 }, 3, false },
		{ { 2, 3, 0x05, 0xb4, 1, 1, 1, 0 }, 2, false },
		{ { 3, 0, 2, 4, 0x05, 0xb4, 0, 0 }, 4, false },
		{ { 3, 9, 2, 4, 0x05, 0xb4, 0, 0 }, 4, false },
		{ { 1, 1, 1, 1, 1, 1, 1, 2 }, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		syn(&f, cases[i].bytes, 8);
		net_mss_raise(f.b, f.len, MTU);
		assert_int_equal(tcp_check(&f), 0);
		if (cases[i].raised)
			assert_int_equal(get16(f.b + 54 + cases[i].at),
			    NET_SEGMENT_MAX);
		else
			assert_memory_equal(f.b + 54, cases[i].bytes, 8);
	}
	/* Only as it begins. */
	syn(&f, cases[0].bytes, 8);
	f.b[47] = TCP_ACK;
	net_mss_raise(f.b, f.len, MTU);
	assert_int_equal(get16(f.b + 56), 1460);
	/* Cut anywhere, it is left alone. */
	for (size_t len = 0; len < f.len; len++) {
		syn(&f, cases[0].bytes, 8);
		net_mss_raise(f.b, len, MTU);
		assert_int_equal(get16(f.b + 56), 1460);
	}
}

static void
segment(void **state)
{
	static struct frame f;
	static uint8_t data[NET_SEGMENT_MAX];
	struct virtio_net_hdr h = { 0 };
	uint16_t check, want;

	(void)state;
	memset(data, 0x5a, sizeof(data));
	frame_tcp(&f, &end, TCP_ACK, data, sizeof(data));
	want = get16(f.b + 50);
	assert_int_equal(net_tcp(f.b, f.len), NET_TCP_V4);
	assert_true(net_segment_header(&h, &check, f.b, f.len, MTU));
	assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(h.gso_size, 1460);
	assert_int_equal(h.hdr_len, 54);
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	memcpy(f.b + h.csum_start + h.csum_offset, &check, sizeof(check));
	assert_int_equal(net_checksum_fill(f.b, f.len, h.csum_start,
	    h.csum_offset), 0);
	assert_int_equal(get16(f.b + 50), want);
	/* Neither without room for a byte of data, nor when it is no TCP. */
	assert_false(net_segment_header(&h, &check, f.b, f.len, 40));
	put16(f.b + 20, 1);
	assert_int_equal(net_tcp(f.b, f.len), NET_TCP_NONE);
	assert_false(net_segment_header(&h, &check, f.b, f.len, MTU));
	frame_udp(&f, "10.0.2.2", 1, "10.0.2.15", 2, data, 8);
	assert_false(net_segment_header(&h, &check, f.b, f.len, MTU));
}

static void
segment_v6(void **state)
{
	static struct frame f;
	struct virtio_net_hdr h = { 0 };
	uint16_t check, want;
	size_t len = 4000;
	uint32_t part;

	(void)state;
	memset(&f, 0x17, sizeof(f));
	frame_ether(&f, guest_mac, 0x86dd);
	f.b[20] = 6;
	f.len = 54 + len;
	f.b[54 + 12] = 5 << 4;
	put16(f.b + 54 + 16, 0);
	part = frame_sum(f.b + 22, 32, 6 + (uint32_t)len);
	want = frame_fold(frame_sum(f.b + 54, len, part));
	assert_true(net_segment_header(&h, &check, f.b, f.len, MTU));
	assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
	assert_int_equal(h.gso_size, 1440);
	memcpy(f.b + h.csum_start + h.csum_offset, &check, sizeof(check));
	assert_int_equal(net_checksum_fill(f.b, f.len, h.csum_start,
	    h.csum_offset), 0);
	assert_int_equal(get16(f.b + 54 + 16), want);
}

/* What came of a packet that was cut. */
struct pieces {
	unsigned	n;
	size_t		len;		/* of the payload so far */
	bool		more;
	uint16_t	first;		/* offset, in bytes */
	uint8_t		data[FRAME_MAX];
};

static void
on_piece(void *arg, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	struct pieces *p = arg;
	uint16_t offset = get16(b + 20);

	assert_true(len <= 14 + MTU);
	assert_int_equal(get16(b + 16), len - 14);
	assert_int_equal(frame_fold(frame_sum(b + 14, 20, 0)), 0);
	if (p->n++ == 0)
		p->first = (uint16_t)((offset & 0x1fff) * 8);
	assert_int_equal((offset & 0x1fff) * 8, p->first + p->len);
	p->more = (offset & 0x2000) != 0;
	memcpy(p->data + p->len, b + 34, len - 34);
	p->len += len - 34;
}

static void
fragments(void **state)
{
	static struct frame f;
	static struct pieces p;
	static uint8_t data[8000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	frame_udp(&f, "10.0.2.2", 53, "10.0.2.15", 4000, data, sizeof(data));
	assert_true(net_fragment(f.b, f.len, MTU, on_piece, &p));
	assert_int_equal(p.n, 6);
	assert_false(p.more);
	assert_int_equal(p.len, sizeof(data) + 8);
	assert_memory_equal(p.data + 8, data, sizeof(data));
	/* A fragment in the middle of a larger one. */
	memset(&p, 0, sizeof(p));
	put16(f.b + 20, 0x2000 | 100);
	assert_true(net_fragment(f.b, f.len, MTU, on_piece, &p));
	assert_true(p.more);
	assert_int_equal(p.first, 800);
	/* No IPv4, or no room. */
	assert_false(net_fragment(f.b, 33, MTU, on_piece, &p));
	assert_false(net_fragment(f.b, f.len, 20, on_piece, &p));
	f.b[14] = 0x4f;
	assert_false(net_fragment(f.b, 60, MTU, on_piece, &p));
	put16(f.b + 12, 0x86dd);
	assert_false(net_fragment(f.b, f.len, MTU, on_piece, &p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(mss),
		cmocka_unit_test(segment),
		cmocka_unit_test(segment_v6),
		cmocka_unit_test(fragments),
	};

	return unit_run("net_offload", tests);
}
