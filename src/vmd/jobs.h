/* SPDX-License-Identifier: ISC */
/* jobs.h - short-lived programs for vmd-control; see struct priv_job */

#ifndef VMD_JOBS_H
#define VMD_JOBS_H

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/control.h"
#include "vmd/monitor.h"

#define JOB_GRACE_MS	5000	/* from SIGTERM to SIGKILL */

int	jobs_init(struct monitor *, struct err *);
void	jobs_fini(struct monitor *);

/* Start one and answer.  -1: why not. */
int	jobs_start(struct monitor *, const struct priv_job *, struct asker,
	    struct err *);

/* End a job; no job of the number is no error. */
void	jobs_kill(struct monitor *, uint32_t job);

/* End all: who asked for them is gone. */
void	jobs_end(struct monitor *);

#endif
