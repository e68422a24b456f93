/* SPDX-License-Identifier: ISC */
/* net_dhcp.c - the DHCP server of a local interface */

#include "unit.h"
#include "frames.h"
#include "lib/util.h"
#include "viod/net_dhcp.h"

#define ADDR	0x64400103U	/* 100.64.1.3 */
#define HOST	0x64400102U

static struct net_dhcp server = { .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
	.host_mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x57 },
	.addr = ADDR, .host = HOST };

static struct frame out;
static uint8_t answer[NET_DHCP_MAX];
static struct seen seen;

/* What the guest says next; its options begin behind the type. */
static uint8_t msg[300];
static size_t end;

static void
begin(uint8_t type)
{
	(void)frame_dhcp(msg, type);
	end = 243;
}

static void
option(uint8_t code, uint32_t v)
{
	msg[end] = code;
	msg[end + 1] = 4;
	put32(msg + end + 2, v);
	end += 6;
	msg[end] = 255;
}

static int
ask(const char *src, const char *dst)
{
	int n;

	frame_udp(&out, src, 68, dst, 67, msg, sizeof(msg));
	n = net_dhcp_answer(&server, answer, out.b, out.len);
	if (n > 0)
		frame_see(&seen, answer, (size_t)n);
	return n;
}

static uint32_t
got(uint8_t code)
{
	uint8_t len;
	const uint8_t *p = frame_dhcp_option(seen.data, seen.len, code, &len);

	return p == NULL ? 0 : len == 1 ? *p : get32(p);
}

static void
expect(int n, uint8_t type, uint32_t yiaddr, const char *dst)
{
	assert_true(n >= 342);
	assert_memory_equal(answer, guest_mac, 6);
	assert_memory_equal(answer + 6, server.host_mac, 6);
	/* Sums that are right sum up to nothing. */
	assert_int_equal(frame_fold(frame_sum(answer + 14, 20, 0)), 0);
	assert_int_equal(frame_fold(frame_sum(answer + 34, (size_t)n - 34,
	    frame_pseudo(answer + 14, (size_t)n - 34))), 0);
	assert_int_equal(seen.src, HOST);
	assert_int_equal(seen.dst, ntohl(inet_addr(dst)));
	assert_int_equal(seen.sport, 67);
	assert_int_equal(seen.dport, 68);
	assert_int_equal(seen.data[0], 2);
	assert_memory_equal(seen.data + 4, msg + 4, 4);
	assert_int_equal(get32(seen.data + 16), yiaddr);
	assert_int_equal(got(53), type);
	if (type != 0)
		assert_int_equal(got(54), HOST);
}

static void
lease(void **state)
{
	uint8_t len;

	(void)state;
	begin(1);
	expect(ask("0.0.0.0", "255.255.255.255"), 2, ADDR, "100.64.1.3");
	assert_int_equal(got(51), 0xffffffffU);
	assert_int_equal(got(1), 0xfffffffeU);
	assert_int_equal(got(3), HOST);
	assert_int_equal(got(6), HOST);
	assert_memory_equal(frame_dhcp_option(seen.data, seen.len, 15, &len),
	    "vmd.internal", 12);
	assert_null(frame_dhcp_option(seen.data, seen.len, 12, &len));
	assert_null(frame_dhcp_option(seen.data, seen.len, 66, &len));
	assert_null(frame_dhcp_option(seen.data, seen.len, 67, &len));
	assert_int_equal(seen.data[108], 0);
	begin(3);
	option(50, ADDR);
	option(54, HOST);
	expect(ask("0.0.0.0", "255.255.255.255"), 5, ADDR, "100.64.1.3");
	/* Without an address, and with the broadcast flag. */
	begin(3);
	msg[10] = 0x80;
	expect(ask("0.0.0.0", "255.255.255.255"), 5, ADDR,
	    "255.255.255.255");
	/* Renewed, by unicast. */
	begin(3);
	put32(msg + 12, ADDR);
	expect(ask("100.64.1.3", "100.64.1.2"), 5, ADDR, "100.64.1.3");
}

static void
refused(void **state)
{
	(void)state;
	begin(3);
	option(50, ADDR + 2);
	expect(ask("0.0.0.0", "255.255.255.255"), 6, 0, "255.255.255.255");
	assert_int_equal(got(1), 0);
	begin(3);
	put32(msg + 12, ADDR - 2);
	expect(ask("100.64.1.1", "255.255.255.255"), 6, 0,
	    "255.255.255.255");
	/* Another server's offer, and what is never answered. */
	begin(3);
	option(54, HOST + 2);
	assert_int_equal(ask("0.0.0.0", "255.255.255.255"), 0);
	for (unsigned type = 0; type < 256; type++) {
		begin((uint8_t)type);
		if (type > 3 && type != 8)
			assert_int_equal(ask("0.0.0.0", "255.255.255.255"),
			    0);
	}
}

static void
inform(void **state)
{
	(void)state;
	begin(8);
	put32(msg + 12, 0x0a000001);
	expect(ask("10.0.0.1", "255.255.255.255"), 5, 0, "10.0.0.1");
	assert_int_equal(got(51), 0);
	assert_int_equal(got(6), HOST);
}

static void
names(void **state)
{
	uint8_t len;

	(void)state;
	server.hostname = "web";
	server.file = "auto_install";
	begin(1);
	expect(ask("0.0.0.0", "255.255.255.255"), 2, ADDR, "100.64.1.3");
	assert_memory_equal(frame_dhcp_option(seen.data, seen.len, 12, &len),
	    "web", 3);
	assert_int_equal(len, 3);
	assert_string_equal((const char *)seen.data + 108, "auto_install");
	/* Of the same by options, for those who look there. */
	assert_memory_equal(frame_dhcp_option(seen.data, seen.len, 67, &len),
	    "auto_install", 12);
	assert_int_equal(len, 12);
	assert_memory_equal(frame_dhcp_option(seen.data, seen.len, 66, &len),
	    "100.64.1.2", 10);
	assert_int_equal(len, 10);
	assert_int_equal(get32(seen.data + 20), HOST);
	/* Without the cookie it is BOOTP. */
	begin(1);
	put32(msg + 236, 0);
	expect(ask("0.0.0.0", "255.255.255.255"), 0, ADDR, "100.64.1.3");
	assert_int_equal(got(51), 0);
	assert_int_equal(got(1), 0xfffffffeU);
	server.hostname = server.file = NULL;
}

/* What is not for us goes on to the tap. */
static void
others(void **state)
{
	(void)state;
	begin(1);
	assert_int_equal(ask("0.0.0.0", "100.64.1.9"), -1);
	msg[28] ^= 2;		/* who asks */
	assert_int_equal(ask("0.0.0.0", "255.255.255.255"), -1);
	begin(1);
	msg[0] = 2;
	assert_int_equal(ask("0.0.0.0", "255.255.255.255"), -1);
	begin(1);
	msg[3] = 1;		/* through a relay */
	assert_int_equal(ask("0.0.0.0", "255.255.255.255"), -1);
	begin(1);
	frame_udp(&out, "0.0.0.0", 68, "255.255.255.255", 67, msg, 200);
	assert_int_equal(net_dhcp_answer(&server, answer, out.b, out.len),
	    -1);
	frame_udp(&out, "0.0.0.0", 68, "255.255.255.255", 53, msg, 300);
	assert_int_equal(net_dhcp_answer(&server, answer, out.b, out.len),
	    -1);
	/* Every length of a frame that is cut. */
	frame_udp(&out, "0.0.0.0", 68, "255.255.255.255", 67, msg, 300);
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(net_dhcp_answer(&server, answer, out.b, n),
		    -1);
}

/* Options that end in the middle. */
static void
cut_options(void **state)
{
	(void)state;
	begin(3);
	option(50, ADDR);
	for (size_t n = 236; n <= 249; n++) {
		frame_udp(&out, "0.0.0.0", 68, "255.255.255.255", 67, msg, n);
		assert_true(net_dhcp_answer(&server, answer, out.b,
		    out.len) >= 342);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease),
		cmocka_unit_test(refused),
		cmocka_unit_test(inform),
		cmocka_unit_test(names),
		cmocka_unit_test(others),
		cmocka_unit_test(cut_options),
	};

	return unit_run("net_dhcp", tests);
}
