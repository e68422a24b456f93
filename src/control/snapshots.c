/* SPDX-License-Identifier: ISC */
/* snapshots.c - instances as they were; see snapshots.h */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "control/database.h"
#include "control/directory.h"
#include "control/hypervisors.h"
#include "control/snapshots.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"

#define DEPTH	1	/* memory/ below a snapshot's directory */

static const char *const kind_names[] = {
	[SNAPSHOT_STANDBY] = "Standby",
	[SNAPSHOT_STOPPED] = "Stopped",
};

int
snapshots_kind_parse(enum snapshot_kind *ret, const char *s, struct err *e)
{
	for (size_t i = 0; i < COUNT(kind_names); i++) {
		if (strcmp(kind_names[i], s) == 0) {
			*ret = (enum snapshot_kind)i;
			return 0;
		}
	}
	return err_api(e, EINVAL, "invalid_request",
	    "kind: \"%.32s\" is neither Standby nor Stopped", s);
}

/* --- one of them ---------------------------------------------------------- */

static void
snapshot_free(struct snapshot *s)
{
	if (s->made)
		TAILQ_REMOVE(&s->control->snapshots, s, entry);
	free(s->name);
	json_decref(s->tags);
	spec_fini(&s->spec);
	free(s->digest);
	json_decref(s->image);
	free(s);
}

static int
parent(const struct control *ctl, struct err *e)
{
	return directory_open(ctl->state, "snapshots", e);
}

static int
remove_files(const struct control *ctl, const char *id, struct err *e)
{
	own_fd int fd = parent(ctl, e);

	return fd == -1 ? -1 : directory_remove(fd, id, DEPTH, e);
}

void
snapshots_destroy(struct snapshot *s)
{
	struct err e;

	if (s == NULL)
		return;
	if (!s->made && remove_files(s->control, s->id, &e) == -1)
		log_err(&e, "snapshot %s", s->id);
	snapshot_free(s);
}

static int
copy_spec(struct spec *ret, const struct spec *from, struct err *e)
{
	own_json json_t *doc = spec_json(from, true);

	if (doc == NULL)
		return err_set(e, ENOMEM, "out of memory");
	return spec_parse(ret, doc, e);
}

struct snapshot *
snapshots_new(const struct vm *vm, enum snapshot_kind kind, struct err *e)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_sys(e, "snapshot");
		return NULL;
	}
	s->control = vm->control;
	id_new(s->id);
	s->kind = kind;
	memcpy(s->source_id, vm->id, sizeof(s->source_id));
	(void)snprintf(s->source_name, sizeof(s->source_name), "%s",
	    vm->spec.name);
	s->owner = vm->owner;
	s->hypervisor = vm->hypervisor;
	s->created_ms = time_ms();
	memcpy(s->mac, vm->mac, sizeof(s->mac));
	s->image = json_incref(vm->image);
	s->digest = vm->digest == NULL ? NULL : strdup(vm->digest);
	if ((vm->digest != NULL && s->digest == NULL) ||
	    copy_spec(&s->spec, &vm->spec, e) == -1) {
		snapshot_free(s);
		return NULL;
	}
	return s;
}

int
snapshots_make(const struct snapshot *s, struct err *e)
{
	own_fd int fd = parent(s->control, e);

	return fd == -1 ? -1 : directory_make(fd, s->id, e);
}

int
snapshots_open(const struct snapshot *s, struct err *e)
{
	own_fd int fd = parent(s->control, e);

	return fd == -1 ? -1 : directory_open(fd, s->id, e);
}

/* --- the record ----------------------------------------------------------- */

static json_t *
mac_record(const uint8_t m[6])
{
	return json_pack("[i,i,i,i,i,i]", m[0], m[1], m[2], m[3], m[4], m[5]);
}

json_t *
snapshots_record(const struct snapshot *s)
{
	return json_pack("{s:s?,s:s,s:O?,s:s,s:s,s:I,s:s?,s:o,s:s?,s:O?,s:o,"
	    "s:I,s:I}", "name", s->name, "kind", kind_names[s->kind],
	    "tags", s->tags, "source_id", s->source_id,
	    "source_name", s->source_name, "owner", (json_int_t)s->owner,
	    "hypervisor", s->hypervisor == NULL ? NULL : s->hypervisor->name,
	    "spec", spec_json(&s->spec, true), "digest", s->digest,
	    "image", s->image, "mac", mac_record(s->mac),
	    "created", (json_int_t)s->created_ms,
	    "bytes", (json_int_t)s->bytes);
}

static int
load_text(char *to, size_t size, const json_t *doc, const char *name,
    struct err *e)
{
	const char *s = "";

	if (json_get_str(&s, doc, name, size - 1, e) == -1)
		return -1;
	(void)snprintf(to, size, "%s", s);
	return 0;
}

static int
load_copy(char **to, const json_t *doc, const char *name, struct err *e)
{
	const char *s = NULL;

	if (json_get_str(&s, doc, name, 128, e) == -1)
		return -1;
	if (s != NULL && (*to = strdup(s)) == NULL)
		return err_sys(e, "%s", name);
	return 0;
}

static int
load_numbers(struct snapshot *s, const json_t *doc, struct err *e)
{
	uint64_t owner = 0, created = 0;
	json_t *mac = NULL;

	if (json_get_u64(&owner, doc, "owner", 0, UINT32_MAX, e) != 1 ||
	    json_get_u64(&created, doc, "created", 0, INT64_MAX, e) == -1 ||
	    json_get_u64(&s->bytes, doc, "bytes", 0, INT64_MAX, e) == -1 ||
	    json_get_arr(&mac, doc, "mac", 6, e) == -1)
		return -1;
	s->owner = (uid_t)owner;
	s->created_ms = (int64_t)created;
	for (size_t i = 0; i < 6; i++)
		s->mac[i] = (uint8_t)json_integer_value(
		    json_array_get(mac, i));
	return 0;
}

static int
load_all(struct snapshot *s, const json_t *doc, struct err *e)
{
	const char *kind = "", *hypervisor = "";
	json_t *spec = NULL, *tags = NULL, *image = NULL;

	if (json_get_str(&kind, doc, "kind", 16, e) == -1 ||
	    snapshots_kind_parse(&s->kind, kind, e) == -1 ||
	    load_copy(&s->name, doc, "name", e) == -1 ||
	    load_copy(&s->digest, doc, "digest", e) == -1 ||
	    load_text(s->source_id, sizeof(s->source_id), doc, "source_id",
	    e) == -1 ||
	    load_text(s->source_name, sizeof(s->source_name), doc,
	    "source_name", e) == -1 ||
	    json_get_str(&hypervisor, doc, "hypervisor", 32, e) == -1 ||
	    json_get_obj(&tags, doc, "tags", SPEC_TAGS_MAX, e) == -1 ||
	    json_get_obj(&image, doc, "image", 64, e) == -1 ||
	    load_numbers(s, doc, e) == -1 ||
	    json_get_obj(&spec, doc, "spec", 64, e) != 1 ||
	    spec_parse(&s->spec, spec, e) == -1)
		return -1;
	s->hypervisor = hypervisor_find(hypervisor);
	s->tags = json_incref(tags);
	s->image = json_incref(image);
	return 0;
}

/* Would it be an instance? */
static int
check_sent(const struct snapshot *s, struct err *e)
{
	if (s->kind != SNAPSHOT_STANDBY || s->hypervisor == NULL ||
	    !spec_name_ok(s->source_name))
		return err_api(e, EINVAL, "invalid_request",
		    "it says of no instance that ran");
	/* Nor may a stream name files of this host, or its networks. */
	if (s->spec.nshares != 0 || s->spec.nvolumes != 0 ||
	    s->spec.nifs != 0 || spec_has_files(&s->spec))
		return err_api(e, ENOTSUP, "not_supported", "instance %s has "
		    "files, volumes, shares or interfaces of its host, which "
		    "stay where they are", s->source_name);
	return 0;
}

struct snapshot *
snapshots_sent(struct control *ctl, const json_t *record, uid_t owner,
    struct err *e)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_sys(e, "snapshot");
		return NULL;
	}
	s->control = ctl;
	if (load_all(s, record, e) == -1 || check_sent(s, e) == -1) {
		snapshot_free(s);
		return NULL;
	}
	id_new(s->id);
	free(s->name);
	s->name = NULL;
	s->owner = owner;
	return s;
}

static int
load(void *arg, const char *id, const json_t *doc, struct err *e)
{
	struct control *ctl = arg;
	struct snapshot *s = calloc(1, sizeof(*s));
	own_fd int fd = -1;

	if (s == NULL || strlen(id) != VM_ID_LEN) {
		free(s);
		return err_set(e, EINVAL, "snapshot \"%.64s\"", id);
	}
	s->control = ctl;
	memcpy(s->id, id, VM_ID_LEN);
	if (load_all(s, doc, e) == -1) {
		snapshot_free(s);
		return err_prefix(e, "record of snapshot %s", id);
	}
	fd = snapshots_open(s, e);
	if (fd == -1) {
		log_err(e, "snapshot %s is lost", id);
		snapshot_free(s);
		return 0;
	}
	s->made = true;
	TAILQ_INSERT_TAIL(&ctl->snapshots, s, entry);
	return 0;
}

struct snapshot *
snapshots_by_id(const struct control *ctl, const char *id)
{
	struct snapshot *s;

	TAILQ_FOREACH(s, &ctl->snapshots, entry)
		if (strcmp(s->id, id) == 0)
			return s;
	return NULL;
}

/* What was being made when a daemon died. */
static void
sweep(struct control *ctl, int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;
	struct err e;

	while (d != NULL && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' &&
		    snapshots_by_id(ctl, de->d_name) == NULL &&
		    directory_remove(dirfd(d), de->d_name, DEPTH, &e) == -1)
			log_err(&e, "snapshots/%s", de->d_name);
	if (d != NULL)
		(void)closedir(d);
	else
		(void)close(fd);
}

int
snapshots_load(struct control *ctl, struct err *e)
{
	int fd;

	if (mkdirat(ctl->state, "snapshots", 0750) == -1 && errno != EEXIST)
		return err_sys(e, "make snapshots");
	fd = parent(ctl, e);
	if (fd == -1)
		return -1;
	if (db_each(ctl->db, "snapshot", load, ctl, e) == -1) {
		(void)close(fd);
		return -1;
	}
	sweep(ctl, fd);
	return 0;
}

/* --- the table ------------------------------------------------------------ */

int
snapshots_check_name(const struct control *ctl, const char *source,
    const char *name, struct err *e)
{
	const struct snapshot *s;

	if (name == NULL)
		return 0;
	TAILQ_FOREACH(s, &ctl->snapshots, entry)
		if (s->name != NULL && strcmp(s->name, name) == 0 &&
		    strcmp(s->source_id, source) == 0)
			return err_api(e, EEXIST, "conflict", "instance %s "
			    "has a snapshot called \"%s\" already: choose "
			    "another name or delete that", s->source_name,
			    name);
	return 0;
}

int
snapshots_add(struct snapshot *s, struct err *e)
{
	own_json json_t *record = NULL;
	own_fd int fd = -1, dir = -1;
	const struct snapshot *other;
	size_t n = 0;

	TAILQ_FOREACH(other, &s->control->snapshots, entry)
		n++;
	if (n >= SNAPSHOTS_MAX)
		return err_api(e, ENOSPC, "insufficient_resources", "there "
		    "are %d snapshots, the most this daemon manages",
		    SNAPSHOTS_MAX);
	if (snapshots_check_name(s->control, s->source_id, s->name, e) == -1)
		return -1;
	dir = snapshots_open(s, e);
	fd = parent(s->control, e);
	if (dir == -1 || fd == -1 || directory_sync(dir, e) == -1 ||
	    directory_sync(fd, e) == -1)
		return -1;
	s->bytes = directory_bytes(dir, DEPTH);
	record = snapshots_record(s);
	if (record == NULL)
		return err_set(e, ENOMEM, "out of memory");
	if (db_put_now(s->control->db, "snapshot", s->id, record, true,
	    e) == -1)
		return -1;
	s->made = true;
	TAILQ_INSERT_TAIL(&s->control->snapshots, s, entry);
	return 0;
}

/* Without a record it is swept by the next daemon, if not by this one. */
int
snapshots_remove(struct snapshot *s, struct err *e)
{
	if (s->users > 0)
		return err_api(e, EBUSY, "conflict",
		    "snapshot %s is being restored or forked", s->id);
	if (db_delete(s->control->db, "snapshot", s->id, e) == -1 ||
	    db_commit(s->control->db, e) == -1)
		return -1;
	TAILQ_REMOVE(&s->control->snapshots, s, entry);
	s->made = false;
	snapshots_destroy(s);
	return 0;
}

struct snapshot *
snapshots_find(const struct control *ctl, const struct caller *c,
    const char *id, struct err *e)
{
	struct snapshot *s = snapshots_by_id(ctl, id);

	if (s != NULL && auth_owns(c, s->owner))
		return s;
	(void)err_api(e, ENOENT, "not_found", "there is no snapshot \"%.64s\"",
	    id);
	return NULL;
}

json_t *
snapshots_json(const struct snapshot *s)
{
	return json_pack("{s:s,s:s?,s:s,s:o,s:s,s:s,s:s,s:o,s:I,s:s}",
	    "id", s->id, "name", s->name, "kind", kind_names[s->kind],
	    "tags", s->tags == NULL ? json_object() : json_incref(s->tags),
	    "source_instance_id", s->source_id,
	    "source_instance_name", s->source_name,
	    "source_hypervisor",
	    s->hypervisor == NULL ? "qemu" : s->hypervisor->name,
	    "created_at", time_json(s->created_ms),
	    "size_bytes", (json_int_t)s->bytes,
	    "compression_state", "none");
}

uint64_t
snapshots_bytes(const struct control *ctl)
{
	const struct snapshot *s;
	uint64_t sum = 0;

	TAILQ_FOREACH(s, &ctl->snapshots, entry)
		sum += s->bytes;
	return sum;
}
