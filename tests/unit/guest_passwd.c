/* SPDX-License-Identifier: ISC */
/* USER of an image, looked up in the image. */

#include "unit.h"

#include <string.h>

#include "guest/passwd.h"

static const char passwd[] =
    "# a comment\n"
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken\n"
    ":x:7:7::/:\n"
    "web:x:1000:1001:Web,,,:/srv/web:/bin/sh\n"
    "short:x:1002:1003\n"
    "nohome:x:1004:1005:::\n"
    "notanumber:x:ten:10::/:\n"
    "huge:x:4294967295:0::/:\n"
    "last:x:4294967294:100::/last:/bin/sh";
static const char group[] =
    "root:x:0:\n"
    "web:x:1001:\n"
    "disk:x:6:root,web\n"
    "audio:x:29:webmaster,web\n"
    "video:x:44:webmaster\n"
    "bad:x:x:web\n"
    "tail:x:50:web";

static struct passwd_user u;
static struct err e;

static int
resolve(const char *spec)
{
	memset(&u, 0xff, sizeof(u));
	return passwd_resolve(&u, spec, passwd, group, &e);
}

static void
test_names(void **state)
{
	(void)state;
	assert_int_equal(resolve(""), 0);
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.name, "root");
	assert_string_equal(u.home, "/root");
	assert_int_equal(u.ngroups, 1);
	assert_int_equal(u.groups[0], 6);

	assert_int_equal(resolve("web"), 0);
	assert_int_equal(u.uid, 1000);
	assert_int_equal(u.gid, 1001);
	assert_string_equal(u.home, "/srv/web");
	assert_int_equal(u.ngroups, 3);
	assert_int_equal(u.groups[1], 29);
	assert_int_equal(u.groups[2], 50);

	assert_int_equal(resolve("last"), 0);
	assert_int_equal(u.uid, 4294967294U);
	assert_string_equal(u.home, "/last");
	assert_int_equal(resolve("short"), 0);
	assert_string_equal(u.home, "/");
	assert_int_equal(resolve("nohome"), 0);
	assert_string_equal(u.home, "/");
}

static void
test_numbers(void **state)
{
	(void)state;
	assert_int_equal(resolve("1000"), 0);	/* there is a line */
	assert_int_equal(u.gid, 1001);
	assert_int_equal(u.ngroups, 3);
	assert_int_equal(resolve("4242"), 0);	/* there is none */
	assert_int_equal(u.uid, 4242);
	assert_int_equal(u.gid, 0);
	assert_int_equal(u.ngroups, 0);
	assert_string_equal(u.home, "/");
	assert_string_equal(u.name, "");
}

static void
test_groups(void **state)
{
	(void)state;
	assert_int_equal(resolve("web:disk"), 0);
	assert_int_equal(u.gid, 6);
	assert_int_equal(u.ngroups, 0);
	assert_int_equal(resolve("web:44"), 0);
	assert_int_equal(u.gid, 44);
	assert_int_equal(resolve("77:88"), 0);
	assert_int_equal(u.uid, 77);
	assert_int_equal(u.gid, 88);
	assert_int_equal(resolve(":disk"), 0);
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 6);
}

static void
test_refused(void **state)
{
	char name[400];

	(void)state;
	assert_int_equal(resolve("nobody"), -1);
	assert_string_equal(e.code, "no_such_user");
	assert_string_equal(e.text, "no user 'nobody' in /etc/passwd");
	assert_int_equal(resolve("web:nogroup"), -1);
	assert_string_equal(e.text, "no group 'nogroup' in /etc/group");
	assert_int_equal(resolve("web:"), -1);
	assert_int_equal(resolve("web:bad"), -1);
	assert_int_equal(resolve("notanumber"), -1);
	assert_int_equal(resolve("huge"), -1);
	assert_int_equal(resolve("4294967295"), -1);
	assert_int_equal(resolve("-1"), -1);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(resolve(name), -1);
}

static void
test_no_files(void **state)
{
	(void)state;
	assert_int_equal(passwd_resolve(&u, "", NULL, NULL, &e), 0);
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.home, "/");
	assert_int_equal(passwd_resolve(&u, "root", NULL, NULL, &e), 0);
	assert_int_equal(u.uid, 0);
	assert_int_equal(passwd_resolve(&u, "1:2", NULL, NULL, &e), 0);
	assert_int_equal(u.gid, 2);
	assert_int_equal(passwd_resolve(&u, "web", NULL, NULL, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_files),
	};

	return unit_run("guest_passwd", tests);
}
