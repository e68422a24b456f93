/* SPDX-License-Identifier: ISC */
/* snapshots.c - standby and restore, and snapshots of instances */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/hypervisors.h"
#include "control/op.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/json.h"

/* --- what bodies have in common ------------------------------------------- */

int
route_snapshot_body(const json_t *body, const char *const known[],
    struct err *e)
{
	json_t *compression = NULL;
	bool on = false;

	if (body == NULL)
		return 0;
	if (json_only(body, known, e) == -1 ||
	    json_get_obj(&compression, body, "compression", 8, e) == -1 ||
	    json_get_bool(&on, compression, "enabled", e) == -1)
		return -1;
	if (on)
		return err_api(e, ENOTSUP, "not_supported",
		    "compression: this version does not compress snapshots");
	return 0;
}

int
route_target_state(enum vm_state *ret, const json_t *body, struct err *e)
{
	const char *text = NULL;
	enum vm_state s;

	if (json_get_str(&text, body, "target_state", 32, e) == -1)
		return -1;
	if (text == NULL)
		return 0;
	if (vm_state_parse(&s, text, NULL) == -1 || (s != VM_STOPPED &&
	    s != VM_STANDBY && s != VM_RUNNING))
		return err_api(e, EINVAL, "invalid_request", "target_state: "
		    "\"%s\" is not Running, Standby or Stopped", text);
	*ret = s;
	return 0;
}

int
route_target_hypervisor(const struct snapshot *s, const json_t *body,
    struct err *e)
{
	const char *name = NULL, *have = s->hypervisor == NULL ? "qemu" :
	    s->hypervisor->name;

	if (json_get_str(&name, body, "target_hypervisor", 32, e) == -1)
		return -1;
	if (name == NULL || strcmp(name, have) == 0 ||
	    s->kind == SNAPSHOT_STOPPED)
		return 0;
	return err_api(e, ENOTSUP, "not_supported", "target_hypervisor: the "
	    "memory of snapshot %s is %s's and no other's", s->id, have);
}

/* --- standby, restore ----------------------------------------------------- */

static void
on_done(void *arg, struct vm *vm, const struct err *e)
{
	if (e != NULL)
		reply_err(arg, e);
	else
		reply_json(arg, 200, vm_json(vm));
}

void
route_instance_standby(struct request *r)
{
	static const char *const known[] = {
		"compression", "compression_delay", NULL,
	};
	struct vm *vm = route_vm(r);
	struct err e;

	if (vm == NULL)
		return;
	if (route_snapshot_body(request_json(r), known, &e) == -1)
		reply_err(r, &e);
	else
		vm_op(vm, OP_STANDBY, NULL, on_done, r);
}

void
route_instance_restore(struct request *r)
{
	struct vm *vm = route_vm(r);

	if (vm != NULL)
		vm_op(vm, OP_RESTORE, NULL, on_done, r);
}

/* --- list, get, delete ---------------------------------------------------- */

struct filter {
	const char	*source;
	char		 name[SPEC_NAME_MAX + 1];
	bool		 by_kind;
	enum snapshot_kind kind;
};

/* The text of request_query() lives until the next call of it. */
static int
take_filter(struct filter *f, char source[VM_ID_LEN + 1], struct request *r,
    struct err *e)
{
	const char *text = NULL;

	if (request_query(&text, r, "kind", e) == -1 || (text != NULL &&
	    snapshots_kind_parse(&f->kind, text, e) == -1))
		return -1;
	f->by_kind = text != NULL;
	text = NULL;
	if (request_query(&text, r, "name", e) == -1)
		return -1;
	if (text != NULL)
		(void)snprintf(f->name, sizeof(f->name), "%s", text);
	text = NULL;
	if (f->source != NULL)
		return 0;
	if (request_query(&text, r, "source_instance_id", e) == -1)
		return -1;
	if (text != NULL) {
		(void)snprintf(source, VM_ID_LEN + 1, "%s", text);
		f->source = source;
	}
	return 0;
}

static bool
passes(const struct filter *f, const struct snapshot *s)
{
	return (f->source == NULL || strcmp(f->source, s->source_id) == 0) &&
	    (f->name[0] == '\0' ||
	    (s->name != NULL && strcmp(s->name, f->name) == 0)) &&
	    (!f->by_kind || s->kind == f->kind);
}

/* source NULL: of the query. */
static void
list(struct request *r, const char *source)
{
	const struct control *ctl = request_context(r);
	struct filter f = { .source = source };
	own_json json_t *all = json_array();
	char text[VM_ID_LEN + 1];
	const struct snapshot *s;
	struct err e;
	int fits;

	if (take_filter(&f, text, r, &e) == -1) {
		reply_err(r, &e);
		return;
	}
	TAILQ_FOREACH(s, &ctl->snapshots, entry) {
		if (!auth_owns(request_caller(r), s->owner) || !passes(&f, s))
			continue;
		fits = request_tags_fit(r, s->tags, &e);
		if (fits == -1) {
			reply_err(r, &e);
			return;
		}
		if (fits)
			(void)json_array_append_new(all, snapshots_json(s));
	}
	reply_json(r, 200, take(&all));
}

void
route_snapshots_list(struct request *r)
{
	list(r, NULL);
}

void
route_instance_snapshots(struct request *r)
{
	struct vm *vm = route_vm(r);

	if (vm != NULL)
		list(r, vm->id);
}

static struct snapshot *
snapshot_of(struct request *r, const char *id)
{
	struct err e;
	struct snapshot *s = snapshots_find(request_context(r),
	    request_caller(r), id, &e);

	if (s == NULL)
		reply_err(r, &e);
	return s;
}

void
route_snapshot_get(struct request *r)
{
	const struct snapshot *s = snapshot_of(r, request_param(r));

	if (s != NULL)
		reply_json(r, 200, snapshots_json(s));
}

void
route_snapshot_delete(struct request *r)
{
	struct snapshot *s = snapshot_of(r, request_param(r));
	struct err e;

	if (s == NULL)
		return;
	if (snapshots_remove(s, &e) == -1)
		reply_err(r, &e);
	else
		reply_empty(r, 204);
}

/* --- create --------------------------------------------------------------- */

struct taking {
	struct request	*request;
	struct snapshot	*snapshot;
};

static void
on_captured(void *arg, struct vm *vm, const struct err *why)
{
	struct taking *t = arg;
	OWN(snapshots_destroy) struct snapshot *s = t->snapshot;
	struct err e;

	(void)vm;
	if (why != NULL) {
		reply_err(t->request, why);
	} else if (snapshots_add(s, &e) == -1) {
		reply_err(t->request, &e);
	} else {
		reply_json(t->request, 201, snapshots_json(s));
		take(&s);
	}
	free(t);
}

static int
take_name(struct snapshot *s, const json_t *body, struct err *e)
{
	const char *name = NULL;

	if (json_get_str(&name, body, "name", 256, e) == -1 ||
	    spec_tags(&s->tags, body, e) == -1)
		return -1;
	if (name == NULL || *name == '\0')
		return 0;
	if (!spec_name_ok(name))
		return err_api(e, EINVAL, "invalid_request", "name: \"%.64s\" "
		    "must be 1 to %d of a-z, 0-9 and -, and begin and end "
		    "with a letter or digit", name, SPEC_NAME_MAX);
	s->name = strdup(name);
	if (s->name == NULL)
		return err_sys(e, "name");
	return snapshots_check_name(s->control, s->source_id, name, e);
}

static int
create_request(struct snapshot **ret, const struct vm *vm,
    const json_t *body, struct err *e)
{
	static const char *const known[] = {
		"kind", "name", "tags", "compression", NULL,
	};
	OWN(snapshots_destroy) struct snapshot *s = NULL;
	enum snapshot_kind kind;
	const char *text = NULL;

	if (route_snapshot_body(body, known, e) == -1 ||
	    json_get_str(&text, body, "kind", 32, e) == -1)
		return -1;
	if (text == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "kind: is missing: Standby or Stopped");
	if (snapshots_kind_parse(&kind, text, e) == -1)
		return -1;
	s = snapshots_new(vm, kind, e);
	if (s == NULL || take_name(s, body, e) == -1)
		return -1;
	*ret = take(&s);
	return 0;
}

void
route_snapshot_create(struct request *r)
{
	struct op_options o = { 0 };
	struct vm *vm = route_vm(r);
	struct taking *t;
	struct err e;

	if (vm == NULL)
		return;
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	t->request = r;
	if (create_request(&t->snapshot, vm, request_json(r), &e) == -1) {
		reply_err(r, &e);
		free(t);
		return;
	}
	o.snapshot = t->snapshot;
	vm_op(vm, OP_CAPTURE, &o, on_captured, t);
}

/* --- back to a snapshot --------------------------------------------------- */

struct going_back {
	struct request	*request;
	struct snapshot	*snapshot;
	enum vm_state	 target;
};

static void
on_placed(void *arg, struct vm *vm, const struct err *e)
{
	struct going_back *g = arg;
	struct request *r = g->request;
	bool run = g->target == VM_RUNNING;

	g->snapshot->users--;
	free(g);
	if (e != NULL || !run)
		on_done(r, vm, e);
	else
		vm_op(vm, vm->state == VM_STANDBY ? OP_RESTORE : OP_START,
		    NULL, on_done, r);
}

static int
check_target(const struct snapshot *s, const struct vm *vm,
    enum vm_state target, struct err *e)
{
	if (strcmp(s->source_id, vm->id) != 0)
		return err_api(e, EINVAL, "invalid_request", "snapshot %s is "
		    "of instance %s: fork it", s->id, s->source_name);
	if (s->kind == SNAPSHOT_STOPPED && target == VM_STANDBY)
		return err_api(e, EINVAL, "invalid_request", "target_state: "
		    "snapshot %s has no memory: Stopped or Running", s->id);
	return 0;
}

void
route_snapshot_restore(struct request *r)
{
	static const char *const known[] = {
		"target_state", "target_hypervisor", NULL,
	};
	struct op_options o = { 0 };
	struct going_back *g;
	struct vm *vm = route_vm(r);
	struct snapshot *s;
	enum vm_state target;
	struct err e;

	if (vm == NULL || (s = snapshot_of(r, request_second(r))) == NULL)
		return;
	target = s->kind == SNAPSHOT_STANDBY ? VM_RUNNING : VM_STOPPED;
	if (route_snapshot_body(request_json(r), known, &e) == -1 ||
	    route_target_state(&target, request_json(r), &e) == -1 ||
	    route_target_hypervisor(s, request_json(r), &e) == -1 ||
	    check_target(s, vm, target, &e) == -1) {
		reply_err(r, &e);
		return;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	*g = (struct going_back){ r, s, target };
	s->users++;
	o.snapshot = s;
	o.disk_only = target == VM_STOPPED;
	vm_op(vm, OP_PLACE, &o, on_placed, g);
}
