/* SPDX-License-Identifier: ISC */
/* wire.c - one walk over a message's fields; see wire.h */

#include <string.h>
#include <unistd.h>

#include "priv/wire.h"

/* Take n bytes of input, or nothing and remember that it was too short. */
static const uint8_t *
wire_take(struct wire *w, size_t n)
{
	const uint8_t *at = w->in;

	if (w->bad || w->in_len < n) {
		w->bad = true;
		return NULL;
	}
	w->in += n;
	w->in_len -= n;
	return at;
}

static void
wire_put(struct wire *w, const void *from, size_t n)
{
	if (!w->bad && buf_put(w->out, from, n) == -1)
		w->bad = true;
}

/* A little-endian number of n bytes. */
static void
wire_number(struct wire *w, uint64_t *v, size_t n)
{
	uint8_t bytes[8];
	const uint8_t *in;

	switch (w->mode) {
	case WIRE_WRITE:
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(*v >> (8 * i));
		wire_put(w, bytes, n);
		break;
	case WIRE_READ:
		*v = 0;
		in = wire_take(w, n);
		for (size_t i = 0; in != NULL && i < n; i++)
			*v |= (uint64_t)in[i] << (8 * i);
		break;
	case WIRE_CLOSE:
		break;
	}
}

void
wire_u8(struct wire *w, uint8_t *p)
{
	uint64_t v = *p;

	wire_number(w, &v, sizeof(*p));
	*p = (uint8_t)v;
}

void
wire_u16(struct wire *w, uint16_t *p)
{
	uint64_t v = *p;

	wire_number(w, &v, sizeof(*p));
	*p = (uint16_t)v;
}

void
wire_u32(struct wire *w, uint32_t *p)
{
	uint64_t v = *p;

	wire_number(w, &v, sizeof(*p));
	*p = (uint32_t)v;
}

void
wire_u64(struct wire *w, uint64_t *p)
{
	wire_number(w, p, sizeof(*p));
}

void
wire_enum(struct wire *w, uint8_t *p, unsigned count)
{
	wire_u8(w, p);
	if (*p >= count) {
		w->bad = true;
		*p = 0;
	}
}

void
wire_bool(struct wire *w, bool *p)
{
	uint8_t v = *p ? 1 : 0;

	wire_enum(w, &v, 2);
	*p = v == 1;
}

void
wire_count(struct wire *w, uint16_t *p, unsigned max)
{
	wire_u16(w, p);
	if (w->bad || *p > max) {
		w->bad = true;
		*p = 0;
	}
}

void
wire_str(struct wire *w, char *s, size_t size)
{
	const uint8_t *in;
	uint16_t len = 0;

	if (w->mode == WIRE_CLOSE)
		return;
	if (w->mode == WIRE_WRITE)
		len = (uint16_t)strnlen(s, size - 1);
	else
		s[0] = '\0';
	wire_count(w, &len, (unsigned)size - 1);
	if (w->mode == WIRE_WRITE) {
		wire_put(w, s, len);
		return;
	}
	in = wire_take(w, len);
	if (in == NULL)
		return;
	if (memchr(in, '\0', len) != NULL) {
		w->bad = true;
		return;
	}
	memcpy(s, in, len);
	s[len] = '\0';
}

void
wire_bytes(struct wire *w, void *p, size_t len)
{
	const uint8_t *in;

	switch (w->mode) {
	case WIRE_WRITE:
		wire_put(w, p, len);
		break;
	case WIRE_READ:
		in = wire_take(w, len);
		if (in == NULL)
			memset(p, 0, len);
		else
			memcpy(p, in, len);
		break;
	case WIRE_CLOSE:
		break;
	}
}

void
wire_fd(struct wire *w, int *fd)
{
	bool there = false;

	switch (w->mode) {
	case WIRE_WRITE:
		there = *fd != -1;
		wire_bool(w, &there);
		if (!there)
			break;
		if (w->nfds == WIRE_FDS_MAX)
			w->bad = true;
		else
			w->fds[w->nfds++] = *fd;
		break;
	case WIRE_READ:
		*fd = -1;
		wire_bool(w, &there);
		if (w->bad || !there)
			break;
		if (w->next_fd == w->nfds)
			w->bad = true;
		else
			*fd = w->fds[w->next_fd++];
		break;
	case WIRE_CLOSE:
		if (*fd != -1)
			(void)close(*fd);
		*fd = -1;
		break;
	}
}

bool
wire_done(const struct wire *w)
{
	return !w->bad && w->in_len == 0 && w->next_fd == w->nfds;
}
