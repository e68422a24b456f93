/* SPDX-License-Identifier: ISC */
/* words.h - a row of strings, as execve(2) wants it */

#ifndef GUEST_WORDS_H
#define GUEST_WORDS_H

#include <stddef.h>

#include "lib/err.h"

struct words {
	const char	**v;	/* NULL at the end; NULL while empty */
	size_t		  n;	/* at most AGENT_WORDS_MAX */
};

/* Append a string, which is borrowed.  E2BIG when the row is full. */
int	words_add(struct words *, const char *, struct err *);
void	words_fini(struct words *);

#endif
