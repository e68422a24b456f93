/* SPDX-License-Identifier: ISC */
/*
 * http.h - heads of HTTP/1.1 messages, strictly (RFC 9110, RFC 9112)
 *
 * Only what the Cloud Hypervisor API needs: a body has a Content-Length, no
 * transfer encoding, no folded headers, lines end in CR LF.  Whatever two
 * readers could understand differently is refused.
 */

#ifndef CHAPI_HTTP_H
#define CHAPI_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define HTTP_HEAD_MAX		8192		/* bytes, blank line included */
#define HTTP_BODY_MAX		(256 * 1024)	/* bytes */
#define HTTP_HEADERS_MAX	64
#define HTTP_METHOD_MAX		8		/* bytes without the NUL */
#define HTTP_TARGET_MAX		256		/* bytes without the NUL */

struct http_head {
	char	method[HTTP_METHOD_MAX + 1];	/* requests */
	char	target[HTTP_TARGET_MAX + 1];	/* requests */
	int	status;				/* responses: 100..599 */
	size_t	head_len;			/* bytes, blank line included */
	size_t	body_len;			/* bytes that follow */
	bool	close;				/* "Connection: close" */
	bool	expect;				/* "Expect: 100-continue" */
};

/*
 * Read the head at the start of data.  1: *ret is filled.  0: more bytes
 * are needed.  -1: refused; http_status() of the err is the answer.
 */
int	http_request(struct http_head *ret, const void *data, size_t len,
	    struct err *);
int	http_response(struct http_head *ret, const void *data, size_t len,
	    struct err *);

/* The status a refused request deserves: 400, 413, 417, 431, 501 or 505. */
int	http_status(const struct err *);

/* "Not Found" of 404; never NULL. */
const char *http_reason(int status);

#endif
