/* SPDX-License-Identifier: ISC */
/* volumes.c - disks that outlive VMs; see volumes.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/admission.h"
#include "control/control.h"
#include "control/database.h"
#include "control/jobs.h"
#include "control/vm.h"
#include "control/volumes.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"

static void
path_of(char path[96], const char *id)
{
	(void)snprintf(path, 96, "volumes/%s.img", id);
}

static void
volume_free(struct volume *v)
{
	if (v == NULL)
		return;
	free(v->name);
	json_decref(v->tags);
	free(v);
}
OWN_DEFINE(struct volume, volume_free);

static struct volume *
by_id(const struct control *ctl, const char *id)
{
	struct volume *v;

	TAILQ_FOREACH(v, &ctl->volumes, entry)
		if (strcmp(v->id, id) == 0)
			return v;
	return NULL;
}

/* --- the database --------------------------------------------------------- */

static int
save(const struct volume *v, struct err *e)
{
	own_json json_t *r = json_pack("{s:s,s:I,s:I,s:O?,s:I,s:b}",
	    "name", v->name, "owner", (json_int_t)v->owner,
	    "size_gb", (json_int_t)v->size_gb, "tags", v->tags,
	    "created", (json_int_t)v->created_ms, "ready", v->ready);

	if (r == NULL)
		return err_set(e, ENOMEM, "out of memory");
	/* What is not ready is found, and removed, by the next daemon. */
	if (!v->ready)
		return db_put_now(v->control->db, "volume", v->id, r,
		    v->durable, e);
	return db_put(v->control->db, "volume", v->id, r, e);
}

/* The file, then the record: nothing is left that nobody knows. */
static void
drop(struct volume *v)
{
	char path[96];

	path_of(path, v->id);
	(void)unlinkat(v->control->state, path, 0);
	(void)db_delete(v->control->db, "volume", v->id, NULL);
	TAILQ_REMOVE(&v->control->volumes, v, entry);
	volume_free(v);
}

static int
load(void *arg, const char *id, const json_t *r, struct err *e)
{
	OWN(volume_free) struct volume *v = calloc(1, sizeof(*v));
	struct control *ctl = arg;
	const char *name = NULL;
	uint64_t owner = 0, created = 0;

	if (v == NULL)
		return err_sys(e, "volume");
	if (json_get_str(&name, r, "name", 256, e) != 1 ||
	    json_get_u64(&owner, r, "owner", 0, UINT32_MAX, e) != 1 ||
	    json_get_u64(&v->size_gb, r, "size_gb", 1, VOLUME_GB_MAX, e) !=
	    1 || json_get_u64(&created, r, "created", 0, INT64_MAX, e) != 1 ||
	    json_get_bool(&v->ready, r, "ready", e) == -1 ||
	    spec_tags(&v->tags, r, e) == -1)
		return err_prefix(e, "record of volume %s", id);
	v->control = ctl;
	v->owner = (uid_t)owner;
	v->created_ms = (int64_t)created;
	v->name = strdup(name);
	if (v->name == NULL || strlen(id) > VOLUME_ID_MAX)
		return err_set(e, EINVAL, "record of volume %s", id);
	(void)snprintf(v->id, sizeof(v->id), "%s", id);
	TAILQ_INSERT_TAIL(&ctl->volumes, v, entry);
	take(&v);
	return 0;
}

/* What was being made or removed when the last daemon ended. */
static void
drop_unready(struct control *ctl)
{
	struct volume *v, *next;

	for (v = TAILQ_FIRST(&ctl->volumes); v != NULL; v = next) {
		next = TAILQ_NEXT(v, entry);
		if (v->ready)
			continue;
		log_info("removing volume %s, which was not made whole",
		    v->id);
		drop(v);
	}
}

int
volumes_load(struct control *ctl, struct err *e)
{
	if (mkdirat(ctl->state, "volumes", 0750) == -1 && errno != EEXIST)
		return err_sys(e, "make volumes");
	if (db_each(ctl->db, "volume", load, ctl, e) == -1)
		return -1;
	drop_unready(ctl);
	return 0;
}

/* --- create --------------------------------------------------------------- */

static void
on_made(void *arg, const json_t *last, const struct err *why)
{
	struct volume *v = arg;
	struct err e;

	(void)last;
	v->ready = why == NULL;
	if (why == NULL && save(v, &e) == 0) {
		v->done(v->arg, v, NULL);
		return;
	}
	if (why != NULL)
		e = *why;
	(void)err_prefix(&e, "make volume %s", v->name);
	v->done(v->arg, NULL, &e);
	drop(v);
}

static int
take_request(struct volume *v, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"id", "name", "size_gb", "tags", NULL,
	};
	const char *name = NULL, *id = NULL;

	if (doc == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "a body with name and size_gb is needed");
	if (json_only(doc, known, e) == -1 ||
	    json_get_str(&name, doc, "name", 256, e) == -1 ||
	    json_get_str(&id, doc, "id", VOLUME_ID_MAX, e) == -1 ||
	    json_get_u64(&v->size_gb, doc, "size_gb", 1, VOLUME_GB_MAX, e) ==
	    -1 || spec_tags(&v->tags, doc, e) == -1)
		return -1;
	if (name == NULL || *name == '\0' || v->size_gb == 0)
		return err_api(e, EINVAL, "invalid_request",
		    "name and size_gb are needed");
	if (id != NULL && !spec_name_ok(id))
		return err_api(e, EINVAL, "invalid_request",
		    "id: \"%s\" must be a-z, 0-9 and -", id);
	if (id != NULL)
		(void)snprintf(v->id, sizeof(v->id), "%s", id);
	else
		id_new(v->id);
	v->name = strdup(name);
	return v->name == NULL ? err_sys(e, "volume") : 0;
}

static int
check(const struct volume *v, struct err *e)
{
	const struct control *ctl = v->control;
	const struct volume *other;
	size_t n = 0;

	if (by_id(ctl, v->id) != NULL)
		return err_api(e, EEXIST, "conflict",
		    "there is a volume with the id %s", v->id);
	TAILQ_FOREACH(other, &ctl->volumes, entry)
		n++;
	if (n >= VOLUMES_MAX)
		return err_api(e, ENOSPC, "insufficient_resources",
		    "there are %d volumes, the most there may be",
		    VOLUMES_MAX);
	return admission_disk(ctl, "disk", v->size_gb << 30, e);
}

static int
make_file(const struct volume *v, int *ret, struct err *e)
{
	own_fd int fd = -1;
	char path[96];

	path_of(path, v->id);
	fd = openat(v->control->state, path, O_RDWR | O_CREAT | O_EXCL |
	    O_CLOEXEC | O_NOFOLLOW, 0660);
	if (fd == -1)
		return err_sys(e, "create %s", path);
	if (ftruncate(fd, (off_t)(v->size_gb << 30)) == -1) {
		(void)err_sys(e, "make %s %llu GB long", path,
		    (unsigned long long)v->size_gb);
		(void)unlinkat(v->control->state, path, 0);
		return -1;
	}
	*ret = take_fd(&fd);
	return 0;
}

void
volume_create(struct control *ctl, const struct caller *c,
    const json_t *request, void (*done)(void *, struct volume *,
    const struct err *), void *arg)
{
	static const struct job_ops ops = { .done = on_made };
	struct volume *v = calloc(1, sizeof(*v));
	struct priv_job job;
	struct err e;

	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_MKFS;
	if (v == NULL) {
		(void)err_sys(&e, "volume");
		done(arg, NULL, &e);
		return;
	}
	v->control = ctl;
	v->owner = c->uid;
	v->created_ms = time_ms();
	v->done = done;
	v->arg = arg;
	if (take_request(v, request, &e) == -1 || check(v, &e) == -1) {
		volume_free(v);
		done(arg, NULL, &e);
		return;
	}
	TAILQ_INSERT_TAIL(&ctl->volumes, v, entry);
	if (save(v, &e) == -1 || make_file(v, &job.in, &e) == -1 ||
	    job_start(ctl, &job, &ops, v, &e) == NULL) {
		done(arg, NULL, &e);
		drop(v);
	}
}

/* --- find, use, remove ---------------------------------------------------- */

struct volume *
volume_find(const struct control *ctl, const struct caller *c,
    const char *text, struct err *e)
{
	struct volume *v, *found = NULL;
	unsigned n = 0;

	v = by_id(ctl, text);
	if (v != NULL && v->ready && auth_owns(c, v->owner))
		return v;
	TAILQ_FOREACH(v, &ctl->volumes, entry) {
		if (v->ready && strcmp(v->name, text) == 0 &&
		    auth_owns(c, v->owner)) {
			found = v;
			n++;
		}
	}
	if (n == 1)
		return found;
	if (n == 0)
		(void)err_api(e, ENOENT, "not_found",
		    "there is no volume \"%.64s\"", text);
	else
		(void)err_api(e, EEXIST, "ambiguous", "%u volumes are named "
		    "\"%.64s\": use the id", n, text);
	return NULL;
}

int
volume_remove(struct volume *v, struct err *e)
{
	bool writes;
	const struct vm *vm = vm_table_volume(v->control, v->id, NULL,
	    &writes);

	if (vm != NULL)
		return err_api(e, EBUSY, "conflict", "volume %s is attached "
		    "to instance %s: remove that first", v->name,
		    vm->spec.name);
	/* Not there any more from here on, whatever happens to us. */
	v->ready = false;
	v->durable = true;
	if (save(v, e) == -1) {
		v->ready = true;
		return -1;
	}
	drop(v);
	return 0;
}

int
volumes_resolve(struct control *ctl, const struct caller *c, struct spec *s,
    const struct vm *but, struct err *e)
{
	for (size_t i = 0; i < s->nvolumes; i++) {
		struct spec_volume *sv = &s->volumes[i];
		struct volume *v = volume_find(ctl, c, sv->id, e);
		const struct vm *vm;
		bool writes = false;
		char *id;

		if (v == NULL)
			return err_prefix(e, "volumes[%zu]", i);
		vm = vm_table_volume(ctl, v->id, but, &writes);
		if (vm != NULL && (writes || !sv->readonly))
			return err_api(e, EBUSY, "conflict", "volumes[%zu]: "
			    "%s is attached to instance %s; only readers can "
			    "share a volume", i, v->name, vm->spec.name);
		id = strdup(v->id);
		if (id == NULL)
			return err_sys(e, "volumes");
		free(sv->id);
		sv->id = id;
	}
	return 0;
}

int
volume_open(int *ret, const struct control *ctl, const char *id,
    bool readonly, struct err *e)
{
	char path[96];

	path_of(path, id);
	*ret = openat(ctl->state, path, (readonly ? O_RDONLY : O_RDWR) |
	    O_CLOEXEC | O_NOFOLLOW);
	return *ret == -1 ? err_sys(e, "open volume %s", id) : 0;
}

uint64_t
volumes_bytes(const struct control *ctl)
{
	const struct volume *v;
	uint64_t sum = 0;

	TAILQ_FOREACH(v, &ctl->volumes, entry)
		sum += v->size_gb << 30;
	return sum;
}

static json_t *
attachments(const struct volume *v)
{
	json_t *list = json_array();
	const struct vm *vm;

	TAILQ_FOREACH(vm, &v->control->vms, entry)
		for (size_t i = 0; i < vm->spec.nvolumes; i++)
			if (strcmp(vm->spec.volumes[i].id, v->id) == 0)
				(void)json_array_append_new(list, json_pack(
				    "{s:s,s:s,s:b}", "instance_id", vm->id,
				    "mount_path", vm->spec.volumes[i].path,
				    "readonly",
				    vm->spec.volumes[i].readonly));
	return list;
}

json_t *
volume_json(const struct volume *v)
{
	return json_pack("{s:s,s:s,s:I,s:o,s:o,s:o}", "id", v->id,
	    "name", v->name, "size_gb", (json_int_t)v->size_gb,
	    "tags", v->tags == NULL ? json_object() : json_incref(v->tags),
	    "attachments", attachments(v),
	    "created_at", time_json(v->created_ms));
}
