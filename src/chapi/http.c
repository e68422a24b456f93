/* SPDX-License-Identifier: ISC */
/* http.c - heads of HTTP/1.1 messages, strictly; see http.h */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "chapi/http.h"
#include "lib/util.h"

/* A piece of the message; not NUL-terminated. */
struct span {
	const char	*at;
	size_t		 len;
};

/* What has been seen of headers that must not come twice. */
struct seen {
	bool	host;
	bool	length;
};

static int
bad(struct err *e, const char *what)
{
	return err_set(e, EINVAL, "not HTTP/1.1: %s", what);
}

static bool
span_is(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* tchar of RFC 9110, section 5.6.2 */
static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z'))
			continue;
		if (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)
			return false;
	}
	return s.len > 0;
}

/* Visible characters; blanks too where a header's value is read. */
static bool
is_text(struct span s, bool blanks)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c > ' ' && c != 0x7f)
			continue;
		if (!blanks || (c != ' ' && c != '\t'))
			return false;
	}
	return true;
}

/* Cut the next line, without its CR LF, off the front of rest. */
static bool
next_line(struct span *line, struct span *rest)
{
	const char *end = memmem(rest->at, rest->len, "\r\n", 2);

	if (end == NULL)
		return false;
	line->at = rest->at;
	line->len = (size_t)(end - rest->at);
	rest->at = end + 2;
	rest->len -= line->len + 2;
	return true;
}

/* Cut up to the first 'c', which goes too; false when there is none. */
static bool
cut(struct span *ret, struct span *rest, int c)
{
	const char *end = memchr(rest->at, c, rest->len);

	if (end == NULL)
		return false;
	ret->at = rest->at;
	ret->len = (size_t)(end - rest->at);
	rest->at = end + 1;
	rest->len -= ret->len + 1;
	return true;
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (*s.at == ' ' || *s.at == '\t'))
		s.at++, s.len--;
	while (s.len > 0 &&
	    (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static int
content_length(size_t *ret, struct span v, struct err *e)
{
	size_t n = 0;

	if (v.len == 0)
		return bad(e, "empty Content-Length");
	for (size_t i = 0; i < v.len; i++) {
		if (v.at[i] < '0' || v.at[i] > '9')
			return bad(e, "Content-Length is no number");
		n = n * 10 + (size_t)(v.at[i] - '0');
		if (n > HTTP_BODY_MAX)
			return err_set(e, EFBIG,
			    "body is larger than %d bytes", HTTP_BODY_MAX);
	}
	*ret = n;
	return 0;
}

/* One header that means something here; the others are let pass. */
static int
header(struct http_head *h, struct seen *seen, struct span name,
    struct span value, struct err *e)
{
	if (span_is(name, "transfer-encoding"))
		return err_set(e, ENOSYS,
		    "Transfer-Encoding is not supported, send Content-Length");
	if (span_is(name, "content-length")) {
		if (seen->length)
			return bad(e, "Content-Length given twice");
		seen->length = true;
		return content_length(&h->body_len, value, e);
	}
	if (span_is(name, "host")) {
		if (seen->host)
			return bad(e, "Host given twice");
		seen->host = true;
	} else if (span_is(name, "connection")) {
		h->close |= span_is(value, "close");
	} else if (span_is(name, "expect")) {
		if (!span_is(value, "100-continue"))
			return err_set(e, EOPNOTSUPP,
			    "Expect is not 100-continue");
		h->expect = true;
	}
	return 0;
}

static int
headers(struct http_head *h, struct seen *seen, struct span rest,
    struct err *e)
{
	struct span line, name;

	for (size_t n = 0; next_line(&line, &rest) && line.len > 0; n++) {
		if (n == HTTP_HEADERS_MAX)
			return err_set(e, EMSGSIZE, "more than %d headers",
			    HTTP_HEADERS_MAX);
		if (!cut(&name, &line, ':') || !is_token(name))
			return bad(e, "malformed header");
		line = trim(line);
		if (!is_text(line, true))
			return bad(e, "control character in a header");
		if (header(h, seen, name, line, e) == -1)
			return -1;
	}
	return 0;
}

/*
 * Find the end of the head.  1, 0 or -1 as http_request(); *first is the
 * first line, *rest the headers with the blank line.
 */
static int
frame(struct span *first, struct span *rest, size_t *head_len,
    struct span all, struct err *e)
{
	size_t len = MIN(all.len, (size_t)HTTP_HEAD_MAX);
	const char *end = memmem(all.at, len, "\r\n\r\n", 4);

	if (end == NULL && all.len >= HTTP_HEAD_MAX)
		return err_set(e, EMSGSIZE, "head is larger than %d bytes",
		    HTTP_HEAD_MAX);
	if (end == NULL)
		return 0;
	*head_len = (size_t)(end - all.at) + 4;
	rest->at = all.at;
	rest->len = *head_len;
	if (!next_line(first, rest))
		return bad(e, "no first line");
	return 1;
}

int
http_request(struct http_head *ret, const void *data, size_t len,
    struct err *e)
{
	struct http_head h = { .close = false };
	struct span all = { data, len }, line, rest, method, target;
	struct seen seen = { false, false };
	int r;

	/* Nothing that begins otherwise can become a request: say so early. */
	if (len > 0 && (*all.at < 'A' || *all.at > 'Z'))
		return bad(e, "no method");
	r = frame(&line, &rest, &h.head_len, all, e);
	if (r != 1)
		return r;
	if (!cut(&method, &line, ' ') || !cut(&target, &line, ' '))
		return bad(e, "malformed request line");
	if (!is_token(method) || method.len > HTTP_METHOD_MAX)
		return bad(e, "unknown method");
	if (!is_text(target, false) || target.len == 0 ||
	    target.at[0] != '/' || target.len > HTTP_TARGET_MAX)
		return bad(e, "malformed or too long target");
	if (!span_is(line, "HTTP/1.1"))
		return err_set(e, EPROTONOSUPPORT, "only HTTP/1.1 is spoken");
	if (headers(&h, &seen, rest, e) == -1)
		return -1;
	if (!seen.host)
		return bad(e, "no Host");
	memcpy(h.method, method.at, method.len);
	memcpy(h.target, target.at, target.len);
	*ret = h;
	return 1;
}

int
http_response(struct http_head *ret, const void *data, size_t len,
    struct err *e)
{
	struct http_head h = { .close = false };
	struct span all = { data, len }, line, rest, version, status;
	struct seen seen = { false, false };
	int r;

	r = frame(&line, &rest, &h.head_len, all, e);
	if (r != 1)
		return r;
	if (!cut(&version, &line, ' ') || !span_is(version, "HTTP/1.1"))
		return bad(e, "malformed status line");
	if (!cut(&status, &line, ' '))
		status = line;
	if (status.len != 3)
		return bad(e, "malformed status");
	for (size_t i = 0; i < 3; i++) {
		if (status.at[i] < '0' || status.at[i] > '9')
			return bad(e, "malformed status");
		h.status = h.status * 10 + status.at[i] - '0';
	}
	if (h.status < 100 || h.status > 599)
		return bad(e, "malformed status");
	if (headers(&h, &seen, rest, e) == -1)
		return -1;
	/* These never have a body, whatever they say (RFC 9112, 6.3). */
	if (h.status < 200 || h.status == 204 || h.status == 304)
		h.body_len = 0;
	*ret = h;
	return 1;
}

int
http_status(const struct err *e)
{
	switch (e->num) {
	case EFBIG:
		return 413;
	case EOPNOTSUPP:
		return 417;
	case EMSGSIZE:
		return 431;
	case ENOSYS:
		return 501;
	case EPROTONOSUPPORT:
		return 505;
	default:
		return 400;
	}
}

const char *
http_reason(int status)
{
	static const struct {
		int		 status;
		const char	*reason;
	} reasons[] = {
		{ 100, "Continue" }, { 200, "OK" }, { 204, "No Content" },
		{ 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 413, "Content Too Large" },
		{ 417, "Expectation Failed" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}
