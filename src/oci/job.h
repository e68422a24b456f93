/* SPDX-License-Identifier: ISC */
/*
 * job.h - what a job tells whoever started it: JSON, one object a line
 *
 * ARCHITECTURE.md, "Image jobs", has the lines.  The last one is that of
 * job_done() or job_failed().  A reader that went away is no error: the job
 * goes on, its work is for the store.
 */

#ifndef OCI_JOB_H
#define OCI_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"

#define JOB_LINE_MAX	(1U << 20)	/* bytes of a line */

enum job_phase {
	JOB_RESOLVING,	/* asking the registry what the name means */
	JOB_PULLING,	/* bytes and layers come from the registry */
	JOB_IMPORTING,	/* bytes come from an archive */
	JOB_CONVERTING,	/* layers become a root image */
};

struct progress {
	enum job_phase	phase;
	uint64_t	bytes_done;
	uint64_t	bytes_total;	/* 0: not known */
	unsigned	layers_done;
	unsigned	layers_total;
};

/* Where the lines go; the descriptor stays the caller's. */
void	job_init(int fd);

/* At most a few lines a second; a change of phase is always told. */
void	job_progress(const struct progress *);
/* {"event":event, ...members}; the members are consumed. */
void	job_event(const char *event, json_t *members);
void	job_failed(const struct err *);

/*
 * SIGTERM, SIGINT or SIGHUP came: stop, clean up, fail.  job_interrupted()
 * is set from then on; job_check() says so in an err and returns -1.
 */
void	job_catch_signals(void);
bool	job_interrupted(void);
int	job_check(struct err *);

#endif
