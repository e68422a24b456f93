/* SPDX-License-Identifier: ISC */
/* frame.c - frames and records of the agent protocol; see frame.h */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/frame.h"
#include "lib/util.h"

/* What a type carries, and so what its length may be. */
enum payload {
	UNKNOWN,	/* no such type */
	NOTHING,
	RECORDS,	/* up to AGENT_FRAME_MAX; may be empty */
	DATA,		/* 1 to AGENT_DATA_MAX */
	NUMBER,		/* one u64 */
};

static const struct {
	const char	*name;
	enum payload	 payload;
} types[AGENT_TYPES] = {
	[AGENT_HELLO]	  = { "HELLO",	   RECORDS },
	[AGENT_EXEC]	  = { "EXEC",	   RECORDS },
	[AGENT_PUT]	  = { "PUT",	   RECORDS },
	[AGENT_GET]	  = { "GET",	   RECORDS },
	[AGENT_STAT]	  = { "STAT",	   RECORDS },
	[AGENT_ADDRS]	  = { "ADDRS",	   NOTHING },
	[AGENT_SHUTDOWN]  = { "SHUTDOWN",  RECORDS },
	[AGENT_IDENTITY]  = { "IDENTITY",  RECORDS },
	[AGENT_STDIN]	  = { "STDIN",	   DATA },
	[AGENT_STDIN_EOF] = { "STDIN_EOF", NOTHING },
	[AGENT_SIGNAL]	  = { "SIGNAL",	   RECORDS },
	[AGENT_RESIZE]	  = { "RESIZE",	   RECORDS },
	[AGENT_ENTRY]	  = { "ENTRY",	   RECORDS },
	[AGENT_DATA]	  = { "DATA",	   DATA },
	[AGENT_HOLE]	  = { "HOLE",	   NUMBER },
	[AGENT_END]	  = { "END",	   RECORDS },
	[AGENT_OK]	  = { "OK",	   RECORDS },
	[AGENT_ERROR]	  = { "ERROR",	   RECORDS },
	[AGENT_STARTED]	  = { "STARTED",   RECORDS },
	[AGENT_STDOUT]	  = { "STDOUT",	   DATA },
	[AGENT_STDERR]	  = { "STDERR",	   DATA },
	[AGENT_WINDOW]	  = { "WINDOW",	   NUMBER },
	[AGENT_EXIT]	  = { "EXIT",	   RECORDS },
};

static const struct {
	size_t	min, max;
} lengths[] = {
	[UNKNOWN]	= { 1, 0 },
	[NOTHING]	= { 0, 0 },
	[RECORDS]	= { 0, AGENT_FRAME_MAX },
	[DATA]		= { 1, AGENT_DATA_MAX },
	[NUMBER]	= { 8, 8 },
};

static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static void
put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

const char *
frame_name(enum agent_type type)
{
	if ((unsigned)type >= AGENT_TYPES || types[type].name == NULL)
		return "?";
	return types[type].name;
}

int
frame_peek(struct frame *ret, const struct buf *b, struct err *e)
{
	const uint8_t *p = b->data;
	enum payload payload;
	uint32_t len;

	if (b->len < FRAME_HEADER)
		return 0;
	payload = p[0] < AGENT_TYPES ? types[p[0]].payload : UNKNOWN;
	if (payload == UNKNOWN)
		return err_set(e, EPROTO, "frame of unknown type %u", p[0]);
	if (p[1] != 0 || p[2] != 0 || p[3] != 0)
		return err_set(e, EPROTO, "%s frame with unknown flags",
		    types[p[0]].name);
	len = get_u32(p + 4);
	if (len < lengths[payload].min || len > lengths[payload].max)
		return err_set(e, EPROTO, "%s frame of %u bytes",
		    types[p[0]].name, len);
	if (b->len - FRAME_HEADER < len)
		return 0;
	if (payload == RECORDS && len != 0 && p[FRAME_HEADER + len - 1] != 0)
		return err_set(e, EPROTO, "%s frame without an end",
		    types[p[0]].name);
	ret->type = p[0];
	ret->data = p + FRAME_HEADER;
	ret->len = len;
	return 1;
}

size_t
frame_need(const uint8_t header[FRAME_HEADER])
{
	return FRAME_HEADER + (size_t)MIN(get_u32(header + 4),
	    AGENT_FRAME_MAX);
}

void
frame_drain(struct buf *b, const struct frame *f)
{
	buf_drain(b, FRAME_HEADER + f->len);
}

ssize_t
frame_open(struct buf *b)
{
	ssize_t at = (ssize_t)b->len;

	if (buf_put(b, "\0\0\0\0\0\0\0", FRAME_HEADER) == -1)
		return -1;
	return at;
}

int
frame_close(struct buf *b, ssize_t at, enum agent_type type)
{
	size_t len = b->len - (size_t)at - FRAME_HEADER;
	enum payload payload = types[type].payload;

	if (len < lengths[payload].min || len > lengths[payload].max) {
		b->len = (size_t)at;
		errno = EMSGSIZE;
		return -1;
	}
	b->data[at] = (uint8_t)type;
	put_u32(b->data + at + 4, (uint32_t)len);
	return 0;
}

int
frame_put(struct buf *b, enum agent_type type, const void *data, size_t len)
{
	ssize_t at = frame_open(b);

	if (at == -1)
		return -1;
	if (buf_put(b, data, len) == -1) {
		b->len = (size_t)at;
		return -1;
	}
	return frame_close(b, at, type);
}

int
frame_put_u64(struct buf *b, enum agent_type type, uint64_t v)
{
	uint8_t p[8];

	put_u32(p, (uint32_t)v);
	put_u32(p + 4, (uint32_t)(v >> 32));
	return frame_put(b, type, p, sizeof(p));
}

uint64_t
frame_u64(const struct frame *f)
{
	assert(f->len == 8);
	return get_u32(f->data) | (uint64_t)get_u32(f->data + 4) << 32;
}

int
record_next(struct record *ret, const uint8_t *data, size_t len, size_t *at)
{
	const char *p, *end, *eq;

	if (*at >= len)
		return 0;
	p = (const char *)data + *at;
	end = memchr(p, '\0', len - *at);
	if (end == NULL)
		return -1;
	eq = memchr(p, '=', (size_t)(end - p));
	if (eq == NULL || eq == p || eq - p > RECORD_NAME_MAX)
		return -1;
	for (const char *c = p; c < eq; c++)
		if ((*c < 'a' || *c > 'z') && *c != '_')
			return -1;
	ret->name = p;
	ret->name_len = (size_t)(eq - p);
	ret->value = eq + 1;
	*at += (size_t)(end - p) + 1;
	return 1;
}

int
record_is(const struct record *r, const char *name)
{
	return strlen(name) == r->name_len &&
	    memcmp(name, r->name, r->name_len) == 0;
}

int
record_put(struct buf *b, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);
	uint8_t *p = buf_reserve(b, n + 1 + v + 1);

	if (p == NULL)
		return -1;
	memcpy(p, name, n);
	p[n] = '=';
	memcpy(p + n + 1, value, v + 1);
	buf_added(b, n + 1 + v + 1);
	return 0;
}

int
record_putf(struct buf *b, const char *name, const char *fmt, ...)
{
	char value[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(value)) {
		errno = EMSGSIZE;
		return -1;
	}
	return record_put(b, name, value);
}

int
records_read(const struct record_field *fields, void *arg,
    const uint8_t *data, size_t len, struct err *e)
{
	const struct record_field *f;
	struct record r;
	size_t at = 0;
	int n;

	while ((n = record_next(&r, data, len, &at)) == 1) {
		for (f = fields; f->name != NULL; f++)
			if (record_is(&r, f->name))
				break;
		if (f->name == NULL)
			continue;
		if (f->set(arg, r.value, e) == -1)
			return err_prefix(e, "%s", f->name);
	}
	if (n == -1)
		return err_set(e, EPROTO, "byte %zu begins no record", at);
	return 0;
}
