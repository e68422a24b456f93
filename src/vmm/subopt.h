/* SPDX-License-Identifier: ISC */
/*
 * subopt.h - options whose value is a list: --disk a.raw,readonly,queues=2
 *
 * A table says which words there are and where their values go.
 */

#ifndef VMM_SUBOPT_H
#define VMM_SUBOPT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum subopt_kind {
	SUBOPT_TEXT,	/* const char * */
	SUBOPT_SIZE,	/* uint64_t: bytes, as 512M */
	SUBOPT_NUMBER,	/* uint64_t */
	SUBOPT_FLAG,	/* bool: the word alone, or =on or =off */
	SUBOPT_CALL,	/* set() */
};

struct subopt {
	const char		*name;	/* "" is the first word without '=' */
	enum subopt_kind	 kind;
	size_t			 offset;	/* of the value in *to */
	uint64_t		 min, max;	/* SIZE and NUMBER */
	int			(*set)(void *to, const char *value,
				    struct err *);
};

/*
 * Cut 'text' at its commas, in place, and set the values in *to, which
 * point into it.  The table ends with a NULL name.  Refused: a word that is
 * not in it, a value that is missing or wrong.  A comma cannot be part of a
 * value.
 */
int	subopt_parse(char *text, const struct subopt *, void *to,
	    struct err *);

#endif
