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

/* --- whole frames --------------------------------------------------------- */

#define ANY	"255.255.255.255"
#define COOKIE	0x63825363U

/* What a client asks, and each byte of the answer; "*8" are 8 zeroes. */
static const struct golden {
	const char	*what;
	uint8_t		 type;
	uint16_t	 flags;
	uint32_t	 cookie, ciaddr, option50, option54;
	const char	*src, *dst;
	const char	*hostname, *file;	/* the server's */
	const char	*answer;		/* NULL: there is none */
} goldens[] = {
	{ "DISCOVER", 1, 0, COOKIE, 0, 0, 0, "0.0.0.0", ANY, NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011af206440010264400103 004300440134506602010600 12345678 "
	    "*8 6440010364400102 *4 525400123456 *202 "
	    "638253633501023604644001 023304ffffffff0104ffffff "
	    "fe0304644001020604644001 020f0c766d642e696e746572 6e616cff "
	    "*12" },
	{ "DISCOVER, by broadcast", 1, 0x8000, COOKIE, 0, 0, 0, "0.0.0.0",
	    ANY, NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011146464400102ffffffff 00430044013435a902010600 "
	    "12345678000080 *5 6440010364400102 *4 525400123456 *202 "
	    "638253633501023604644001 023304ffffffff0104ffffff "
	    "fe0304644001020604644001 020f0c766d642e696e746572 6e616cff "
	    "*12" },
	{ "DISCOVER, of a wish", 1, 0, COOKIE, 0, ADDR + 2, 0, "0.0.0.0", ANY,
	    NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011af206440010264400103 004300440134506602010600 12345678 "
	    "*8 6440010364400102 *4 525400123456 *202 "
	    "638253633501023604644001 023304ffffffff0104ffffff "
	    "fe0304644001020604644001 020f0c766d642e696e746572 6e616cff "
	    "*12" },
	{ "REQUEST, right address", 3, 0, COOKIE, 0, ADDR, HOST, "0.0.0.0", ANY,
	    NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011af206440010264400103 0043004401344d6602010600 12345678 "
	    "*8 6440010364400102 *4 525400123456 *202 "
	    "638253633501053604644001 023304ffffffff0104ffffff "
	    "fe0304644001020604644001 020f0c766d642e696e746572 6e616cff "
	    "*12" },
	{ "REQUEST, wrong address", 3, 0, COOKIE, 0, ADDR + 2, HOST, "0.0.0.0",
	    ANY, NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011146464400102ffffffff 00430044013466d202010600 12345678 "
	    "*20 525400123456 *202 638253633501063604644001 02ff *50" },
	{ "REQUEST, no address", 3, 0, COOKIE, 0, 0, 0, "0.0.0.0", ANY, NULL,
	    NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011af206440010264400103 0043004401344d6602010600 12345678 "
	    "*8 6440010364400102 *4 525400123456 *202 "
	    "638253633501053604644001 023304ffffffff0104ffffff "
	    "fe0304644001020604644001 020f0c766d642e696e746572 6e616cff "
	    "*12" },
	{ "REQUEST, another server", 3, 0, COOKIE, 0, ADDR, HOST + 2, "0.0.0.0",
	    ANY, NULL, NULL,
	    NULL },
	{ "REQUEST, renewed", 3, 0, COOKIE, ADDR, 0, 0, "100.64.1.3",
	    "100.64.1.2", NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011af206440010264400103 004300440134e82202010600 12345678 "
	    "*4 644001036440010364400102 *4 525400123456 *202 "
	    "638253633501053604644001 023304ffffffff0104ffffff "
	    "fe0304644001020604644001 020f0c766d642e696e746572 6e616cff "
	    "*12" },
	{ "REQUEST, elsewhere", 3, 0, COOKIE, ADDR - 2, 0, 0, "100.64.1.1", ANY,
	    NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011146464400102ffffffff 00430044013466d202010600 12345678 "
	    "*20 525400123456 *202 638253633501063604644001 02ff *50" },
	{ "INFORM", 8, 0, COOKIE, 0x0a000001, 0, 0, "10.0.0.1", ANY, NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "40110a63644001020a000001 004300440134081e02010600 12345678 "
	    "*4 0a000001 *4 64400102 *4 525400123456 *202 "
	    "638253633501053604644001 020104fffffffe0304644001 "
	    "020604644001020f0c766d64 2e696e7465726e616cff *18" },
	{ "BOOTP", 0, 0, 0, 0, 0, 0, "0.0.0.0", ANY, NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011af206440010264400103 0043004401344abd02010600 12345678 "
	    "*8 6440010364400102 *4 525400123456 *202 "
	    "638253630104fffffffe0304 644001020604644001020f0c "
	    "766d642e696e7465726e616c ff *27" },
	{ "bad cookie", 3, 0, COOKIE + 1, 0, ADDR + 2, HOST, "0.0.0.0", ANY,
	    NULL, NULL,
	    "525400123456525400123457 080045000148 *4 "
	    "4011af206440010264400103 0043004401344abd02010600 12345678 "
	    "*8 6440010364400102 *4 525400123456 *202 "
	    "638253630104fffffffe0304 644001020604644001020f0c "
	    "766d642e696e7465726e616c ff *27" },
	{ "DISCOVER, to boot by", 1, 0, COOKIE, 0, 0, 0, "0.0.0.0", ANY,
	    "web", "auto_install",
	    "525400123456525400123457 08004500015b *4 "
	    "4011af0d6440010264400103 004300440147227202010600 12345678 "
	    "*8 6440010364400102 *4 525400123456 *74 "
	    "6175746f5f696e7374616c6c *116 638253633501023604644001 "
	    "023304ffffffff0104ffffff fe0304644001020604644001 "
	    "020c03776562420a3130302e 36342e312e32430c6175746f "
	    "5f696e7374616c6c0f0c766d 642e696e7465726e616cff" },
};

/* The bytes of a golden text; returns how many. */
static size_t
bytes_of(uint8_t *to, const char *text)
{
	size_t n = 0, zeroes;
	unsigned byte;
	char *rest;

	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		if (*text == '*') {
			zeroes = strtoul(text + 1, &rest, 10);
			memset(to + n, 0, zeroes);
			n += zeroes;
			text = rest - 1;
			continue;
		}
		assert_int_equal(sscanf(text++, "%2x", &byte), 1);
		to[n++] = (uint8_t)byte;
	}
	return n;
}

static void
whole(void **state)
{
	uint8_t want[2 * NET_DHCP_MAX];
	size_t len;
	int n;

	(void)state;
	for (size_t i = 0; i < COUNT(goldens); i++) {
		const struct golden *g = &goldens[i];

		begin(g->type);
		put16(msg + 10, g->flags);
		put32(msg + 12, g->ciaddr);
		put32(msg + 236, g->cookie);
		if (g->option50 != 0)
			option(50, g->option50);
		if (g->option54 != 0)
			option(54, g->option54);
		server.hostname = g->hostname;
		server.file = g->file;
		n = ask(g->src, g->dst);
		len = g->answer == NULL ? 0 : bytes_of(want, g->answer);
		if (n != (int)len || memcmp(answer, want, len) != 0)
			fail_msg("%s: another answer, of %d bytes", g->what,
			    n);
	}
	server.hostname = server.file = NULL;
}

/* More than a client must send, as much as a frame holds, and more. */
static void
oversized(void **state)
{
	uint8_t large[NET_DHCP_ASKED_MAX - 42 + 1] = { 0 };
	size_t at = 243;

	(void)state;
	begin(3);
	memcpy(large, msg, sizeof(msg));
	/* Options as long as there are, the one that counts the last. */
	for (; at + 257 + 6 < sizeof(large) - 1; at += 257) {
		large[at] = 224;
		large[at + 1] = 255;
	}
	large[at] = 50;
	large[at + 1] = 4;
	put32(large + at + 2, ADDR + 2);
	large[at + 6] = 255;
	frame_udp(&out, "0.0.0.0", 68, ANY, 67, large, sizeof(large) - 1);
	assert_int_equal(out.len, NET_DHCP_ASKED_MAX);
	assert_int_equal(net_dhcp_answer(&server, answer, out.b, out.len),
	    342);
	frame_see(&seen, answer, 342);
	assert_int_equal(got(53), 6);
	frame_udp(&out, "0.0.0.0", 68, ANY, 67, large, sizeof(large));
	assert_int_equal(net_dhcp_answer(&server, answer, out.b, out.len),
	    -1);
	/* The longest names: an answer that any client takes. */
	server.hostname = "a-host-name-of-sixty-three-bytes-which-is-as-long-"
	    "as-it-gets-xx";
	server.file = "/a/file/of/127/bytes/which/is/as/long/as/it/gets/in/"
	    "the/fixed/part/of/the/message/where/some/clients/look/for/it/"
	    "and/xxxxxxxxxx";
	assert_int_equal(strlen(server.hostname), NET_DHCP_NAME_MAX);
	assert_int_equal(strlen(server.file), NET_DHCP_FILE_MAX);
	begin(1);
	expect(ask("0.0.0.0", ANY), 2, ADDR, "100.64.1.3");
	assert_true(seen.len + 28 <= 576);
	server.hostname = server.file = NULL;
}

/* A packet that says more or less of itself than there is. */
static void
lengths(void **state)
{
	(void)state;
	begin(1);
	frame_udp(&out, "0.0.0.0", 68, ANY, 67, msg, sizeof(msg));
	for (unsigned total = 0; total < 0x10000; total++) {
		put16(out.b + 16, (uint16_t)total);
		assert_int_equal(net_dhcp_answer(&server, answer, out.b,
		    out.len), total == 328 ? 342 : -1);
	}
	put16(out.b + 16, 328);
	for (unsigned udp = 0; udp < 0x10000; udp++) {
		put16(out.b + 38, (uint16_t)udp);
		/* A datagram may be shorter than its packet. */
		assert_int_equal(net_dhcp_answer(&server, answer, out.b,
		    out.len), udp >= 8 + 236 && udp <= 308 ? 342 : -1);
	}
	put16(out.b + 38, 308);
	for (unsigned first = 0; first < 256; first++) {
		out.b[14] = (uint8_t)first;
		assert_int_equal(net_dhcp_answer(&server, answer, out.b,
		    out.len), first == 0x45 ? 342 : -1);
	}
	/* Filled up to a frame's least, as links do. */
	out.b[14] = 0x45;
	assert_int_equal(net_dhcp_answer(&server, answer, out.b,
	    out.len + 60), 342);
}

/* A client that is another, by either address. */
static void
foreign(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 48; i++) {
		begin(1);
		msg[28 + i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(ask("0.0.0.0", ANY), -1);
		begin(1);
		frame_udp(&out, "0.0.0.0", 68, ANY, 67, msg, sizeof(msg));
		out.b[6 + i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(net_dhcp_answer(&server, answer, out.b,
		    out.len), -1);
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
		cmocka_unit_test(whole),
		cmocka_unit_test(oversized),
		cmocka_unit_test(lengths),
		cmocka_unit_test(foreign),
	};

	return unit_run("net_dhcp", tests);
}
