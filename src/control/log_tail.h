/* SPDX-License-Identifier: ISC */
/*
 * log_tail.h - the last lines of a growing file, and what comes after
 *
 * The tail is found by reading blocks from the end.  Then the file is read
 * on; one that was cut is begun again, one that was replaced is read to its
 * end and the new one taken.
 */

#ifndef CONTROL_LOG_TAIL_H
#define CONTROL_LOG_TAIL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define LOG_LINE_MAX	2048	/* bytes of a line; longer ones are cut up */
#define LOG_TAIL_MAX	UINT32_MAX	/* lines that can be asked for */

struct log_tail;

/*
 * The last 'lines' lines of 'name' below dirfd, which is duplicated.
 * Refused: log_not_found, unless follow is set: then it may come yet.
 */
int	log_tail_open(struct log_tail **, int dirfd, const char *name,
	    size_t lines, bool follow, struct err *);
void	log_tail_close(struct log_tail *);
OWN_DEFINE(struct log_tail, log_tail_close);

/*
 * The next line without its end: 1; 0: nothing now; -1: the end (not when
 * following).  The line lives until the next call.  A last line without a
 * newline comes when the file is not followed, or was replaced.
 */
int	log_tail_next(struct log_tail *, const char **line, size_t *len);

/*
 * 'text' as an event: data: "..."\n\n with what is no UTF-8 replaced.
 * Bytes, or 0 when it does not fit in room.
 */
size_t	log_event(char *to, size_t room, const char *text, size_t len);
#define LOG_EVENT_MAX	(LOG_LINE_MAX * 6 + 16)	/* bytes of one, at most */

#endif
