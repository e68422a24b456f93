/* SPDX-License-Identifier: ISC */
/* route.c - paths find their rows, escapes are decoded once */

#include <string.h>

#include "unit.h"
#include "control/http_private.h"
#include "control/route.h"
#include "lib/util.h"

static enum route_found
find(struct route_match *m, const char *method, const char *path)
{
	memset(m, 0, sizeof(*m));
	return route_find(m, routes, nroutes, method, path, NULL);
}

static void
rows(void **state)
{
	struct route_match m;

	(void)state;
	assert_int_equal(find(&m, "GET", "/health"), ROUTE_OK);
	assert_null(m.route->scope);
	assert_int_equal(find(&m, "HEAD", "/health"), ROUTE_OK);
	assert_int_equal(find(&m, "POST", "/images/import"), ROUTE_OK);
	assert_int_equal(m.route->body, BODY_STREAM);
	/* An image called import can be looked at. */
	assert_int_equal(find(&m, "GET", "/images/import"), ROUTE_OK);
	assert_string_equal(m.route->path, "/images/{name}");
	assert_int_equal(find(&m, "GET",
	    "/images/docker.io%2Flibrary%2Fnginx:alpine/events"), ROUTE_OK);
	assert_string_equal(m.param, "docker.io/library/nginx:alpine");
	assert_int_equal(find(&m, "GET", "/instances/a%2fstart"), ROUTE_OK);
	assert_string_equal(m.param, "a/start");
	assert_string_equal(m.second, "");
	/* A path may have two. */
	assert_int_equal(find(&m, "POST",
	    "/instances/a%2Fb/snapshots/c%20d/restore"), ROUTE_OK);
	assert_string_equal(m.param, "a/b");
	assert_string_equal(m.second, "c d");
	assert_int_equal(find(&m, "POST", "/instances/a/snapshots//restore"),
	    ROUTE_NO_PATH);
}

static void
no_rows(void **state)
{
	static const char *const bad[] = {
		"", "/", "health", "/healthy", "/health/", "/instances/",
		"/instances//start", "/instances/a/b", "//health",
		"/instances/a/start/x",
	};
	struct route_match m;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(find(&m, "GET", bad[i]), ROUTE_NO_PATH);
	assert_int_equal(find(&m, "PUT", "/instances"), ROUTE_NO_METHOD);
	assert_string_equal(m.allow, "GET, POST");
	assert_int_equal(find(&m, "GET", "/images/%zz"), ROUTE_BAD_PATH);
	assert_int_equal(find(&m, "GET", "/images/a%00b"), ROUTE_BAD_PATH);
	assert_int_equal(find(&m, "GET", "/images/%"), ROUTE_BAD_PATH);
}

static void
decoding(void **state)
{
	char to[8];
	struct err e;

	(void)state;
	assert_int_equal(url_decode(to, sizeof(to), "a%20b+c", 7, true, &e),
	    0);
	assert_string_equal(to, "a b c");
	assert_int_equal(url_decode(to, sizeof(to), "a+%2B", 5, false, &e),
	    0);
	assert_string_equal(to, "a++");
	/* Only once. */
	assert_int_equal(url_decode(to, sizeof(to), "%2541", 5, false, &e),
	    0);
	assert_string_equal(to, "%41");
	assert_int_equal(url_decode(to, sizeof(to), "12345678", 8, false,
	    &e), -1);
	assert_int_equal(e.num, E2BIG);
}

static void
headers(void **state)
{
	struct header_check hc = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(header_check(&hc, "HOST", &e), 0);
	assert_int_equal(header_check(&hc, "host", &e), 0);
	assert_int_equal(header_check(&hc, "Content-length", &e), 0);
	assert_int_equal(hc.host, 2);
	assert_int_equal(hc.length, 1);
	for (int i = 3; i < HTTP_HEADERS_MAX; i++)
		assert_int_equal(header_check(&hc, "X", &e), 0);
	assert_int_equal(header_check(&hc, "X", &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(no_rows),
		cmocka_unit_test(decoding),
		cmocka_unit_test(headers),
	};

	return unit_run("route", tests);
}
