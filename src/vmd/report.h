/* SPDX-License-Identifier: ISC */
/*
 * report.h - the first line of a program that was started
 *
 * A program writes "ok\n" to its descriptor 3 when it serves, or
 * "error TEXT\n".  Silence counts as an error after REPORT_TIMEOUT_MS.
 */

#ifndef VMD_REPORT_H
#define VMD_REPORT_H

#include <event2/event.h>

#include "lib/err.h"

#define REPORT_LINE_MAX		512	/* bytes; a longer line is cut */
#define REPORT_TIMEOUT_MS	60000

struct report;

/* e is NULL for ok.  The report is gone when it is called. */
typedef void report_fn(void *arg, const struct err *e);

/*
 * A pipe: *child is its write end for the program, close it after the start;
 * fn is called once, from the event loop.
 */
int	report_new(struct report **ret, int *child, struct event_base *,
	    report_fn *, void *arg, struct err *);
void	report_destroy(struct report *);

#endif
