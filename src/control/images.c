/* SPDX-License-Identifier: ISC */
/* images.c - images and their pulls; see images.h */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/admission.h"
#include "control/control.h"
#include "control/database.h"
#include "control/http.h"
#include "control/image_names.h"
#include "control/images.h"
#include "control/jobs.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"

static void queue_run(struct control *);

/* --- the table ------------------------------------------------------------ */

static void
image_free(struct image *i)
{
	if (i == NULL)
		return;
	free(i->name);
	free(i->platform);
	json_decref(i->info);
	json_decref(i->next);
	json_decref(i->tags);
	if (i->client != -1)
		(void)close(i->client);
	free(i);
}
OWN_DEFINE(struct image, image_free);

static struct image *
by_name(const struct control *ctl, const char *name)
{
	struct image *i;

	TAILQ_FOREACH(i, &ctl->images, entry)
		if (strcmp(i->name, name) == 0)
			return i;
	return NULL;
}

static struct image *
by_digest(const struct control *ctl, const char *digest)
{
	struct image *i;
	const char *d;

	TAILQ_FOREACH(i, &ctl->images, entry) {
		d = image_digest(i);
		if (d != NULL && strcmp(d, digest) == 0)
			return i;
	}
	return NULL;
}

struct image *
image_find(const struct control *ctl, const char *text, struct err *e)
{
	own_mem char *name = NULL;
	struct image *i = NULL;

	if (strncmp(text, "sha256:", 7) == 0)
		i = by_digest(ctl, text);
	else if (image_name(&name, text, e) == -1)
		return NULL;
	if (name != NULL)
		i = by_name(ctl, name);
	if (i == NULL)
		(void)err_api(e, ENOENT, "not_found",
		    "there is no image \"%.256s\" here", text);
	return i;
}

static struct image *
image_add(struct control *ctl, char *name, uid_t owner, struct err *e)
{
	OWN(image_free) struct image *i = calloc(1, sizeof(*i));
	const struct image *other;
	size_t n = 0;

	if (i == NULL) {
		free(name);
		(void)err_sys(e, "image");
		return NULL;
	}
	i->name = name;
	i->control = ctl;
	i->owner = owner;
	i->client = -1;
	i->created_ms = time_ms();
	TAILQ_INIT(&i->waiters);
	TAILQ_FOREACH(other, &ctl->images, entry)
		n++;
	if (n >= IMAGES_MAX) {
		(void)err_api(e, ENOSPC, "insufficient_resources",
		    "there are %d images, the most there may be", IMAGES_MAX);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&ctl->images, i, entry);
	return take(&i);
}

const char *
image_digest(const struct image *i)
{
	return json_string_value(json_object_get(i->info, "digest"));
}

bool
image_busy(const struct image *i)
{
	return i->status < IMAGE_READY;
}

bool
image_usable(const struct image *i, const char *platform)
{
	const char *p = json_string_value(json_object_get(i->info,
	    "platform"));

	if (image_digest(i) == NULL || i->removing)
		return false;
	return platform == NULL || (p != NULL && strcmp(p, platform) == 0);
}

int
image_err(const struct image *i, struct err *e)
{
	if (i->removing)
		return err_api(e, EBUSY, "conflict",
		    "image %s is being removed: ask again", i->name);
	/* The job's words begin with the name. */
	return err_api(e, EIO, i->error_code != NULL ? i->error_code :
	    "image_not_ready", "image %s", i->error);
}

static void
image_save(struct image *i)
{
	own_json json_t *r = json_pack("{s:s?,s:I,s:i,s:s,s:O?,s:O?,s:I}",
	    "platform", i->platform, "owner", (json_int_t)i->owner,
	    "status", (int)i->status, "error", i->error, "info", i->info,
	    "tags", i->tags, "created", (json_int_t)i->created_ms);
	struct err e;

	if (r == NULL || db_put(i->control->db, "image", i->name, r, &e) == -1)
		log_warnx("image %s: not recorded", i->name);
	http_flush(i->control->http);
}

static void
image_changed(struct image *i)
{
	struct image_waiter *w, *next;

	for (w = TAILQ_FIRST(&i->waiters); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		w->changed(w, i);
	}
}

/* --- pull, then convert --------------------------------------------------- */

static void
settle(struct image *i, enum image_status s)
{
	i->status = s;
	i->job = NULL;
	image_save(i);
	image_changed(i);
	queue_run(i->control);
}

static void
failed(struct image *i, const struct err *why)
{
	struct err e = *why;

	json_decref(i->next);
	i->next = NULL;
	if (i->platform != NULL)
		(void)err_prefix(&e, "for %s", i->platform);
	i->error_code = e.code;
	(void)snprintf(i->error, sizeof(i->error), "%s", e.text);
	log_warnx("image %s: %s", i->name, i->error);
	/* What was there before can still be run. */
	settle(i, image_digest(i) != NULL ? IMAGE_READY : IMAGE_FAILED);
}

static void
on_line(void *arg, const char *event, const json_t *line)
{
	struct image *i = arg;
	struct image_progress *p = &i->progress;
	json_t *info = NULL;

	if (strcmp(event, "image") == 0 &&
	    json_get_obj(&info, line, "image", 64, NULL) == 1) {
		json_decref(i->next);
		i->next = json_incref(info);
		return;
	}
	if (strcmp(event, "progress") != 0)
		return;
	(void)json_get_u64(&p->bytes_done, line, "bytes_done", 0, INT64_MAX,
	    NULL);
	(void)json_get_u64(&p->bytes_total, line, "bytes_total", 0,
	    INT64_MAX, NULL);
	(void)json_get_u64(&p->layers_done, line, "layers_done", 0,
	    INT64_MAX, NULL);
	(void)json_get_u64(&p->layers_total, line, "layers_total", 0,
	    INT64_MAX, NULL);
	image_changed(i);
}

static void
on_converted(void *arg, const json_t *last, const struct err *e)
{
	struct image *i = arg;

	(void)last;
	if (e != NULL) {
		failed(i, e);
		return;
	}
	json_decref(i->info);
	i->info = i->next;
	i->next = NULL;
	i->error[0] = '\0';
	i->error_code = NULL;
	log_info("image %s: ready", i->name);
	settle(i, IMAGE_READY);
}

static void
convert(struct image *i)
{
	static const struct job_ops ops = {
		.line = on_line, .done = on_converted,
	};
	const char *digest;
	struct priv_job job;
	struct err e;

	digest = json_string_value(json_object_get(i->next, "digest"));
	if (digest == NULL) {
		(void)err_set(&e, EIO, "the job named no digest");
		failed(i, &e);
		return;
	}
	i->status = IMAGE_CONVERTING;
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_UNPACK;
	(void)snprintf(job.ref, sizeof(job.ref), "%s", digest);
	i->job = job_start(i->control, &job, &ops, i, &e);
	if (i->job == NULL) {
		failed(i, &e);
		return;
	}
	image_save(i);
	image_changed(i);
}

static void
on_pulled(void *arg, const json_t *last, const struct err *e)
{
	struct image *i = arg;

	(void)last;
	if (e != NULL)
		failed(i, e);
	else
		convert(i);
}

static void
pull(struct image *i)
{
	static const struct job_ops ops = {
		.line = on_line, .done = on_pulled,
	};
	struct priv_job job;
	struct err e;

	i->status = IMAGE_PULLING;
	memset(&i->progress, 0, sizeof(i->progress));
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_PULL;
	job.client = take_fd(&i->client);
	job.insecure = image_is_local(i->name);
	(void)snprintf(job.ref, sizeof(job.ref), "%s", i->name);
	(void)snprintf(job.platform, sizeof(job.platform), "%s",
	    i->platform == NULL ? "" : i->platform);
	i->job = job_start(i->control, &job, &ops, i, &e);
	if (i->job == NULL) {
		failed(i, &e);
		return;
	}
	image_save(i);
	image_changed(i);
}

/* Start what waits, as far as there is room. */
static void
queue_run(struct control *ctl)
{
	struct image *i;
	unsigned n = 0;

	TAILQ_FOREACH(i, &ctl->images, entry)
		n += i->job != NULL;
	TAILQ_FOREACH(i, &ctl->images, entry) {
		if (n >= IMAGE_JOBS_MAX)
			return;
		if (i->status != IMAGE_PENDING || i->job != NULL)
			continue;
		n++;
		if (i->next != NULL)
			convert(i);
		else
			pull(i);
	}
}

static int
join(struct image *i, const struct image_request *r, struct err *e)
{
	const char *have = i->platform, *want = r->platform;

	if (have == want || (have != NULL && want != NULL &&
	    strcmp(have, want) == 0))
		return 0;
	return err_api(e, EBUSY, "conflict", "image %s is being pulled for "
	    "%s: wait for that", i->name, have == NULL ? "this host" : have);
}

int
image_pull(struct image **ret, struct control *ctl,
    const struct image_request *r, struct err *e)
{
	struct image *i;
	char *name = NULL;

	if (r->platform != NULL && spec_platform(r->platform, e) == -1)
		return -1;
	if (admission_disk(ctl, "disk", 0, e) == -1 ||
	    image_name(&name, r->name, e) == -1)
		return -1;
	i = by_name(ctl, name);
	if (i != NULL && (image_busy(i) || i->removing)) {
		free(name);
		*ret = i;
		return join(i, r, e);
	}
	if (i != NULL)
		free(name);
	else if ((i = image_add(ctl, name, r->uid, e)) == NULL)
		return -1;
	free(i->platform);
	i->platform = r->platform == NULL ? NULL : strdup(r->platform);
	if (i->client != -1)
		(void)close(i->client);
	i->client = r->client == -1 ? -1 :
	    fcntl(r->client, F_DUPFD_CLOEXEC, 0);
	if (r->tags != NULL) {
		json_decref(i->tags);
		i->tags = json_incref(r->tags);
	}
	i->status = IMAGE_PENDING;
	i->error[0] = '\0';
	i->error_code = NULL;
	image_save(i);
	queue_run(ctl);
	*ret = i;
	return 0;
}

int
image_mine(const struct image *i, const struct caller *c, struct err *e)
{
	if (auth_owns(c, i->owner))
		return 0;
	return err_api(e, EPERM, "forbidden",
	    "image %s was pulled by another user", i->name);
}

struct image *
image_imported(struct control *ctl, const json_t *info,
    const struct caller *c, struct err *e)
{
	const char *text = NULL;
	struct image *i;
	char *name = NULL;

	if (json_get_str(&text, info, "name", 512, e) == -1)
		return NULL;
	/* One without a name is known by its digest. */
	if (text == NULL || *text == '\0')
		text = json_string_value(json_object_get(info, "digest"));
	if (text == NULL) {
		(void)err_set(e, EIO, "the job named no image");
		return NULL;
	}
	name = strdup(text);
	i = name == NULL ? NULL : by_name(ctl, name);
	if (i != NULL)
		free(name);
	else if (name == NULL || (i = image_add(ctl, name, c->uid, e)) == NULL)
		return NULL;
	if (image_mine(i, c, e) == -1)
		return NULL;
	if (image_busy(i) && i->job != NULL)
		job_cancel(i->job);
	i->job = NULL;
	json_decref(i->next);
	i->next = json_incref((json_t *)(uintptr_t)info);
	i->status = IMAGE_PENDING;
	queue_run(ctl);
	return i;
}

/* --- remove --------------------------------------------------------------- */

struct removal {
	struct image	*image;
	void		(*done)(void *, const struct err *);
	void		*arg;
};

static void
forget(struct image *i)
{
	struct image_waiter *w;

	while ((w = TAILQ_FIRST(&i->waiters)) != NULL) {
		TAILQ_REMOVE(&i->waiters, w, entry);
		w->changed(w, NULL);
	}
	(void)db_delete(i->control->db, "image", i->name, NULL);
	http_flush(i->control->http);
	TAILQ_REMOVE(&i->control->images, i, entry);
	image_free(i);
}

static void
on_removed(void *arg, const json_t *last, const struct err *e)
{
	struct removal *r = arg;

	(void)last;
	r->image->removing = false;
	/* What is not in the store is removed already. */
	if (e == NULL || (e->code != NULL &&
	    strcmp(e->code, "not_found") == 0)) {
		forget(r->image);
		e = NULL;
	}
	r->done(r->arg, e);
	free(r);
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* What uses the digest, which no other name has: "instance web"; or "". */
static void
user_of(char ret[SPEC_NAME_MAX + 32], const struct image *i)
{
	const char *d = image_digest(i);
	const struct snapshot *s;
	const struct image *other;
	const struct vm *vm;

	ret[0] = '\0';
	TAILQ_FOREACH(other, &i->control->images, entry)
		if (other != i && same(image_digest(other), d))
			return;
	TAILQ_FOREACH(s, &i->control->snapshots, entry)
		if (same(s->digest, d))
			(void)snprintf(ret, SPEC_NAME_MAX + 32,
			    "snapshot %s", s->id);
	TAILQ_FOREACH(vm, &i->control->vms, entry)
		if (same(vm->digest, d))
			(void)snprintf(ret, SPEC_NAME_MAX + 32,
			    "instance %s", vm->spec.name);
}

void
image_remove(struct image *i, void (*done)(void *, const struct err *),
    void *arg)
{
	static const struct job_ops ops = { .done = on_removed };
	char user[SPEC_NAME_MAX + 32];
	struct removal *r = NULL;
	struct priv_job job;
	struct err e;

	user_of(user, i);
	if (user[0] != '\0')
		(void)err_api(&e, EBUSY, "image_in_use", "image %s is used by "
		    "%s: remove that first", i->name, user);
	else if (image_busy(i) || i->removing)
		(void)err_api(&e, EBUSY, "conflict",
		    "image %s is being worked on", i->name);
	else if ((r = calloc(1, sizeof(*r))) == NULL)
		(void)err_sys(&e, "image");
	if (r == NULL) {
		done(arg, &e);
		return;
	}
	r->image = i;
	r->done = done;
	r->arg = arg;
	i->removing = true;
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_REMOVE;
	(void)snprintf(job.ref, sizeof(job.ref), "%s", i->name);
	if (job_start(i->control, &job, &ops, r, &e) == NULL)
		on_removed(r, NULL, &e);
}

/* --- the database --------------------------------------------------------- */

static int
load(void *arg, const char *id, const json_t *r, struct err *e)
{
	struct control *ctl = arg;
	const char *platform = NULL, *error = "";
	uint64_t owner = 0, status = 0, created = 0;
	json_t *info = NULL;
	struct image *i;
	char *name = strdup(id);

	if (name == NULL)
		return err_sys(e, "image");
	i = image_add(ctl, name, 0, e);
	if (i == NULL)
		return -1;
	if (json_get_str(&platform, r, "platform", 64, e) == -1 ||
	    json_get_str(&error, r, "error", ERR_TEXT_MAX - 1, e) == -1 ||
	    json_get_u64(&owner, r, "owner", 0, UINT32_MAX, e) == -1 ||
	    json_get_u64(&status, r, "status", 0, IMAGE_FAILED, e) == -1 ||
	    json_get_u64(&created, r, "created", 0, INT64_MAX, e) == -1 ||
	    json_get_obj(&info, r, "info", 64, e) == -1 ||
	    spec_tags(&i->tags, r, e) == -1)
		return err_prefix(e, "record of image %s", id);
	i->platform = platform == NULL ? NULL : strdup(platform);
	i->owner = (uid_t)owner;
	i->created_ms = (int64_t)created;
	i->info = json_incref(info);
	(void)snprintf(i->error, sizeof(i->error), "%s", error);
	/* What was on its way when the last daemon ended begins again. */
	i->status = status < IMAGE_READY ? IMAGE_PENDING :
	    (enum image_status)status;
	return 0;
}

int
images_load(struct control *ctl, struct err *e)
{
	if (db_each(ctl->db, "image", load, ctl, e) == -1)
		return -1;
	queue_run(ctl);
	return 0;
}
