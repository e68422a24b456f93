/* SPDX-License-Identifier: ISC */
/* sse.c - a stream of server-sent events, taken apart; see sse.h */

#include <string.h>

#include "lib/util.h"
#include "vmctl/sse.h"

void
sse_init(struct sse *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->line, SSE_LINE_MAX);
}

void
sse_fini(struct sse *s)
{
	buf_fini(&s->line);
}

static int
line_end(struct sse *s, int (*event)(void *, const char *, size_t), void *arg)
{
	const char *p = (const char *)s->line.data;
	size_t len = s->line.len;
	int r = 0;

	if (len > 0 && p[len - 1] == '\r')
		s->line.data[--len] = '\0';
	if (len >= 5 && memcmp(p, "data:", 5) == 0 && !s->dropping) {
		p += 5;
		len -= 5;
		if (len > 0 && *p == ' ') {
			p++;
			len--;
		}
		r = event(arg, p, len);
	}
	buf_reset(&s->line);
	s->dropping = false;
	return r;
}

int
sse_feed(struct sse *s, const uint8_t *p, size_t len,
    int (*event)(void *, const char *, size_t), void *arg)
{
	const uint8_t *nl;
	size_t n;
	int r;

	while (len > 0) {
		nl = memchr(p, '\n', len);
		n = nl == NULL ? len : (size_t)(nl - p);
		if (!s->dropping && buf_put(&s->line, p, n) == -1)
			s->dropping = true;
		p += n;
		len -= n;
		if (nl == NULL)
			break;
		p++;
		len--;
		r = line_end(s, event, arg);
		if (r != 0)
			return r;
	}
	return 0;
}
