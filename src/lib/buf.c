/* SPDX-License-Identifier: ISC */
/* buf.c - a growing row of bytes with a named maximum; see buf.h */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/util.h"

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_fini(struct buf *b)
{
	free(b->base);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	b->data = b->base;
	b->len = 0;
}

uint8_t *
buf_reserve(struct buf *b, size_t len)
{
	size_t front, cap;
	uint8_t *p;

	if (len > b->max || b->len > b->max - len) {
		errno = EMSGSIZE;
		return NULL;
	}
	front = b->base == NULL ? 0 : (size_t)(b->data - b->base);
	if (b->base != NULL && front + b->len + len < b->cap)
		return b->data + b->len;
	if (b->base != NULL && front != 0 && front >= b->len) {
		memmove(b->base, b->data, b->len);
		b->data = b->base;
		front = 0;
	}
	if (front + b->len + len >= b->cap) {
		cap = MAX(b->cap * 2, front + b->len + len + 64);
		p = realloc(b->base, cap);
		if (p == NULL)
			return NULL;
		b->base = p;
		b->data = p + front;
		b->cap = cap;
	}
	return b->data + b->len;
}

void
buf_added(struct buf *b, size_t len)
{
	b->len += len;
	assert((size_t)(b->data - b->base) + b->len < b->cap);
	b->data[b->len] = '\0';
}

int
buf_put(struct buf *b, const void *p, size_t len)
{
	uint8_t *to = buf_reserve(b, len);

	if (to == NULL)
		return -1;
	if (len != 0)
		memcpy(to, p, len);
	buf_added(b, len);
	return 0;
}

int
buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	uint8_t *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	to = buf_reserve(b, (size_t)n);
	if (to == NULL)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf((char *)to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_added(b, (size_t)n);
	return 0;
}

void
buf_drain(struct buf *b, size_t len)
{
	assert(len <= b->len);
	if (len == 0)		/* perhaps of no allocation at all */
		return;
	b->data += len;
	b->len -= len;
	if (b->len == 0)
		b->data = b->base;
}
