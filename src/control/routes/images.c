/* SPDX-License-Identifier: ISC */
/* images.c - /images: list, get, create, delete, prune */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"
#include "control/http.h"
#include "control/images.h"
#include "control/jobs.h"
#include "control/routes/routes.h"
#include "lib/json.h"

void
route_images_list(struct request *r)
{
	const struct control *ctl = request_context(r);
	own_json json_t *list = json_array();
	const struct image *i;
	struct err e;
	int fits;

	TAILQ_FOREACH(i, &ctl->images, entry) {
		fits = request_tags_fit(r, i->tags, &e);
		if (fits == -1) {
			reply_err(r, &e);
			return;
		}
		if (fits)
			(void)json_array_append_new(list, image_json(i));
	}
	reply_json(r, 200, take(&list));
}

void
route_image_get(struct request *r)
{
	struct err e;
	const struct image *i = image_find(request_context(r),
	    request_param(r), &e);

	if (i == NULL)
		reply_err(r, &e);
	else
		reply_json(r, 200, image_json(i));
}

static int
take_request(struct image_request *q, json_t **tags, const json_t *doc,
    struct err *e)
{
	static const char *const known[] = {
		"name", "platform", "credentials", "tags", NULL,
	};
	const json_t *credentials = json_object_get(doc, "credentials");

	if (doc == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "a body with name is needed");
	if (json_only(doc, known, e) == -1 ||
	    json_get_str(&q->name, doc, "name", SPEC_IMAGE_MAX, e) == -1 ||
	    json_get_str(&q->platform, doc, "platform", SPEC_PLATFORM_MAX,
	    e) == -1)
		return -1;
	if (q->name == NULL || *q->name == '\0')
		return err_api(e, EINVAL, "invalid_request",
		    "name: is missing");
	if (q->platform != NULL && *q->platform == '\0')
		q->platform = NULL;
	if (credentials != NULL && !json_is_null(credentials))
		return err_api(e, ENOTSUP, "not_supported", "credentials: this "
		    "version uses the user's docker configuration: log in "
		    "with \"skopeo login\" or \"docker login\"");
	return spec_tags(tags, doc, e) == -1 ? -1 : 0;
}

void
route_image_create(struct request *r)
{
	struct image_request q = { .uid = request_caller(r)->uid,
	    .client = request_socket(r) };
	own_json json_t *tags = NULL;
	struct image *i;
	struct err e;

	if (take_request(&q, &tags, request_json(r), &e) == -1) {
		reply_err(r, &e);
		return;
	}
	q.tags = tags;
	if (image_pull(&i, request_context(r), &q, &e) == -1)
		reply_err(r, &e);
	else
		reply_json(r, 202, image_json(i));
}

/* --- delete --------------------------------------------------------------- */

static void
on_removed(void *arg, const struct err *e)
{
	if (e != NULL)
		reply_err(arg, e);
	else
		reply_empty(arg, 204);
}

void
route_image_delete(struct request *r)
{
	struct err e;
	struct image *i = image_find(request_context(r), request_param(r),
	    &e);

	if (i == NULL || image_mine(i, request_caller(r), &e) == -1)
		reply_err(r, &e);
	else
		image_remove(i, on_removed, r);
}

/* --- prune ---------------------------------------------------------------- */

struct prune {
	struct request	*request;
	struct control	*control;
	json_t		*deleted;
	bool		 all;
	unsigned	 open;		/* removals at work */
};

static void
on_prune_line(void *arg, const char *event, const json_t *line)
{
	struct prune *p = arg;
	json_t *name = json_object_get(line, "name");

	if (strcmp(event, "deleted") != 0)
		return;
	if (json_string_length(name) == 0)
		name = json_object_get(line, "digest");
	if (name != NULL)
		(void)json_array_append(p->deleted, name);
}

static void
prune_free(struct prune *p)
{
	json_decref(p->deleted);
	free(p);
}

static void
on_prune_done(void *arg, const json_t *last, const struct err *e)
{
	struct prune *p = arg;
	uint64_t freed = 0;

	(void)json_get_u64(&freed, last, "freed_bytes", 0, INT64_MAX, NULL);
	if (e != NULL)
		reply_err(p->request, e);
	else
		reply_json(p->request, 200, json_pack("{s:O,s:I}", "deleted",
		    p->deleted, "reclaimed_bytes", (json_int_t)freed));
	prune_free(p);
}

static int
keep(struct priv_job *job, const char *digest, struct err *e)
{
	if (digest == NULL)
		return 0;
	for (uint16_t i = 0; i < job->nkeep; i++)
		if (strcmp(job->keep[i], digest) == 0)
			return 0;
	if (job->nkeep == PRIV_KEEP_MAX)
		return err_api(e, E2BIG, "conflict", "instances and snapshots "
		    "use more than %d images: remove images one by one",
		    PRIV_KEEP_MAX);
	(void)snprintf(job->keep[job->nkeep++], sizeof(job->keep[0]), "%s",
	    digest);
	return 0;
}

static int
keep_used(struct priv_job *job, const struct control *ctl, struct err *e)
{
	const struct snapshot *s;
	const struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry)
		if (keep(job, vm->digest, e) == -1)
			return -1;
	TAILQ_FOREACH(s, &ctl->snapshots, entry)
		if (keep(job, s->digest, e) == -1)
			return -1;
	return 0;
}

/* What no name leads to, and no instance runs, goes from the store. */
static void
prune_store(struct prune *p)
{
	static const struct job_ops ops = {
		.line = on_prune_line, .done = on_prune_done,
	};
	struct priv_job job;
	struct err e;

	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_PRUNE;
	if (keep_used(&job, p->control, &e) == 0 &&
	    job_start(p->control, &job, &ops, p, &e) != NULL)
		return;
	on_prune_done(p, NULL, &e);
}

static void
on_one(void *arg, const struct err *e)
{
	struct prune *p = arg;

	(void)e;	/* in use, or being pulled: it stays */
	if (--p->open == 0)
		prune_store(p);
}

static bool
is_used(const struct control *ctl, const struct image *i)
{
	const char *d = image_digest(i);
	const struct snapshot *s;
	const struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry)
		if (d != NULL && vm->digest != NULL &&
		    strcmp(vm->digest, d) == 0)
			return true;
	TAILQ_FOREACH(s, &ctl->snapshots, entry)
		if (d != NULL && s->digest != NULL &&
		    strcmp(s->digest, d) == 0)
			return true;
	return image_busy(i) || i->removing;
}

/* With all: names, too, that no instance uses. */
static void
prune_names(struct prune *p)
{
	struct control *ctl = p->control;
	struct image *i, *next;

	p->open = 1;
	for (i = TAILQ_FIRST(&ctl->images); p->all && i != NULL; i = next) {
		next = TAILQ_NEXT(i, entry);
		if (is_used(ctl, i) ||
		    !auth_owns(request_caller(p->request), i->owner))
			continue;
		(void)json_array_append_new(p->deleted,
		    json_string(i->name));
		p->open++;
		image_remove(i, on_one, p);
	}
	on_one(p, NULL);
}

void
route_image_prune(struct request *r)
{
	static const char *const known[] = { "all", NULL };
	struct prune *p = calloc(1, sizeof(*p));
	struct err e;

	if (p == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	p->request = r;
	p->control = request_context(r);
	p->deleted = json_array();
	p->all = true;
	if (request_json(r) != NULL &&
	    (json_only(request_json(r), known, &e) == -1 ||
	    json_get_bool(&p->all, request_json(r), "all", &e) == -1)) {
		reply_err(r, &e);
		prune_free(p);
		return;
	}
	prune_names(p);
}
