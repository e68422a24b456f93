/* SPDX-License-Identifier: ISC */
/*
 * fork.c - POST /instances/{id}/fork and /snapshots/{id}/fork
 *
 *	source captured into a snapshot of no name -> a new instance is made
 *	from it -> left as it is, restored or started -> 201
 *
 * The memory is shared with the source and all other children; the disk is
 * a copy.  What fails removes the child and leaves the source as it was.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/admission.h"
#include "control/hypervisors.h"
#include "control/op.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/json.h"
#include "lib/own.h"

struct forking {
	struct request	*request;
	struct control	*control;
	struct snapshot	*snapshot;	/* of which the child is made */
	bool		 own;		/* it has no name and goes */
	char		*name;		/* of the child */
	char		*hypervisor;	/* or NULL: the source's */
	enum vm_state	 target;
	struct err	 err;		/* why it is being undone */
};

static void
forking_free(struct forking *f)
{
	if (f == NULL)
		return;
	if (f->own)
		snapshots_destroy(f->snapshot);
	else if (f->snapshot != NULL)
		f->snapshot->users--;
	free(f->name);
	free(f->hypervisor);
	free(f);
}

static void
refuse(struct forking *f, const struct err *e)
{
	struct err copy = *e;

	/* Whoever forks is told so with 409, see reply.c. */
	if (copy.code != NULL && strcmp(copy.code, "name_conflict") == 0)
		copy.num = EBUSY;
	reply_err(f->request, &copy);
	forking_free(f);
}

/* --- the child ------------------------------------------------------------ */

static void
on_undone(void *arg, struct vm *vm, const struct err *e)
{
	struct forking *f = arg;

	(void)vm;
	(void)e;
	refuse(f, &f->err);
}

static void
on_running(void *arg, struct vm *vm, const struct err *e)
{
	struct forking *f = arg;

	if (e == NULL) {
		reply_json(f->request, 201, vm_json(vm));
		forking_free(f);
		return;
	}
	f->err = *e;
	if (vm == NULL)
		refuse(f, &f->err);
	else
		vm_op(vm, OP_REMOVE, NULL, on_undone, f);
}

static void
on_placed(void *arg, struct vm *vm, const struct err *e)
{
	struct forking *f = arg;

	if (e != NULL || f->target != VM_RUNNING)
		on_running(f, vm, e);
	else
		vm_op(vm, vm->state == VM_STANDBY ? OP_RESTORE : OP_START,
		    NULL, on_running, f);
}

/*
 * The source's spec under another name.  Ports of the host are the source's,
 * and so is its host name.
 */
static int
child_spec(struct spec *ret, const struct forking *f, struct err *e)
{
	own_json json_t *doc = NULL;

	/* A guest hears of one new address, that of the user network. */
	if (f->snapshot->spec.nifs > 0)
		return err_api(e, ENOTSUP, "not_supported", "instance %s has "
		    "interfaces on taps of the host: it has no forks",
		    f->snapshot->spec.name);
	doc = spec_json(&f->snapshot->spec, true);
	if (doc == NULL ||
	    json_object_set_new(doc, "name", json_string(f->name)) == -1 ||
	    json_object_set_new(doc, "auto_remove", json_false()) == -1 ||
	    (f->hypervisor != NULL && json_object_set_new(doc, "hypervisor",
	    json_string(f->hypervisor)) == -1))
		return err_set(e, ENOMEM, "out of memory");
	(void)json_object_del(doc, "ports");
	(void)json_object_del(doc, "hostname");
	return spec_parse(ret, doc, e);
}

static int
child_new(struct vm **ret, const struct forking *f, struct err *e)
{
	const struct snapshot *s = f->snapshot;
	OWN(vm_destroy) struct vm *vm = NULL;
	struct spec spec;

	if (child_spec(&spec, f, e) == -1)
		return -1;
	vm = vm_new(f->control, &spec, s->owner);
	if (vm == NULL) {
		spec_fini(&spec);
		return err_sys(e, "instance");
	}
	vm->creating = true;
	vm->hypervisor = s->hypervisor;
	vm->image = json_incref(s->image);
	vm->digest = s->digest == NULL ? NULL : strdup(s->digest);
	vm->identity = s->kind == SNAPSHOT_STANDBY && !vm_is_null(vm);
	if (admission_disk(f->control, "disk", vm->spec.overlay, e) == -1 ||
	    vm_table_add(f->control, vm, e) == -1)
		return -1;
	*ret = take(&vm);
	return 0;
}

static void
make_child(struct forking *f)
{
	struct op_options o = { .snapshot = f->snapshot, .move = f->own,
	    .disk_only = f->target == VM_STOPPED };
	struct vm *vm = NULL;
	struct err e;

	if (child_new(&vm, f, &e) == -1) {
		refuse(f, &e);
		return;
	}
	if (o.disk_only)
		vm->identity = false;
	vm_op(vm, OP_PLACE, &o, on_placed, f);
}

/* --- requests ------------------------------------------------------------- */

static int
take_name(struct forking *f, const json_t *body, struct err *e)
{
	const char *name = NULL;
	const struct vm *vm;

	if (json_get_str(&name, body, "name", 256, e) == -1)
		return -1;
	if (name == NULL || !spec_name_ok(name))
		return err_api(e, EINVAL, "invalid_request", "name: must be "
		    "1 to %d of a-z, 0-9 and -, and begin and end with a "
		    "letter or digit", SPEC_NAME_MAX);
	TAILQ_FOREACH(vm, &f->control->vms, entry)
		if (strcmp(vm->spec.name, name) == 0)
			return err_api(e, EEXIST, "name_conflict", "the name "
			    "\"%s\" is taken: choose another or remove that "
			    "instance", name);
	f->name = strdup(name);
	return f->name == NULL ? err_sys(e, "name") : 0;
}

static struct forking *
forking_new(struct request *r)
{
	struct forking *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		reply_json(r, 503, NULL);
		return NULL;
	}
	f->request = r;
	f->control = request_context(r);
	return f;
}

static void
on_captured(void *arg, struct vm *vm, const struct err *e)
{
	struct forking *f = arg;

	(void)vm;
	if (e != NULL)
		refuse(f, e);
	else
		make_child(f);
}

/* What the child is unless the request says: as its source. */
static enum vm_state
default_target(const struct vm *vm)
{
	return vm->state == VM_STOPPED || vm->state == VM_STANDBY ?
	    vm->state : VM_RUNNING;
}

static int
instance_request(struct forking *f, const struct vm *vm, const json_t *body,
    struct err *e)
{
	static const char *const known[] = {
		"name", "from_running", "target_state", NULL,
	};
	bool running = false;

	f->target = default_target(vm);
	if (route_snapshot_body(body, known, e) == -1 ||
	    take_name(f, body, e) == -1 ||
	    json_get_bool(&running, body, "from_running", e) == -1 ||
	    route_target_state(&f->target, body, e) == -1)
		return -1;
	if (vm->state == VM_RUNNING && !running)
		return err_api(e, EBUSY, "invalid_state", "instance %s is "
		    "Running: say from_running to pause it for a moment",
		    vm->spec.name);
	if (vm->state == VM_STOPPED && f->target == VM_STANDBY)
		return err_api(e, EINVAL, "invalid_request", "target_state: "
		    "a Stopped instance has no memory: Stopped or Running");
	f->own = true;
	f->snapshot = snapshots_new(vm, vm->state == VM_STOPPED ?
	    SNAPSHOT_STOPPED : SNAPSHOT_STANDBY, e);
	return f->snapshot == NULL ? -1 : 0;
}

void
route_instance_fork(struct request *r)
{
	struct vm *vm = route_vm(r);
	struct op_options o = { 0 };
	struct forking *f;
	struct err e;

	if (vm == NULL || (f = forking_new(r)) == NULL)
		return;
	if (instance_request(f, vm, request_json(r), &e) == -1) {
		refuse(f, &e);
		return;
	}
	o.snapshot = f->snapshot;
	vm_op(vm, OP_CAPTURE, &o, on_captured, f);
}

static int
snapshot_request(struct forking *f, struct snapshot *s, const json_t *body,
    struct err *e)
{
	static const char *const known[] = {
		"name", "target_state", "target_hypervisor", NULL,
	};
	const char *hypervisor = NULL;

	f->target = s->kind == SNAPSHOT_STANDBY ? VM_RUNNING : VM_STOPPED;
	if (route_snapshot_body(body, known, e) == -1 ||
	    take_name(f, body, e) == -1 ||
	    route_target_state(&f->target, body, e) == -1 ||
	    route_target_hypervisor(s, body, e) == -1 ||
	    json_get_str(&hypervisor, body, "target_hypervisor", 32, e) == -1)
		return -1;
	if (s->kind == SNAPSHOT_STOPPED && f->target == VM_STANDBY)
		return err_api(e, EINVAL, "invalid_request", "target_state: "
		    "snapshot %s has no memory: Stopped or Running", s->id);
	if (hypervisor != NULL &&
	    (f->hypervisor = strdup(hypervisor)) == NULL)
		return err_sys(e, "target_hypervisor");
	f->snapshot = s;
	s->users++;
	return 0;
}

void
route_snapshot_fork(struct request *r)
{
	struct snapshot *s;
	struct forking *f;
	struct err e;

	s = snapshots_find(request_context(r), request_caller(r),
	    request_param(r), &e);
	if (s == NULL) {
		reply_err(r, &e);
		return;
	}
	f = forking_new(r);
	if (f == NULL)
		return;
	if (snapshot_request(f, s, request_json(r), &e) == -1)
		refuse(f, &e);
	else
		make_child(f);
}
