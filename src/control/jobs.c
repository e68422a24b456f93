/* SPDX-License-Identifier: ISC */
/* jobs.c - programs that vmd runs for us once; see jobs.h */

#include <sys/queue.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/control.h"
#include "control/jobs.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "priv/client.h"

struct job {
	TAILQ_ENTRY(job)	 entry;
	struct control		*control;
	const struct job_ops	*ops;		/* NULL: cancelled */
	void			*arg;
	uint32_t		 number;	/* vmd's */
	bool			 started;	/* number is known */
	bool			 ended;		/* status is known */
	int			 status;	/* as wait(2) gives it */
	int			 out;		/* its report; -1: end */
	struct event		*readable;
	struct buf		 text;
	json_t			*last;		/* the "done" line */
	bool			 failed;
	struct err		 err;
};

/* Codes of the image jobs; an err's code must outlive it. */
static const struct { const char *theirs, *ours; } codes[] = {
	{ "not_found", "not_found" },
	/* Not the caller of the API: the registry refused us. */
	{ "unauthorized", "registry_unauthorized" },
	{ "platform_not_available", "platform_not_available" },
	{ "rate_limited", "rate_limited" },
	{ "network", "network" },
	{ "invalid_reference", "invalid_name" },
	{ "invalid_image", "invalid_image" },
	{ "invalid_archive", "invalid_archive" },
	{ "disk_full", "disk_full" },
	{ "busy", "conflict" },
	{ "io", "io" },
};

static void
job_free(struct job *j)
{
	TAILQ_REMOVE(&j->control->jobs, j, entry);
	if (j->readable != NULL)
		event_free(j->readable);
	if (j->out != -1)
		(void)close(j->out);
	buf_fini(&j->text);
	json_decref(j->last);
	free(j);
}

static void
job_fail(struct job *j, const struct err *e)
{
	if (!j->failed)
		j->err = *e;
	j->failed = true;
}

/* Both the report's end and the exit status are in. */
static void
job_finish(struct job *j)
{
	struct err e;

	if (j->out != -1 || (j->started && !j->ended))
		return;
	if (!j->failed && j->last == NULL && j->status != 0) {
		if (WIFSIGNALED(j->status))
			(void)err_api(&e, EIO, "job_failed",
			    "the job was killed by signal %d",
			    WTERMSIG(j->status));
		else
			(void)err_api(&e, EIO, "job_failed", "the job failed; "
			    "the daemon's log has its words");
		job_fail(j, &e);
	}
	if (j->ops != NULL)
		j->ops->done(j->arg, j->last, j->failed ? &j->err : NULL);
	job_free(j);
}

static void
job_error(struct job *j, const json_t *line)
{
	const char *code = "io", *text = "the job failed";
	struct err e;
	size_t i;

	(void)json_get_str(&code, line, "code", 64, NULL);
	(void)json_get_str(&text, line, "message", JOB_LINE_MAX, NULL);
	for (i = 0; i < COUNT(codes) - 1; i++)
		if (strcmp(codes[i].theirs, code) == 0)
			break;
	(void)err_api(&e, EIO, codes[i].ours, "%s", text);
	job_fail(j, &e);
}

static void
job_line(struct job *j, const char *text, size_t len)
{
	own_json json_t *line = NULL;
	const char *event = NULL;

	/* Programs that know no events say "ok" and then nothing. */
	if (j->ops == NULL || json_parse(&line, text, len, NULL) == -1 ||
	    json_get_str(&event, line, "event", 32, NULL) != 1)
		return;
	if (strcmp(event, "done") == 0) {
		json_decref(j->last);
		j->last = json_incref(line);
	} else if (strcmp(event, "error") == 0) {
		job_error(j, line);
	} else if (j->ops->line != NULL) {
		j->ops->line(j->arg, event, line);
	}
}

static void
job_lines(struct job *j)
{
	const uint8_t *nl;

	while ((nl = memchr(j->text.data, '\n', j->text.len)) != NULL) {
		size_t len = (size_t)(nl - j->text.data);

		job_line(j, (const char *)j->text.data, len);
		buf_drain(&j->text, len + 1);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;
	uint8_t *room = buf_reserve(&j->text, 4096);
	struct err e;
	ssize_t n = -1;

	(void)what;
	if (room == NULL) {
		(void)err_api(&e, EIO, "io", "the job's report has a line of "
		    "more than %d bytes", JOB_LINE_MAX);
		job_fail(j, &e);
	} else {
		n = read(fd, room, 4096);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
	}
	if (n > 0) {
		buf_added(&j->text, (size_t)n);
		job_lines(j);
		return;
	}
	event_free(j->readable);
	j->readable = NULL;
	(void)close(j->out);
	j->out = -1;
	job_finish(j);
}

static void
on_started(void *arg, struct priv_job_started *s, const struct err *e)
{
	struct job *j = arg;

	if (e != NULL) {
		job_fail(j, e);
		job_finish(j);
		return;
	}
	j->started = true;
	j->number = s->job;
	j->out = s->out;
	s->out = -1;
	if (j->ops == NULL)
		job_cancel(j);
	(void)fd_nonblock(j->out, 1);
	j->readable = event_new(j->control->base, j->out,
	    EV_READ | EV_PERSIST, on_readable, j);
	if (j->readable != NULL)
		(void)event_add(j->readable, NULL);
}

struct job *
job_start(struct control *ctl, struct priv_job *what,
    const struct job_ops *ops, void *arg, struct err *e)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		priv_close(PRIV_JOB_START, what);
		(void)err_sys(e, "job");
		return NULL;
	}
	j->control = ctl;
	j->ops = ops;
	j->arg = arg;
	j->out = -1;
	buf_init(&j->text, JOB_LINE_MAX + 4096);
	TAILQ_INSERT_TAIL(&ctl->jobs, j, entry);
	priv_job_start(ctl->priv, what, on_started, j);
	return j;
}

void
job_cancel(struct job *j)
{
	j->ops = NULL;
	if (j->started && !j->ended)
		priv_job_kill(j->control->priv, j->number, priv_ignore, NULL);
}

void
jobs_ended(struct control *ctl, uint32_t number, int status)
{
	struct job *j;

	TAILQ_FOREACH(j, &ctl->jobs, entry) {
		if (j->started && !j->ended && j->number == number) {
			j->ended = true;
			j->status = status;
			job_finish(j);
			return;
		}
	}
}
