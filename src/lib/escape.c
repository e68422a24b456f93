/* SPDX-License-Identifier: ISC */
/* escape.c - the escapes of cu(1); see escape.h */

#include "lib/escape.h"

static enum escape_action
action_of(uint8_t c)
{
	switch (c) {
	case '.':
	case 'D' & 0x1f:
		return ESCAPE_LEAVE;
	case '#':
		return ESCAPE_BREAK;
	case 'w':
		return ESCAPE_WRITE;
	case '?':
		return ESCAPE_HELP;
	case 'Z' & 0x1f:
		return ESCAPE_SUSPEND;
	default:
		return ESCAPE_NONE;
	}
}

size_t
escape_filter(struct escape *s, const uint8_t *in, size_t len, uint8_t *out,
    size_t *outlen, enum escape_action *action)
{
	size_t i, n = 0;

	*action = ESCAPE_NONE;
	for (i = 0; i < len && *action == ESCAPE_NONE; i++) {
		if (s->tilde) {
			s->tilde = false;
			*action = action_of(in[i]);
			s->line_start = *action != ESCAPE_NONE;
			if (*action != ESCAPE_NONE)
				continue;
			/* "~~" is one tilde; "~x" was meant as it stands. */
			out[n++] = '~';
			if (in[i] == '~')
				continue;
		} else if (s->line_start && in[i] == '~') {
			s->tilde = true;
			continue;
		}
		out[n++] = in[i];
		s->line_start = in[i] == '\r' || in[i] == '\n';
	}
	*outlen = n;
	return i;
}
