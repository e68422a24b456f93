/* SPDX-License-Identifier: ISC */
/*
 * plain.c - text without what a terminal obeys; see plain.h
 *
 * Source: ECMA-48, 5th edition, 5.3 to 5.6; C1 as UTF-8 and as bytes.
 */

#include <stdbool.h>
#include <string.h>

#include "lib/plain.h"

#define ESC	0x1b
#define BEL	0x07
#define ST	0x9c		/* C1: a string's end */

enum where {
	IN_TEXT,
	IN_ESCAPE,		/* behind ESC */
	IN_CSI,			/* behind ESC [ */
	IN_STRING,		/* ESC ] and its like: to ESC \, ST or BEL */
};

struct plain {
	uint8_t		*text;
	size_t		 out;	/* bytes that stay */
	size_t		 begin;	/* of the sequence we are in */
	enum where	 where;
	unsigned	 more;	/* bytes of this UTF-8 character to come */
};

/* Behind what a C1 character, or ESC and a character, is we are there. */
static enum where
introduces(uint8_t c1)
{
	switch (c1) {
	case 0x9b:		/* CSI */
		return IN_CSI;
	case 0x90: case 0x98: case 0x9d: case 0x9e: case 0x9f:
		return IN_STRING;	/* DCS, SOS, OSC, PM, APC */
	default:
		return IN_TEXT;
	}
}

static unsigned
utf8_more(uint8_t c)
{
	return c >= 0xf0 && c < 0xf8 ? 3 : c >= 0xe0 ? c < 0xf0 ? 2 : 0 :
	    c >= 0xc2 ? 1 : 0;
}

static void
in_text(struct plain *p, uint8_t c)
{
	bool c1 = c >= 0x80 && c < 0xa0;

	if (c1 && p->more == 1 && p->text[p->out - 1] == 0xc2) {
		p->out--;	/* C1, as UTF-8 has it */
		p->more = 0;
		p->where = introduces(c);
		return;
	}
	if (c >= 0x80 && c < 0xc0 && p->more > 0) {
		p->more--;
		p->text[p->out++] = c;
		return;
	}
	p->more = utf8_more(c);
	if (c1)
		p->where = introduces(c);
	else if (c == ESC)
		p->where = IN_ESCAPE;
	else if (c == '\n' || c == '\r' || c == '\t' || c == '\b' ||
	    (c >= 0x20 && c != 0x7f))
		p->text[p->out++] = c;
}

/* A whole control sequence: does it only say a colour? */
static bool
is_colour(const uint8_t *s, size_t len)
{
	if (len < 3 || s[0] != ESC || s[1] != '[' || s[len - 1] != 'm')
		return false;
	for (size_t i = 2; i < len - 1; i++)
		if (strchr("0123456789;:", s[i]) == NULL || s[i] == '\0')
			return false;
	return true;
}

/* text[at] is behind the introducer. */
static void
in_csi(struct plain *p, size_t at)
{
	uint8_t c = p->text[at];

	if (c >= 0x20 && c < 0x40)
		return;
	if (c >= 0x40 && is_colour(p->text + p->begin, at + 1 - p->begin)) {
		memmove(p->text + p->out, p->text + p->begin,
		    at + 1 - p->begin);
		p->out += at + 1 - p->begin;
	}
	p->where = c == ESC ? IN_ESCAPE : IN_TEXT;
}

static void
in_escape(struct plain *p, uint8_t c)
{
	if (c == ESC || (c >= 0x20 && c < 0x30))
		return;
	p->where = c >= 0x40 && c < 0x60 ? introduces(c + 0x40) : IN_TEXT;
}

size_t
plain_text(uint8_t *text, size_t len)
{
	struct plain p = { .text = text };

	for (size_t i = 0; i < len; i++) {
		uint8_t c = text[i];

		if (p.where == IN_TEXT || c == ESC)
			p.begin = i;
		switch (p.where) {
		case IN_TEXT:
			in_text(&p, c);
			break;
		case IN_ESCAPE:
			in_escape(&p, c);
			break;
		case IN_CSI:
			in_csi(&p, i);
			break;
		case IN_STRING:
			if (c == ESC)
				p.where = IN_ESCAPE;
			else if (c == BEL || c == ST)
				p.where = IN_TEXT;
			break;
		}
	}
	return p.out;
}
