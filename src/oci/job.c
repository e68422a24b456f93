/* SPDX-License-Identifier: ISC */
/* job.c - what a job tells whoever started it; see job.h */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "oci/job.h"
#include "os/os.h"

#define PROGRESS_MS	200	/* between two lines of progress */

static int			 report = -1;
static volatile sig_atomic_t	 interrupted;

void
job_init(int fd)
{
	report = fd;
	(void)signal(SIGPIPE, SIG_IGN);
}

static void
line_put(const json_t *v)
{
	own_mem char *text = json_print(v);
	size_t len = text == NULL ? 0 : strlen(text);

	if (len == 0 || len >= JOB_LINE_MAX)
		return;
	text[len] = '\n';
	if (write_full(report, text, len + 1) == -1)
		return;	/* the reader is gone */
}

void
job_event(const char *event, json_t *members)
{
	own_json json_t *line = json_pack("{ss}", "event", event);

	if (line != NULL && members != NULL)
		(void)json_object_update(line, members);
	json_decref(members);
	if (line != NULL)
		line_put(line);
}

void
job_progress(const struct progress *p)
{
	static const char *const names[] = {
		[JOB_RESOLVING]		= "resolving",
		[JOB_PULLING]		= "pulling",
		[JOB_IMPORTING]		= "importing",
		[JOB_CONVERTING]	= "converting",
	};
	static struct progress last;
	static uint64_t told_ms;
	uint64_t now = os_now_ms();
	bool end = p->bytes_total != 0 && p->bytes_done == p->bytes_total;

	if (told_ms != 0 && last.phase == p->phase && !end &&
	    now - told_ms < PROGRESS_MS)
		return;
	if (told_ms != 0 && memcmp(&last, p, sizeof(last)) == 0)
		return;
	told_ms = now;
	last = *p;
	job_event("progress", json_pack("{ss sI sI si si}",
	    "phase", names[p->phase],
	    "bytes_done", (json_int_t)p->bytes_done,
	    "bytes_total", (json_int_t)p->bytes_total,
	    "layers_done", (int)p->layers_done,
	    "layers_total", (int)p->layers_total));
}

/*
 * Names in a message come from strangers: nothing in it may move a
 * terminal's cursor, and it must be UTF-8.
 */
static json_t *
clean_text(const char *text)
{
	char copy[ERR_TEXT_MAX];
	json_t *v;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	v = json_string(copy);
	if (v != NULL)
		return v;
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p > 0x7f)
			*p = '?';
	return json_string(copy);
}

void
job_failed(const struct err *e)
{
	const char *code = e->code;

	if (code == NULL)
		code = e->num == ENOSPC || e->num == EDQUOT ? "disk_full" :
		    "io";
	job_event("error", json_pack("{ss so}", "code", code,
	    "message", clean_text(e->text)));
}

static void
on_signal(int sig)
{
	interrupted = sig;
}

void
job_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	/* Without SA_RESTART: what waits is to notice. */
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
}

bool
job_interrupted(void)
{
	return interrupted != 0;
}

int
job_check(struct err *e)
{
	if (!job_interrupted())
		return 0;
	return err_api(e, EINTR, "interrupted", "interrupted by a signal");
}
