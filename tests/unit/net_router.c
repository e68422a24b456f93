/* SPDX-License-Identifier: ISC */
/* net_router.c - router advertisements and DHCPv6 of a local interface */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"
#include "frames.h"
#include "lib/util.h"
#include "viod/net_dhcp6.h"
#include "viod/net_ra.h"
#include "viod/net_router.h"

static const struct net_link6 server = {
	.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
	.host_mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x57 },
	.addr = { 0xfd, [8] = 100, 64, 1, 3, [15] = 2 },
	.host = { 0xfd, [8] = 100, 64, 1, 3, [15] = 1 } };

/* Its own, of the link. */
static const uint8_t guest[16] = { 0xfe, 0x80, [15] = 9 };
static const uint8_t routers[16] = { 0xff, 2, [15] = 2 };
static const uint8_t servers[16] = { 0xff, 2, [13] = 1, 0, 2 };

/* What the guest sends: the other way round, and from it. */
static struct net_link6
reversed(void)
{
	struct net_link6 l = server;

	memcpy(l.mac, server.host_mac, 6);
	memcpy(l.host_mac, server.mac, 6);
	return l;
}

static uint8_t out[512];
static size_t out_len;
static uint8_t in[NET_DHCP6_MAX];

/* Sums that are right sum up to nothing. */
static void
check_sum(const uint8_t *frame, size_t len)
{
	uint32_t sum = frame_sum(frame + 22, len - 22, 0);

	sum += (uint32_t)(len - 54) + frame[20];
	assert_int_equal(frame_fold(sum), 0);
	assert_int_equal(get16(frame + 18), len - 54);
}

/* --- advertisements ------------------------------------------------------- */

static void
solicit(const uint8_t src[16])
{
	const struct net_link6 l = reversed();
	const struct net_ip6 p = { .src = src, .dst = routers,
	    .proto = IPPROTO_ICMPV6, .len = 8 };

	memset(out, 0, sizeof(out));
	out[54] = 133;
	out_len = net_ip6_build(out, &l, &p);
}

/* Option of an advertisement. */
static const uint8_t *
ra_option(const uint8_t *frame, size_t len, uint8_t type)
{
	const uint8_t *p = frame + 54 + 16, *end = frame + len;

	for (; p < end; p += p[1] * 8) {
		assert_true(p[1] > 0 && p + p[1] * 8 <= end);
		if (p[0] == type)
			return p;
	}
	return NULL;
}

static void
advertisement(void **state)
{
	static const uint8_t all[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	uint8_t ra[NET_RA_MAX];
	const uint8_t *o;
	size_t n = net_ra_build(ra, &server, net_ra_all_nodes, true);

	(void)state;
	check_sum(ra, n);
	assert_memory_equal(ra, all, 6);
	assert_memory_equal(ra + 6, server.host_mac, 6);
	assert_memory_equal(ra + 22, net_ip6_router, 16);
	assert_int_equal(ra[21], 255);
	assert_int_equal(ra[54], 134);
	assert_int_equal(ra[59], 0xc0);
	assert_int_equal(get16(ra + 60), 1800);
	o = ra_option(ra, n, 1);
	assert_memory_equal(o + 2, server.host_mac, 6);
	o = ra_option(ra, n, 3);
	assert_int_equal(o[1], 4);
	assert_int_equal(o[2], 96);
	assert_int_equal(o[3], 0x80);
	assert_memory_equal(o + 16, server.host, 12);
	assert_int_equal(get32(o + 28), 0);
	o = ra_option(ra, n, 25);
	assert_int_equal(o[1], 3);
	assert_memory_equal(o + 8, server.host, 16);
	o = ra_option(ra, n, 31);
	assert_memory_equal(o + 8, "\3vmd\10internal", 14);
	/* A host that does not forward is no router. */
	n = net_ra_build(ra, &server, guest, false);
	assert_int_equal(get16(ra + 60), 0);
	assert_memory_equal(ra, server.mac, 6);
	assert_memory_equal(ra + 38, guest, 16);
}

static void
solicitation(void **state)
{
	static const uint8_t nobody[16];
	const uint8_t *to;

	(void)state;
	solicit(guest);
	assert_true(net_ra_asked(&to, &server, out, out_len));
	assert_memory_equal(to, guest, 16);
	for (size_t n = 0; n < out_len; n++)
		assert_false(net_ra_asked(&to, &server, out, n));
	solicit(nobody);
	assert_true(net_ra_asked(&to, &server, out, out_len));
	assert_null(to);
	/* One that came through a router; another message; another guest. */
	out[21] = 254;
	assert_false(net_ra_asked(&to, &server, out, out_len));
	out[21] = 255;
	out[54] = 135;
	assert_false(net_ra_asked(&to, &server, out, out_len));
	out[54] = 133;
	out[11] ^= 1;
	assert_false(net_ra_asked(&to, &server, out, out_len));
}

/* --- DHCPv6 --------------------------------------------------------------- */

static uint8_t msg[256];
static size_t end;

static void
begin(uint8_t type)
{
	memset(msg, 0, sizeof(msg));
	put32(msg, 0x123456);
	msg[0] = type;
	end = 4;
}

static void
option(uint16_t code, const void *bytes, size_t len)
{
	put16(msg + end, code);
	put16(msg + end + 2, (uint16_t)len);
	memcpy(msg + end + 4, bytes, len);
	end += 4 + len;
}

static const uint8_t my_id[10] = { 0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34,
	0x56 };
static uint8_t its_id[10] = { 0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x57 };

/* IA_NA 7, with an address or without. */
static void
association(const uint8_t *addr)
{
	uint8_t ia[12 + 28] = { 0, 0, 0, 7 };

	put16(ia + 12, 5);
	put16(ia + 14, 24);
	if (addr != NULL)
		memcpy(ia + 16, addr, 16);
	option(3, ia, addr != NULL ? sizeof(ia) : 12);
}

static int
ask_at(const uint8_t dst[16], uint16_t port)
{
	const struct net_link6 l = reversed();
	const struct net_udp6 u = { .src = guest, .dst = dst, .sport = 546,
	    .dport = port, .len = end };

	memcpy(out + NET_UDP6_HEAD, msg, end);
	out_len = net_udp6_build(out, &l, &u);
	return net_dhcp6_answer(&server, in, out, out_len);
}

static int
ask(void)
{
	return ask_at(servers, 547);
}

static const uint8_t *
got(int n, uint16_t code, size_t *len)
{
	const uint8_t *p = in + NET_UDP6_HEAD + 4, *stop = in + n;

	for (; p < stop; p += 4 + get16(p + 2)) {
		assert_true(p + 4 + get16(p + 2) <= stop);
		*len = get16(p + 2);
		if (get16(p) == code)
			return p + 4;
	}
	return NULL;
}

/* An answer of that type, with the guest's address if it has one. */
static int
expect(int n, uint8_t type, bool address)
{
	const uint8_t *o;
	size_t len;

	assert_true(n > 0);
	check_sum(in, (size_t)n);
	assert_memory_equal(in, server.mac, 6);
	assert_memory_equal(in + 22, net_ip6_router, 16);
	assert_memory_equal(in + 38, guest, 16);
	assert_int_equal(get16(in + 54), 547);
	assert_int_equal(get16(in + 56), 546);
	assert_int_equal(in[62], type);
	assert_memory_equal(in + 63, msg + 1, 3);
	o = got(n, 2, &len);
	assert_int_equal(len, 10);
	assert_memory_equal(o, its_id, 10);
	o = got(n, 3, &len);
	assert_true((o != NULL) == address);
	if (!address)
		return n;
	assert_int_equal(len, 40);
	assert_int_equal(get32(o), 7);
	assert_int_equal(get16(o + 12), 5);
	assert_memory_equal(o + 16, server.addr, 16);
	assert_int_equal(get32(o + 36), 0xffffffff);
	return n;
}

static void
lease(void **state)
{
	size_t len;
	int n;

	(void)state;
	begin(1);
	option(1, my_id, sizeof(my_id));
	association(NULL);
	n = expect(ask(), 2, true);
	assert_memory_equal(got(n, 1, &len), my_id, sizeof(my_id));
	assert_memory_equal(got(n, 23, &len), server.host, 16);
	assert_memory_equal(got(n, 24, &len), "\3vmd\10internal", 14);
	option(14, "", 0);
	n = expect(ask(), 7, true);
	assert_non_null(got(n, 14, &len));
	for (uint8_t type = 3; type <= 5; type += 2) {
		begin(type);
		option(1, my_id, sizeof(my_id));
		option(2, its_id, sizeof(its_id));
		association(server.addr);
		(void)expect(ask(), 7, true);
	}
	begin(6);
	option(1, my_id, sizeof(my_id));
	association(server.addr);
	(void)expect(ask(), 7, true);
	begin(11);
	n = expect(ask(), 7, false);
	assert_non_null(got(n, 23, &len));
	/* Given back: it stays the guest's. */
	for (uint8_t type = 8; type <= 9; type++) {
		begin(type);
		option(1, my_id, sizeof(my_id));
		option(2, its_id, sizeof(its_id));
		association(server.addr);
		n = expect(ask(), 7, false);
		assert_int_equal(get16(got(n, 13, &len)), 0);
	}
}

static void
confirm(void **state)
{
	uint8_t other[16] = { 0xfd, [15] = 2 };
	size_t len;
	int n;

	(void)state;
	begin(4);
	option(1, my_id, sizeof(my_id));
	association(server.addr);
	n = expect(ask(), 7, false);
	assert_int_equal(get16(got(n, 13, &len)), 0);
	begin(4);
	option(1, my_id, sizeof(my_id));
	association(other);
	n = expect(ask(), 7, false);
	assert_int_equal(get16(got(n, 13, &len)), 4);
	begin(4);
	option(1, my_id, sizeof(my_id));
	association(NULL);
	assert_int_equal(ask(), 0);
}

/* RFC 8415, 16, and what no client sends. */
static void
refused(void **state)
{
	static const uint8_t unicast[16] = { 0xfe, 0x80, [15] = 1 };
	uint8_t long_id[NET_DHCP6_ID_MAX + 1] = { 0 };

	(void)state;
	begin(1);
	association(NULL);
	assert_int_equal(ask(), 0);		/* who? */
	option(1, long_id, sizeof(long_id));
	assert_int_equal(ask(), 0);
	begin(1);
	option(1, long_id, sizeof(long_id) - 1);
	(void)expect(ask(), 2, false);
	option(2, its_id, sizeof(its_id));
	assert_int_equal(ask(), 0);		/* a server is not known yet */
	begin(3);
	option(1, my_id, sizeof(my_id));
	assert_int_equal(ask(), 0);
	its_id[9]++;
	option(2, its_id, sizeof(its_id));
	assert_int_equal(ask(), 0);		/* another's offer */
	its_id[9]--;
	for (unsigned type = 0; type < 256; type++) {
		begin((uint8_t)type);
		option(1, my_id, sizeof(my_id));
		if (type != 1 && type != 6 && type != 11)
			assert_int_equal(ask(), 0);
	}
	begin(1);
	option(1, my_id, sizeof(my_id));
	assert_int_equal(ask_at(unicast, 547), -1);
	assert_int_equal(ask_at(servers, 546), -1);
	(void)ask();
	for (size_t n = 0; n < out_len; n++)
		assert_int_equal(net_dhcp6_answer(&server, in, out, n), -1);
	/* Options that end in the middle. */
	association(server.addr);
	for (size_t n = 0; n < end; n++) {
		size_t whole = end;

		end = n;
		assert_true(ask() >= -1);
		end = whole;
	}
}

/* --- both, and the host --------------------------------------------------- */

static unsigned frames;
static uint16_t life;

static void
to_guest(void *arg, const uint8_t *frame, size_t len)
{
	(void)arg;
	check_sum(frame, len);
	life = get16(frame + 60);
	frames++;
}

static void
router(void **state)
{
	char path[] = "/tmp/net-router.XXXXXX";
	int fd = mkstemp(path);
	struct event_loop *loop;
	struct net_router *r;
	struct net_router_config c = { .link = &server, .file = path,
	    .deliver = to_guest };
	struct err e;

	(void)state;
	assert_int_equal(event_loop_new(&loop, &e), 0);
	c.loop = loop;
	r = net_router_new(&c);
	assert_non_null(r);
	solicit(guest);
	assert_true(net_router_take(r, out, out_len));
	assert_int_equal(frames, 1);
	assert_int_equal(life, 0);
	assert_int_equal(pwrite(fd, "1\n", 2, 0), 2);
	assert_true(net_router_take(r, out, out_len));
	assert_int_equal(life, 1800);
	begin(11);
	(void)ask();
	assert_true(net_router_take(r, out, out_len));
	assert_int_equal(frames, 3);
	begin(12);
	(void)ask();
	assert_true(net_router_take(r, out, out_len));
	assert_int_equal(frames, 3);
	out[12] = 8;
	assert_false(net_router_take(r, out, out_len));
	net_router_destroy(r);
	event_loop_destroy(loop);
	(void)close(fd);
	(void)unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(advertisement),
		cmocka_unit_test(solicitation),
		cmocka_unit_test(lease),
		cmocka_unit_test(confirm),
		cmocka_unit_test(refused),
		cmocka_unit_test(router),
	};

	return unit_run("net_router", tests);
}
