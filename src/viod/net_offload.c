/* SPDX-License-Identifier: ISC */
/*
 * net_offload.c - checksums and large segments; see net_offload.h
 *
 * Only fixed places of a frame are looked at: Ethernet II, then IPv4
 * (RFC 791) or IPv6 (RFC 8200) without extensions, then TCP (RFC 9293).
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"
#include "viod/net_offload.h"

#define ETHER_IPV4	0x0800
#define ETHER_IPV6	0x86dd
#define IPV4_BYTES	20
#define IPV4_BYTES_MAX	60
#define IPV6_BYTES	40
#define TCP_BYTES	20
#define TCP_CHECK	16	/* where in the header the checksum is */
#define TCP_SYN		0x02
#define TCPOPT_END	0
#define TCPOPT_NOP	1
#define TCPOPT_MSS	2
#define IP_MORE		0x2000	/* fragments follow */
#define IP_OFFSET	0x1fff	/* in units of 8 bytes */
#define MTU_MAX		9000	/* of net_fragment() */

/* Where the parts of a frame of TCP begin, in bytes. */
struct parts {
	enum net_tcp	 family;
	size_t		 tcp;
	size_t		 data;
};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* --- sums (RFC 1071); in the order of bytes in memory ------------------- */

/*
 * Sums of 32 bits do not overflow 64, and are the same when folded; in
 * lanes that do not depend on each other the compiler has them in vectors.
 */
static uint64_t
sum(const uint8_t *p, size_t len)
{
	uint64_t lane[4] = { 0 }, total;
	uint32_t word[4];
	uint16_t half;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(word, p, sizeof(word));
		for (unsigned i = 0; i < COUNT(word); i++)
			lane[i] += word[i];
	}
	total = lane[0] + lane[1] + lane[2] + lane[3];
	for (; len > 1; len -= sizeof(half), p += sizeof(half)) {
		memcpy(&half, p, sizeof(half));
		total += half;
	}
	if (len == 1) {
		half = 0;
		memcpy(&half, p, 1);
		total += half;
	}
	return total;
}

static uint16_t
fold(uint64_t total)
{
	while (total >> 16 != 0)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

int
net_checksum_fill(uint8_t *frame, size_t len, size_t start, size_t offset)
{
	uint16_t check;

	if (start >= len || len - start < 2 || offset > len - start - 2)
		return -1;
	check = (uint16_t)~fold(sum(frame + start, len - start));
	if (check == 0)
		check = 0xffff;		/* 0 is "no checksum" to UDP */
	memcpy(frame + start + offset, &check, sizeof(check));
	return 0;
}

/* --- TCP ------------------- */

/* The header of IPv4 in a frame, in bytes; 0: it has none. */
static size_t
ipv4_header(const uint8_t *frame, size_t len)
{
	size_t n;

	if (len < NET_ETHER_BYTES + IPV4_BYTES ||
	    get16(frame + 12) != ETHER_IPV4)
		return 0;
	n = (size_t)(frame[NET_ETHER_BYTES] & 15) * 4;
	return n < IPV4_BYTES || len < NET_ETHER_BYTES + n ? 0 : n;
}

static bool
find(struct parts *ret, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + NET_ETHER_BYTES;
	size_t header = ipv4_header(frame, len);

	if (header != 0) {
		if (ip[9] != IPPROTO_TCP ||
		    (get16(ip + 6) & (IP_MORE | IP_OFFSET)) != 0)
			return false;
		ret->family = NET_TCP_V4;
	} else {
		header = IPV6_BYTES;
		if (len < NET_ETHER_BYTES + IPV6_BYTES ||
		    get16(frame + 12) != ETHER_IPV6 || ip[6] != IPPROTO_TCP)
			return false;
		ret->family = NET_TCP_V6;
	}
	ret->tcp = NET_ETHER_BYTES + header;
	if (len < ret->tcp + TCP_BYTES)
		return false;
	header = (size_t)(frame[ret->tcp + 12] >> 4) * 4;
	ret->data = ret->tcp + header;
	return header >= TCP_BYTES && ret->data <= len;
}

enum net_tcp
net_tcp(const uint8_t *frame, size_t len)
{
	struct parts at;

	return find(&at, frame, len) ? at.family : NET_TCP_NONE;
}

/* The value of the MSS option, in the frame; NULL: there is none. */
static uint8_t *
find_mss(uint8_t *frame, const struct parts *at)
{
	uint8_t *p = frame + at->tcp + TCP_BYTES, *end = frame + at->data;

	while (p < end && *p != TCPOPT_END) {
		if (*p == TCPOPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return NULL;
		if (p[0] == TCPOPT_MSS)
			return p[1] == 4 ? p + 2 : NULL;
		p += p[1];
	}
	return NULL;
}

void
net_mss_raise(uint8_t *frame, size_t len, uint16_t mtu)
{
	struct parts at;
	uint8_t *mss, *sum_at;
	uint16_t old, new = NET_SEGMENT_MAX;

	if (!find(&at, frame, len) || !(frame[at.tcp + 13] & TCP_SYN) ||
	    (mss = find_mss(frame, &at)) == NULL)
		return;
	old = get16(mss);
	if (old + TCP_BYTES + (at.tcp - NET_ETHER_BYTES) < mtu || old >= new)
		return;
	put16(mss, new);
	/* RFC 1624, equation 3; words are counted from the header's start. */
	if ((size_t)(mss - frame - (ptrdiff_t)at.tcp) % 2 != 0) {
		old = (uint16_t)(old << 8 | old >> 8);
		new = (uint16_t)(new << 8 | new >> 8);
	}
	sum_at = frame + at.tcp + TCP_CHECK;
	put16(sum_at, (uint16_t)~fold((uint64_t)(uint16_t)~get16(sum_at) +
	    (uint16_t)~old + new));
}

/* The pseudo header's part of the sum, as a driver expects it. */
static uint16_t
pseudo(const uint8_t *frame, const struct parts *at, size_t len)
{
	const uint8_t *ip = frame + NET_ETHER_BYTES;
	uint64_t total = at->family == NET_TCP_V4 ? sum(ip + 12, 8) :
	    sum(ip + 8, 32);

	total += htons(IPPROTO_TCP);
	return fold(total + htons((uint16_t)(len - at->tcp)));
}

bool
net_segment_header(struct virtio_net_hdr *hdr, uint16_t *check,
    const uint8_t *frame, size_t len, uint16_t mtu)
{
	struct parts at;

	if (!find(&at, frame, len) || len > UINT16_MAX ||
	    at.data - NET_ETHER_BYTES >= mtu)
		return false;
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->gso_type = at.family == NET_TCP_V4 ?
	    VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	hdr->hdr_len = (uint16_t)at.data;
	hdr->gso_size = (uint16_t)(mtu - (at.data - NET_ETHER_BYTES));
	hdr->csum_start = (uint16_t)at.tcp;
	hdr->csum_offset = TCP_CHECK;
	*check = pseudo(frame, &at, len);
	return true;
}

/* --- IPv4 fragments ------------------- */

bool
net_fragment(const uint8_t *frame, size_t len, uint16_t mtu, net_emit *emit,
    void *arg)
{
	uint8_t out[NET_ETHER_BYTES + MTU_MAX], *ip = out + NET_ETHER_BYTES;
	size_t header = ipv4_header(frame, len), head, piece, n;
	uint16_t offset, check;

	if (header == 0 || mtu > MTU_MAX || mtu < IPV4_BYTES_MAX + 8)
		return false;
	head = NET_ETHER_BYTES + header;
	offset = get16(frame + NET_ETHER_BYTES + 6);
	piece = (mtu - header) / 8 * 8;
	memcpy(out, frame, head);
	for (size_t at = head; at < len; at += n) {
		n = MIN(piece, len - at);
		put16(ip + 2, (uint16_t)(header + n));
		put16(ip + 6, (uint16_t)(((offset & IP_OFFSET) +
		    (at - head) / 8) | (at + n < len ? IP_MORE :
		    offset & IP_MORE)));
		put16(ip + 10, 0);
		check = (uint16_t)~fold(sum(ip, header));
		memcpy(ip + 10, &check, sizeof(check));
		memcpy(out + head, frame + at, n);
		emit(arg, out, head + n);
	}
	return true;
}
