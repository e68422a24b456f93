/* SPDX-License-Identifier: ISC */
/* DHCP messages of the guest's client. */

#include "unit.h"

#include <arpa/inet.h>

#include <string.h>

#include "guest/dhcp.h"

static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
#define XID	0x12345678U

/* A server's message: our own, answered, with these options. */
static size_t
answer(uint8_t *p, const uint8_t *options, size_t len)
{
	(void)dhcp_build(p, DHCP_DISCOVER, XID, mac, NULL);
	memset(p + 240, 0, DHCP_MESSAGE_MAX - 240);
	p[0] = 2;
	memcpy(p + 16, "\x0a\0\2\x0f", 4);
	memcpy(p + 240, options, len);
	return 240 + len;
}
#define OPTIONS(text)	(const uint8_t *)(text), sizeof(text) - 1
#define SERVER		"\x36\4\x0a\0\2\2"

static void
test_build(void **state)
{
	uint8_t p[DHCP_MESSAGE_MAX];
	struct dhcp_lease l = { .addr.s_addr = inet_addr("10.0.2.15"),
	    .server.s_addr = inet_addr("10.0.2.2") };

	(void)state;
	assert_int_equal(dhcp_build(p, DHCP_REQUEST, XID, mac, &l), 300);
	assert_int_equal(p[0], 1);
	assert_memory_equal(p + 28, mac, 6);
	assert_memory_equal(p + 240, "\x35\1\3\x32\4\x0a\0\2\x0f"
	    "\x36\4\x0a\0\2\2\x37\3\1\3\6\xff", 21);
}

static void
test_parse(void **state)
{
	uint8_t p[DHCP_MESSAGE_MAX];
	struct dhcp_lease l;
	size_t n;

	(void)state;
	n = answer(p, OPTIONS("\0\0\x35\1\2" SERVER "\1\4\xff\xff\xf0\0"
	    "\3\4\x0a\0\2\1\6\x10\x0a\0\2\3\x0a\0\2\4\x0a\0\2\5\x0a\0\2\6"
	    "\xff junk"));
	assert_int_equal(dhcp_parse(&l, p, n, XID, mac), DHCP_OFFER);
	assert_int_equal(l.addr.s_addr, inet_addr("10.0.2.15"));
	assert_int_equal(l.server.s_addr, inet_addr("10.0.2.2"));
	assert_int_equal(l.gateway.s_addr, inet_addr("10.0.2.1"));
	assert_int_equal(l.len, 20);
	assert_int_equal(l.ndns, DHCP_DNS_MAX);
	assert_int_equal(l.dns[2].s_addr, inet_addr("10.0.2.5"));

	n = answer(p, OPTIONS("\x35\1\6\xff"));
	assert_int_equal(dhcp_parse(&l, p, n, XID, mac), DHCP_NAK);
}

static void
test_refused(void **state)
{
	uint8_t p[DHCP_MESSAGE_MAX];
	struct dhcp_lease l;
	size_t n = answer(p, OPTIONS("\x35\1\2" SERVER "\xff"));

	(void)state;
	assert_int_equal(dhcp_parse(&l, p, n, XID, mac), DHCP_OFFER);
	assert_int_equal(dhcp_parse(&l, p, n, XID + 1, mac), -1);
	assert_int_equal(dhcp_parse(&l, p, n, XID,
	    (const uint8_t *)"\1\2\3\4\5\6"), -1);
	/* Cut anywhere before the server's address it is no offer. */
	for (size_t i = 0; i < n - 1; i++)
		assert_int_equal(dhcp_parse(&l, p, i, XID, mac), -1);
	n = answer(p, OPTIONS("\x35\1\2" SERVER "\1\xff\xff"));
	assert_int_equal(dhcp_parse(&l, p, n, XID, mac), -1);
	n = answer(p, OPTIONS("\x35\1\2" SERVER "\1\4\0\0\0\0"));
	assert_int_equal(dhcp_parse(&l, p, n, XID, mac), -1);
	n = answer(p, OPTIONS(SERVER));
	assert_int_equal(dhcp_parse(&l, p, n, XID, mac), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
	};

	return unit_run("guest_dhcp", tests);
}
