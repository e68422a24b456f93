/* SPDX-License-Identifier: ISC */
/*
 * image_import.c - POST /images/import: an archive as it comes
 *
 * The body goes into a pipe that the job reads; when the pipe is full the
 * client waits.  Nothing of it is held here.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/admission.h"
#include "control/control.h"
#include "control/http.h"
#include "control/images.h"
#include "control/jobs.h"
#include "control/routes/routes.h"
#include "lib/io.h"
#include "lib/json.h"
#include "os/os.h"

#define IMPORT_NAMES_MAX	64	/* images in one archive */

struct import;

/* One image of the archive, while it is converted. */
struct part {
	struct image_waiter	 waiter;	/* first */
	struct import		*import;
	struct image		*image;
};

struct import {
	struct request	*request;	/* NULL: answered */
	struct control	*control;
	struct job	*job;
	int		 pipe;		/* -1: all is in, or nobody reads */
	struct event	*writable;
	bool		 linked;	/* http has it as its sink */
	json_t		*infos;		/* IMAGE lines */
	json_t		*result;	/* of the answer */
	unsigned	 open;		/* parts being converted */
	struct err	 err;
	bool		 failed;
};

static void
close_pipe(struct import *im)
{
	if (im->writable != NULL)
		event_free(im->writable);
	im->writable = NULL;
	if (im->pipe != -1)
		(void)close(im->pipe);
	im->pipe = -1;
}

/* Free it when neither http nor the job nor a part refers to it. */
static void
release(struct import *im)
{
	if (im->linked || im->job != NULL || im->open > 0 ||
	    im->request != NULL)
		return;
	close_pipe(im);
	json_decref(im->infos);
	json_decref(im->result);
	free(im);
}

static void
answer(struct import *im)
{
	struct request *r = im->request;

	im->request = NULL;
	if (r == NULL)
		return;
	if (im->failed)
		reply_err(r, &im->err);
	else
		reply_json(r, 200, json_incref(im->result));
}

static void
fail(struct import *im, const struct err *e)
{
	if (!im->failed)
		im->err = *e;
	im->failed = true;
}

/* --- converting what came ------------------------------------------------- */

static void
part_done(struct part *p, const struct image *i)
{
	struct import *im = p->import;
	struct err e;

	if (i != NULL && i->status == IMAGE_READY) {
		(void)json_array_append_new(im->result, image_json(i));
	} else {
		if (i != NULL)
			(void)image_err(i, &e);
		else
			(void)err_api(&e, ENOENT, "not_found",
			    "the image was removed");
		fail(im, &e);
	}
	free(p);
	if (--im->open == 0)
		answer(im);
	release(im);
}

static void
on_image(struct image_waiter *w, struct image *i)
{
	if (i != NULL && image_busy(i))
		return;
	if (i != NULL)
		TAILQ_REMOVE(&i->waiters, w, entry);
	part_done((struct part *)w, i);
}

static void
convert_one(struct import *im, const json_t *info, const struct caller *c)
{
	struct part *p = calloc(1, sizeof(*p));
	struct err e;

	if (p == NULL) {
		(void)err_sys(&e, "import");
		fail(im, &e);
		return;
	}
	p->import = im;
	p->waiter.changed = on_image;
	p->image = image_imported(im->control, info, c, &e);
	if (p->image == NULL) {
		fail(im, &e);
		free(p);
		return;
	}
	im->open++;
	TAILQ_INSERT_TAIL(&p->image->waiters, &p->waiter, entry);
	if (!image_busy(p->image))
		on_image(&p->waiter, p->image);
}

static void
on_line(void *arg, const char *event, const json_t *line)
{
	struct import *im = arg;
	json_t *info = json_object_get(line, "image");

	if (strcmp(event, "image") == 0 && json_is_object(info) &&
	    json_array_size(im->infos) < IMPORT_NAMES_MAX)
		(void)json_array_append(im->infos, info);
}

static void
on_done(void *arg, const json_t *last, const struct err *e)
{
	struct import *im = arg;
	const struct caller *c;
	json_t *info;
	size_t i;

	(void)last;
	im->job = NULL;
	close_pipe(im);
	if (e != NULL)
		fail(im, e);
	if (im->request == NULL) {
		release(im);
		return;
	}
	c = request_caller(im->request);
	/* One more, so that nothing is answered while the loop goes. */
	im->open = 1;
	json_array_foreach(im->infos, i, info)
		if (!im->failed)
			convert_one(im, info, c);
	if (--im->open == 0)
		answer(im);
	release(im);
}

/* --- the body ------------------------------------------------------------- */

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct import *im = arg;

	(void)fd;
	(void)what;
	if (im->request != NULL)
		request_more(im->request);
}

static ssize_t
on_body(void *arg, const void *data, size_t len)
{
	struct import *im = arg;
	ssize_t n;

	if (im->pipe == -1)
		return (ssize_t)len;
	n = write(im->pipe, data, len);
	if (n == -1 && errno == EPIPE) {
		/* The job has ended; it says why. */
		close_pipe(im);
		return (ssize_t)len;
	}
	if (n == -1)
		n = 0;
	if ((size_t)n < len)
		(void)event_add(im->writable, NULL);
	return n;
}

static void
on_end(void *arg)
{
	close_pipe(arg);
}

/* The client is gone, or was answered. */
static void
on_close(void *arg)
{
	struct import *im = arg;

	im->linked = false;
	if (im->request != NULL && im->job != NULL) {
		job_cancel(im->job);
		im->job = NULL;
	}
	im->request = NULL;
	release(im);
}

static int
start(struct import *im, const char *name, struct err *e)
{
	static const struct job_ops ops = { .line = on_line, .done = on_done };
	struct priv_job job;
	int fds[2];

	if (admission_disk(im->control, "disk", 0, e) == -1)
		return -1;
	if (os_pipe(fds) == -1)
		return err_sys(e, "pipe");
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_IMPORT;
	job.in = fds[0];
	(void)snprintf(job.ref, sizeof(job.ref), "%s", name);
	im->pipe = fds[1];
	(void)fd_nonblock(im->pipe, 1);
	im->writable = event_new(im->control->base, im->pipe, EV_WRITE,
	    on_writable, im);
	if (im->writable == NULL) {
		priv_close(PRIV_JOB_START, &job);
		return err_set(e, ENOMEM, "import: out of memory");
	}
	im->job = job_start(im->control, &job, &ops, im, e);
	return im->job == NULL ? -1 : 0;
}

/* The name the image is to have; refused where it is another user's. */
static int
take_name(char **ret, struct request *r, struct err *e)
{
	const char *text = "";
	const struct image *i;

	if (request_query(&text, r, "name", e) == -1)
		return -1;
	if (*text == '\0')
		return 0;
	i = image_find(request_context(r), text, NULL);
	if (i != NULL && image_mine(i, request_caller(r), e) == -1)
		return -1;
	return image_name(ret, text, e);
}

void
route_image_import(struct request *r)
{
	static const struct sink_ops sink = {
		.write = on_body, .end = on_end, .close = on_close,
	};
	struct import *im = calloc(1, sizeof(*im));
	char *name = NULL;
	struct err e;

	if (im == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	im->request = r;
	im->control = request_context(r);
	im->pipe = -1;
	im->infos = json_array();
	im->result = json_array();
	if (take_name(&name, r, &e) == -1 ||
	    start(im, name == NULL ? "" : name, &e) == -1) {
		reply_err(r, &e);
		im->request = NULL;
		release(im);
	} else {
		im->linked = true;
		request_sink(r, &sink, im);
	}
	free(name);
}
