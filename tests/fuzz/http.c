/* SPDX-License-Identifier: ISC */
/* http.c - fuzz: heads of HTTP requests and answers */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chapi/http.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct http_head *h, size_t len)
{
	if (h->head_len > len || h->head_len > HTTP_HEAD_MAX ||
	    h->body_len > HTTP_BODY_MAX)
		abort();
	if (memchr(h->method, '\0', sizeof(h->method)) == NULL ||
	    memchr(h->target, '\0', sizeof(h->target)) == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_head h;
	struct err e;
	int whole, r;

	whole = http_request(&h, data, len, &e);
	if (whole == 1)
		check(&h, len);
	if (whole == -1 && (http_status(&e) < 400 || http_status(&e) > 599))
		abort();
	/* What is a request is not one byte earlier, nor refused there. */
	if (whole == 1 && http_request(&h, data, h.head_len - 1, &e) != 0)
		abort();
	r = http_response(&h, data, len, &e);
	if (r == 1) {
		check(&h, len);
		if (h.status < 100 || h.status > 599)
			abort();
	}
	return 0;
}
