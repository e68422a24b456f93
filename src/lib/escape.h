/* SPDX-License-Identifier: ISC */
/* escape.h - the escapes of cu(1) in what is typed at a console */

#ifndef LIB_ESCAPE_H
#define LIB_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum escape_action {
	ESCAPE_NONE,
	ESCAPE_LEAVE,		/* ~. or ~^D */
	ESCAPE_BREAK,		/* ~# */
	ESCAPE_WRITE,		/* ~w, which cu has not */
	ESCAPE_HELP,		/* ~? */
	ESCAPE_SUSPEND,		/* ~^Z */
};

/* Where we are in the line; starts with {true, false}. */
struct escape {
	bool	line_start;	/* a tilde would be an escape */
	bool	tilde;		/* one was typed */
};

/*
 * Copy typed bytes to 'out', of len + 1 bytes, up to an action.  Returns
 * how many of them were used; *outlen is set to how many came out.
 */
size_t	escape_filter(struct escape *, const uint8_t *in, size_t len,
	    uint8_t *out, size_t *outlen, enum escape_action *);

#endif
