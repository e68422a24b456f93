/* SPDX-License-Identifier: ISC */
/* reference.c - names of images, as docker reads them */

#include <string.h>

#include "unit.h"
#include "lib/util.h"
#include "oci/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static void
normalised(void **state)
{
	static const struct { const char *text, *full; } good[] = {
		{ "alpine", "docker.io/library/alpine:latest" },
		{ "alpine:3.19", "docker.io/library/alpine:3.19" },
		{ "user/app", "docker.io/user/app:latest" },
		{ "docker.io/alpine", "docker.io/library/alpine:latest" },
		{ "index.docker.io/a/b", "docker.io/a/b:latest" },
		{ "ghcr.io/o/r:v1", "ghcr.io/o/r:v1" },
		{ "localhost/x", "localhost/x:latest" },
		{ "localhost:5000/x:y", "localhost:5000/x:y" },
		{ "host:80/a/b/c", "host:80/a/b/c:latest" },
		{ "HOST/a", "HOST/a:latest" },
		{ "[::1]:5000/x", "[::1]:5000/x:latest" },
		{ "a_b/c__d/e---f.g", "docker.io/a_b/c__d/e---f.g:latest" },
		{ "a@" DIGEST, "docker.io/library/a@" DIGEST },
		{ "r.io/a:1@" DIGEST, "r.io/a@" DIGEST },
		{ "x:A_b.C-d", "docker.io/library/x:A_b.C-d" },
		{ "localhost", "docker.io/library/localhost:latest" },
	};
	char buf[REFERENCE_MAX + 1];
	struct reference r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (reference_parse(&r, good[i].text, &e) == -1)
			fail_msg("%s: %s", good[i].text, e.text);
		assert_string_equal(reference_print(buf, &r), good[i].full);
	}
}

static void
refused(void **state)
{
	static const char *const bad[] = {
		"", ":", "/", "a/", "/a", "a//b", "a:", "a:-x", "a:.x", "a@",
		"a@sha256:12", "a@md5:00", "Alpine", "a/B", "r.io/A", "a b",
		"a\n", "a..b", "a_-b", "-a", "a-", "___a", "../a", "a/../b",
		"host:/a", "host:123456/a", "-h.io/a", "h-.io/a", "[::1/a",
		HEX, "a@" DIGEST "0", "a@sha256:" "ABCDEF0123456789abcdef0123"
		"456789abcdef0123456789abcdef01234567", "a?b", "r.io/\xc3\xa9",
	};
	char longest[600];
	struct reference r = { .tag = "before" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (reference_parse(&r, bad[i], &e) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_string_equal(e.code, "invalid_reference");
		assert_string_equal(r.tag, "before");
	}
	memset(longest, 'a', sizeof(longest));
	longest[599] = '\0';
	assert_int_equal(reference_parse(&r, longest, &e), -1);
	longest[256] = '\0';
	assert_int_equal(reference_parse(&r, longest, &e), -1);
	/* docker.io/library/ counts. */
	longest[238] = '\0';
	assert_int_equal(reference_parse(&r, longest, &e), -1);
	longest[237] = '\0';
	assert_int_equal(reference_parse(&r, longest, &e), 0);
	(void)snprintf(longest, sizeof(longest), "a:%0128d", 0);
	assert_int_equal(reference_parse(&r, longest, &e), 0);
	(void)snprintf(longest, sizeof(longest), "a:%0129d", 0);
	assert_int_equal(reference_parse(&r, longest, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normalised),
		cmocka_unit_test(refused),
	};

	return unit_run("reference", tests);
}
