/* SPDX-License-Identifier: ISC */
/*
 * frames.h - Ethernet frames of a guest on the user network
 *
 * What a test needs to be the guest: build ARP, UDP and TCP over IPv4, and
 * take apart what comes back.
 */

#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX	66000

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

struct frame {
	size_t	len;
	uint8_t	b[FRAME_MAX];
};

/* What of a frame tests look at; ports and numbers in host order. */
struct seen {
	uint16_t	 ether;		/* 0x0806 ARP, 0x0800 IPv4 */
	uint8_t		 proto;		/* IPv4: 17 UDP, 6 TCP */
	uint32_t	 src, dst;	/* IPv4 */
	uint16_t	 sport, dport;
	uint32_t	 seq, ack;
	uint8_t		 flags;		/* TCP_* */
	uint8_t		 arp_op;
	const uint8_t	*data;
	size_t		 len;
};

static inline uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static inline uint32_t
frame_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum;
}

static inline uint16_t
frame_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The pseudo header's part of a UDP or TCP checksum. */
static inline uint32_t
frame_pseudo(const uint8_t *ip, size_t len)
{
	return frame_sum(ip + 12, 8, (uint32_t)ip[9] + (uint32_t)len);
}

static inline void
frame_ether(struct frame *f, const uint8_t dst[6], uint16_t type)
{
	memcpy(f->b, dst, 6);
	memcpy(f->b + 6, guest_mac, 6);
	put16(f->b + 12, type);
}

/* An IPv4 header for 'len' bytes; the frame's transport part is at 34. */
static inline void
frame_ip(struct frame *f, const char *src, const char *dst, uint8_t proto,
    size_t len)
{
	static const uint8_t gateway[6] = { 0x52, 0x55, 10, 0, 2, 2 };
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t *ip = f->b + 14;

	frame_ether(f, strcmp(dst, "255.255.255.255") == 0 ? all : gateway,
	    0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(20 + len));
	ip[8] = 64;
	ip[9] = proto;
	put32(ip + 12, ntohl(inet_addr(src)));
	put32(ip + 16, ntohl(inet_addr(dst)));
	put16(ip + 10, frame_fold(frame_sum(ip, 20, 0)));
	f->len = 34 + len;
}

static inline void
frame_udp(struct frame *f, const char *src, uint16_t sport, const char *dst,
    uint16_t dport, const void *data, size_t len)
{
	uint8_t *udp = f->b + 34;

	frame_ip(f, src, dst, 17, 8 + len);
	put16(udp, sport);
	put16(udp + 2, dport);
	put16(udp + 4, (uint16_t)(8 + len));
	put16(udp + 6, 0);
	memcpy(udp + 8, data, len);
	put16(udp + 6, frame_fold(frame_sum(udp, 8 + len,
	    frame_pseudo(f->b + 14, 8 + len))));
}

struct tcp_end {
	const char	*src, *dst;
	uint16_t	 sport, dport;
	uint32_t	 seq, ack;
};

static inline void
frame_tcp(struct frame *f, const struct tcp_end *t, uint8_t flags,
    const void *data, size_t len)
{
	uint8_t *tcp = f->b + 34;

	frame_ip(f, t->src, t->dst, 6, 20 + len);
	memset(tcp, 0, 20);
	put16(tcp, t->sport);
	put16(tcp + 2, t->dport);
	put32(tcp + 4, t->seq);
	put32(tcp + 8, t->ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 65535);
	if (len > 0)
		memcpy(tcp + 20, data, len);
	put16(tcp + 16, frame_fold(frame_sum(tcp, 20 + len,
	    frame_pseudo(f->b + 14, 20 + len))));
}

/* ARP: op 1 asks who has dst, op 2 says that the guest has src. */
static inline void
frame_arp(struct frame *f, uint8_t op, const char *src, const char *dst)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	uint8_t *arp = f->b + 14;

	frame_ether(f, all, 0x0806);
	memset(arp, 0, 28);
	memcpy(arp, head, sizeof(head));
	arp[7] = op;
	memcpy(arp + 8, guest_mac, 6);
	put32(arp + 14, ntohl(inet_addr(src)));
	put32(arp + 24, ntohl(inet_addr(dst)));
	f->len = 42;
}

static inline void
frame_see(struct seen *s, const uint8_t *b, size_t len)
{
	const uint8_t *ip = b + 14, *l4;
	size_t head, total;

	memset(s, 0, sizeof(*s));
	if (len < 34)
		return;
	s->ether = get16(b + 12);
	if (s->ether == 0x0806)
		s->arp_op = b[21];
	if (s->ether != 0x0800)
		return;
	head = (size_t)(ip[0] & 15) * 4;
	total = get16(ip + 2);
	s->proto = ip[9];
	s->src = get32(ip + 12);
	s->dst = get32(ip + 16);
	l4 = ip + head;
	s->sport = get16(l4);
	s->dport = get16(l4 + 2);
	if (s->proto == 17) {
		s->data = l4 + 8;
		s->len = total - head - 8;
	} else if (s->proto == 6) {
		s->seq = get32(l4 + 4);
		s->ack = get32(l4 + 8);
		s->flags = l4[13] & 0x1f;
		s->data = l4 + (l4[12] >> 4) * 4;
		s->len = total - head - (size_t)(l4[12] >> 4) * 4;
	}
}

/* A DHCP request of 'type' (1 DISCOVER, 3 REQUEST): its UDP payload. */
static inline size_t
frame_dhcp(uint8_t p[300], uint8_t type)
{
	static const uint8_t cookie[] = { 0x63, 0x82, 0x53, 0x63, 53, 1 };

	memset(p, 0, 300);
	p[0] = 1;
	p[1] = 1;
	p[2] = 6;
	put32(p + 4, 0x12345678);
	memcpy(p + 28, guest_mac, 6);
	memcpy(p + 236, cookie, sizeof(cookie));
	p[242] = type;
	p[243] = 255;
	return 300;
}

/* Option 'code' of a DHCP answer; NULL when it is not there. */
static inline const uint8_t *
frame_dhcp_option(const uint8_t *p, size_t len, uint8_t code, uint8_t *olen)
{
	for (size_t i = 240; i + 1 < len && p[i] != 255;) {
		if (p[i] == 0) {
			i++;
			continue;
		}
		if (p[i] == code) {
			*olen = p[i + 1];
			return p + i + 2;
		}
		i += 2 + (size_t)p[i + 1];
	}
	return NULL;
}

#endif
