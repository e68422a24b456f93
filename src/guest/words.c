/* SPDX-License-Identifier: ISC */
/* words.c - a row of strings; see words.h */

#include <errno.h>
#include <stdlib.h>

#include "agent/proto.h"
#include "guest/words.h"

#define FIRST	8	/* words and the NULL there is room for at first */

int
words_add(struct words *w, const char *word, struct err *e)
{
	size_t used = w->n + 1;		/* with the NULL */
	const char **v;

	if (w->n == AGENT_WORDS_MAX)
		return err_set(e, E2BIG, "more than %d", AGENT_WORDS_MAX);
	/* Full at each power of two from FIRST on. */
	if (w->v == NULL || (used >= FIRST && (used & (used - 1)) == 0)) {
		v = realloc(w->v, (w->v == NULL ? FIRST : used * 2) *
		    sizeof(*v));
		if (v == NULL)
			return err_sys(e, "out of memory");
		w->v = v;
	}
	w->v[w->n++] = word;
	w->v[w->n] = NULL;
	return 0;
}

void
words_fini(struct words *w)
{
	free(w->v);
	w->v = NULL;
	w->n = 0;
}
