/* SPDX-License-Identifier: ISC */
/* chapi_http.c - heads of HTTP messages: what is taken, what is refused */

#include <string.h>

#include "unit.h"
#include "chapi/http.h"
#include "lib/util.h"

static int
request(struct http_head *h, const char *text, struct err *e)
{
	return http_request(h, text, strlen(text), e);
}

static void
good_request(void **state)
{
	static const char text[] = "PUT /api/v1/vm.create HTTP/1.1\r\n"
	    "Host: localhost\r\nContent-Type: application/json\r\n"
	    "EXPECT: 100-continue\r\ncontent-length:  12 \r\n\r\n";
	struct http_head h;
	struct err e;

	(void)state;
	/* Each shorter piece asks for more; nothing is read behind it. */
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char *copy = malloc(i + 1);

		memcpy(copy, text, i);
		assert_int_equal(http_request(&h, copy, i, &e), 0);
		free(copy);
	}
	assert_int_equal(request(&h, text, &e), 1);
	assert_string_equal(h.method, "PUT");
	assert_string_equal(h.target, "/api/v1/vm.create");
	assert_int_equal(h.head_len, sizeof(text) - 1);
	assert_int_equal(h.body_len, 12);
	assert_true(h.expect);
	assert_false(h.close);
}

static void
bad_requests(void **state)
{
	static const struct {
		int		 status;
		const char	*text;
	} bad[] = {
		{ 400, "\x16\x03\x01" },
		{ 400, "get / HTTP/1.1\r\n\r\n" },
		{ 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /\r\nHost: a\r\n\r\n" },
		{ 400, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
		    "Content-Length: 2\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: +1\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n" },
		{ 400, "VERYLONGMETHOD / HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 413, "GET / HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 99999999999999999999999\r\n\r\n" },
		{ 417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n" },
		{ 501, "GET / HTTP/1.1\r\nHost: a\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n" },
		{ 505, "GET / HTTP/1.0\r\nHost: a\r\n\r\n" },
	};
	struct http_head h;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(request(&h, bad[i].text, &e), -1);
		assert_int_equal(http_status(&e), bad[i].status);
	}
}

static void
limits(void **state)
{
	char big[HTTP_HEAD_MAX + 1], many[HTTP_HEAD_MAX];
	size_t len;
	struct http_head h;
	struct err e;

	(void)state;
	memset(big, 'A', sizeof(big));
	assert_int_equal(http_request(&h, big, HTTP_HEAD_MAX - 1, &e), 0);
	assert_int_equal(http_request(&h, big, sizeof(big), &e), -1);
	assert_int_equal(http_status(&e), 431);

	len = (size_t)sprintf(many, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < HTTP_HEADERS_MAX; i++)
		len += (size_t)sprintf(many + len, "a: b\r\n");
	(void)sprintf(many + len, "\r\n");
	assert_int_equal(request(&h, many, &e), -1);
	assert_int_equal(http_status(&e), 431);
}

static void
responses(void **state)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 2\r\n\r\n{}";
	static const char none[] = "HTTP/1.1 204\r\nContent-Length: 9\r\n\r\n";
	static const char *const bad[] = {
		"HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/2 200 OK\r\n\r\n", "hello\r\n\r\n", "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	struct http_head h;
	struct err e;

	(void)state;
	assert_int_equal(http_response(&h, ok, sizeof(ok) - 1, &e), 1);
	assert_int_equal(h.status, 200);
	assert_int_equal(h.body_len, 2);
	assert_int_equal(h.head_len, sizeof(ok) - 3);
	assert_int_equal(http_response(&h, none, sizeof(none) - 1, &e), 1);
	assert_int_equal(h.status, 204);
	assert_int_equal(h.body_len, 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(http_response(&h, bad[i], strlen(bad[i]),
		    &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_request),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(limits),
		cmocka_unit_test(responses),
	};

	return unit_run("chapi_http", tests);
}
