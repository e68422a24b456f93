/* SPDX-License-Identifier: ISC */
/* What the host wants of a guest: /vmd/config, and signals by name. */

#include "unit.h"

#include <arpa/inet.h>

#include <signal.h>
#include <string.h>

#include "guest/guest_config.h"
#include "guest/signame.h"

static struct guest_config c;
static struct err e;

static int
parse_bytes(const char *text, size_t len)
{
	guest_config_fini(&c);
	return guest_config_parse(&c, text, len, &e);
}
#define PARSE(text)							\
	parse_bytes("version=1\0" text, sizeof("version=1\0" text))

static void
test_all(void **state)
{
	(void)state;
	assert_int_equal(PARSE("hostname=web\0root=/dev/vda\0rootfs=erofs\0"
	    "overlay=/dev/vdb\0net=10.0.2.15/24,10.0.2.2\0dns=10.0.2.3\0"
	    "dns=fec0::3\0arg=/bin/x\0arg=\0arg=a b\0env=A=1\0env=B=\0"
	    "cwd=/w\0user=1000:5\0stopsignal=SIGINT\0grace=3\0tty=1\0"
	    "mount=/dev/vdc,/data,with comma,ro\0mount=/dev/vdd,/d,rw\0"
	    "share=share0,/s,here,ro\0mode=init"), 0);
	assert_string_equal(c.hostname, "web");
	assert_string_equal(c.root, "/dev/vda");
	assert_string_equal(c.rootfs, "erofs");
	assert_string_equal(c.overlay, "/dev/vdb");
	assert_int_equal(c.net, CONFIG_NET_STATIC);
	assert_int_equal(c.addr.s_addr, inet_addr("10.0.2.15"));
	assert_int_equal(c.addr_len, 24);
	assert_int_equal(c.gateway.s_addr, inet_addr("10.0.2.2"));
	assert_int_equal(c.ndns, 2);
	assert_int_equal(c.argv.n, 3);
	assert_string_equal(c.argv.v[2], "a b");
	assert_null(c.argv.v[3]);
	assert_int_equal(c.env.n, 2);
	assert_string_equal(c.env.v[1], "B=");
	assert_string_equal(c.cwd, "/w");
	assert_string_equal(c.user, "1000:5");
	assert_int_equal(c.stopsignal, SIGINT);
	assert_int_equal(c.grace_ms, 3000);
	assert_true(c.tty);
	assert_true(c.init);
	assert_int_equal(c.nmounts, 3);
	assert_string_equal(c.mounts[0].device, "/dev/vdc");
	assert_string_equal(c.mounts[0].path, "/data,with comma");
	assert_true(c.mounts[0].readonly);
	assert_false(c.mounts[1].readonly);
	assert_false(c.mounts[1].share);
	assert_true(c.mounts[2].share);
	assert_string_equal(c.mounts[2].device, "share0");
	assert_string_equal(c.mounts[2].path, "/s,here");
	assert_true(c.mounts[2].readonly);
}

static void
test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse_bytes("version=1", sizeof("version=1")), 0);
	assert_string_equal(c.hostname, "vm");
	assert_string_equal(c.rootfs, "squashfs");
	assert_string_equal(c.cwd, "/");
	assert_string_equal(c.user, "");
	assert_int_equal(c.stopsignal, SIGTERM);
	assert_int_equal(c.grace_ms, 10000);
	assert_int_equal(c.net, CONFIG_NET_NONE);
	assert_null(c.argv.v);
}

static void
test_refused(void **state)
{
	(void)state;
	assert_int_equal(parse_bytes("", 0), -1);
	assert_int_equal(parse_bytes("version=2", 10), -1);
	assert_int_equal(parse_bytes("hostname=x", 11), -1);
	assert_int_equal(parse_bytes("version=1", 9), -1);	/* no NUL */
	assert_int_equal(PARSE("novalue"), -1);
	assert_int_equal(PARSE("unknown=1"), -1);
	assert_string_equal(e.text, "unknown record 'unknown'");
	assert_int_equal(PARSE("root=dev/vda"), -1);
	assert_int_equal(PARSE("hostname="), -1);
	assert_int_equal(PARSE("hostname=a b"), -1);
	assert_int_equal(PARSE("net=10.0.2.15"), -1);
	assert_int_equal(PARSE("net=10.0.2.15/33"), -1);
	assert_int_equal(PARSE("net=10.0.2.15/0"), -1);
	assert_int_equal(PARSE("net=10.0.2/24"), -1);
	assert_int_equal(PARSE("net=10.0.2.15/24,x"), -1);
	assert_int_equal(PARSE("dns=localhost"), -1);
	assert_int_equal(PARSE("env==1"), -1);
	assert_int_equal(PARSE("env=A"), -1);
	assert_int_equal(PARSE("cwd=w"), -1);
	assert_int_equal(PARSE("stopsignal=NOPE"), -1);
	assert_int_equal(PARSE("grace=-1"), -1);
	assert_int_equal(PARSE("tty=yes"), -1);
	assert_int_equal(PARSE("mode=systemd"), -1);
	assert_int_equal(PARSE("mount=/dev/vdc"), -1);
	assert_int_equal(PARSE("mount=/dev/vdc,/x"), -1);
	assert_int_equal(PARSE("mount=/dev/vdc,/x,rx"), -1);
	assert_int_equal(PARSE("mount=/dev/vdc,x,rw"), -1);
	assert_int_equal(PARSE("mount=,/x,rw"), -1);
	assert_int_equal(PARSE("share=,/x,rw"), -1);
	assert_int_equal(PARSE("share=/dev/vdc,/x,rw"), -1);
	assert_int_equal(PARSE("share=a,x,rw"), -1);
	assert_int_equal(PARSE("share=a,/x"), -1);
	assert_int_equal(PARSE("share=a,/x,"), -1);
}

static void
test_limits(void **state)
{
	struct words w = { 0 };
	char many[16 + 4097 * 6];
	size_t len = sizeof("version=1");

	(void)state;
	memcpy(many, "version=1", len);
	for (int i = 0; i < 4097; i++, len += 6)
		memcpy(many + len, "arg=x", 6);
	assert_int_equal(parse_bytes(many, len - 6), 0);
	assert_int_equal(c.argv.n, 4096);
	assert_int_equal(parse_bytes(many, len), -1);

	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(words_add(&w, "x", &e), 0);
		assert_int_equal(w.n, i + 1);
		assert_null(w.v[w.n]);
	}
	words_fini(&w);
}

static void
test_signals(void **state)
{
	static const struct {
		const char	*name;
		int		 num;
	} good[] = {
		{ "TERM", 15 }, { "SIGTERM", 15 }, { "sigterm", 15 },
		{ "9", 9 }, { "RTMIN", 34 }, { "SIGRTMIN+3", 37 },
		{ "RTMAX", 64 }, { "RTMAX-1", 63 }, { "64", 64 },
	};
	static const char *const bad[] = { "", "0", "65", "-1", "SIG", "TER",
	    "RTMIN+31", "RTMIN+x", "RTMAX-31", "15 " };
	int sig;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(signame_parse(&sig, good[i].name, &e), 0);
		assert_int_equal(sig, good[i].num);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(signame_parse(&sig, bad[i], &e), -1);
	assert_string_equal(signame_print(9), "KILL");
	assert_string_equal(signame_print(37), "RTMIN+3");
	assert_string_equal(signame_print(99), "?");
}

static int
fini(void **state)
{
	(void)state;
	guest_config_fini(&c);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_all, fini),
		cmocka_unit_test_teardown(test_defaults, fini),
		cmocka_unit_test_teardown(test_refused, fini),
		cmocka_unit_test_teardown(test_limits, fini),
		cmocka_unit_test(test_signals),
	};

	return unit_run("guest_config", tests);
}
