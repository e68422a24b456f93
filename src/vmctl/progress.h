/* SPDX-License-Identifier: ISC */
/*
 * progress.h - how far something is, on standard error
 *
 * On a terminal one line that is drawn again, with a bar; else a line when
 * the phase or the number of layers changes.
 */

#ifndef VMCTL_PROGRESS_H
#define VMCTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool		 quiet, terminal;
	const char	*what;		/* the caller's, for the whole time */
	char		 phase[32];	/* as printed last */
	uint64_t	 layers;
	uint64_t	 begin_ms, begin_bytes;	/* of the rate */
	uint64_t	 drawn_ms;
	bool		 drawn;		/* the line has to be ended */
};

/* One moment; what is not known is 0. */
struct moment {
	const char	*phase;		/* "pulling", "converting" */
	uint64_t	 done, total;	/* bytes */
	uint64_t	 layers_done, layers_total;
};

void	progress_begin(struct progress *, const char *what, bool quiet);
void	progress_show(struct progress *, const struct moment *);
/* Remove the line; 'last', which may be NULL, is printed in its place. */
void	progress_end(struct progress *, const char *last);

/* The line for a moment in 'width' columns; for progress_show() and tests. */
void	progress_line(char *buf, size_t len, const struct progress *,
	    const struct moment *, uint64_t rate, size_t width);

#endif
