/* SPDX-License-Identifier: ISC */
/* disk_copy.c - copies of disks; see disk_copy.h */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/control.h"
#include "control/disk_copy.h"
#include "control/jobs.h"
#include "lib/own.h"
#include "os/os.h"

struct work {
	struct event	*soon;		/* nothing had to be waited for */
	disk_fn		*done;
	void		*arg;
};

static void
work_end(struct work *w, const struct err *e)
{
	if (w->soon != NULL)
		event_free(w->soon);
	w->done(w->arg, e);
	free(w);
}

static void
on_job(void *arg, const json_t *last, const struct err *e)
{
	(void)last;
	work_end(arg, e);
}

static void
on_soon(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	work_end(arg, NULL);
}

static int
work_new(struct work **ret, disk_fn *done, void *arg, struct err *e)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_sys(e, "disk");
	w->done = done;
	w->arg = arg;
	*ret = w;
	return 0;
}

static int
run_job(struct control *ctl, struct priv_job *job, struct work *w,
    struct err *e)
{
	static const struct job_ops ops = { .done = on_job };

	if (job_start(ctl, job, &ops, w, e) != NULL)
		return 0;
	free(w);
	return -1;
}

static int
run_copy(struct control *ctl, int from, int to, struct work *w,
    struct err *e)
{
	struct priv_job job;

	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_COPY;
	job.in = fcntl(from, F_DUPFD_CLOEXEC, 0);
	job.to = fcntl(to, F_DUPFD_CLOEXEC, 0);
	return run_job(ctl, &job, w, e);
}

static int
tell_soon(struct control *ctl, struct work *w, struct err *e)
{
	w->soon = event_new(ctl->base, -1, 0, on_soon, w);
	if (w->soon == NULL) {
		free(w);
		return err_sys(e, "disk");
	}
	event_active(w->soon, 0, 0);
	return 0;
}

int
disk_copy(struct control *ctl, int from, const struct os_name *name,
    disk_fn *done, void *arg, struct err *e)
{
	struct work *w = NULL;
	own_fd int to = os_clone(from, name);
	bool cloned = to != -1;

	if (!cloned)
		to = openat(name->dirfd, name->name, O_RDWR | O_CREAT |
		    O_EXCL | O_CLOEXEC | O_NOFOLLOW, name->mode);
	if (to == -1)
		return err_sys(e, "make %s", name->name);
	if (work_new(&w, done, arg, e) == 0 && (cloned ?
	    tell_soon(ctl, w, e) : run_copy(ctl, from, to, w, e)) == 0)
		return take_fd(&to);
	(void)unlinkat(name->dirfd, name->name, 0);
	return -1;
}

int
disk_gunzip(struct control *ctl, int from, int to, disk_fn *done, void *arg,
    struct err *e)
{
	struct work *w = NULL;
	struct priv_job job;

	if (work_new(&w, done, arg, e) == -1)
		return -1;
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_GUNZIP;
	job.in = fcntl(from, F_DUPFD_CLOEXEC, 0);
	job.to = fcntl(to, F_DUPFD_CLOEXEC, 0);
	return run_job(ctl, &job, w, e);
}

int
disk_sync(struct control *ctl, int fd, disk_fn *done, void *arg,
    struct err *e)
{
	struct work *w = NULL;
	struct priv_job job;

	if (work_new(&w, done, arg, e) == -1)
		return -1;
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_SYNC;
	job.in = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return run_job(ctl, &job, w, e);
}
