/* SPDX-License-Identifier: ISC */
/*
 * jobs.h - programs that vmd runs for us once: image work, mke2fs, probes
 *
 * A job's report is JSON lines (ARCHITECTURE.md, "Image jobs"); one that has
 * none succeeds by ending with status 0.
 */

#ifndef CONTROL_JOBS_H
#define CONTROL_JOBS_H

#include <jansson.h>

#include "lib/err.h"
#include "priv/request.h"

#define JOB_LINE_MAX	65536	/* bytes of a line */

struct control;
struct job;

struct job_ops {
	/* One line of the report, but "done" and "error". */
	void	(*line)(void *arg, const char *event, const json_t *);
	/*
	 * The end: e is NULL when it worked.  'last' is the "done" line or
	 * NULL.  The job is freed when this returns.
	 */
	void	(*done)(void *arg, const json_t *last, const struct err *e);
};

/*
 * Start it.  Descriptors in 'what' are given away.  The callbacks come from
 * the event loop, done exactly once.  NULL: out of memory, said in the err.
 */
struct job *job_start(struct control *, struct priv_job *what,
	    const struct job_ops *, void *arg, struct err *);

/* Stop it.  No callback comes any more. */
void	job_cancel(struct job *);

/* vmd says that a job ended; from the event of the priv client. */
void	jobs_ended(struct control *, uint32_t number, int status);

#endif
