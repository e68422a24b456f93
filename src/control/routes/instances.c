/* SPDX-License-Identifier: ISC */
/* instances.c - list, get, patch, delete and what is done to instances */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "chapi/client.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/json.h"
#include "lib/num.h"

struct vm *
route_vm(struct request *r)
{
	struct err e;
	struct vm *vm = vm_table_find(request_context(r), request_caller(r),
	    request_param(r), &e);

	if (vm == NULL)
		reply_err(r, &e);
	return vm;
}

struct vm *
route_running_vm(struct request *r)
{
	struct vm *vm = route_vm(r);
	struct err e;

	if (vm != NULL && vm->spec.image == NULL) {
		(void)err_api(&e, ENOTSUP, "not_supported", "instance %s was "
		    "not made of an image: no agent of vmd's is in it",
		    vm->spec.name);
		reply_err(r, &e);
		return NULL;
	}
	if (vm == NULL || vm->state == VM_RUNNING)
		return vm;
	(void)err_api(&e, EINVAL, "invalid_state", "instance must be running "
	    "(current state: %s)", vm_state_name(vm->state));
	reply_err(r, &e);
	return NULL;
}

/* --- list ----------------------------------------------------------------- */

void
route_instances_list(struct request *r)
{
	const struct control *ctl = request_context(r);
	own_json json_t *list = json_array();
	enum vm_state want = VM_STATES;
	const char *text = NULL;
	const struct vm *vm;
	struct err e;
	int found, fits;

	found = request_query(&text, r, "state", &e);
	if (found == -1 || (found == 1 && vm_state_parse(&want, text, &e) ==
	    -1)) {
		reply_err(r, &e);
		return;
	}
	TAILQ_FOREACH(vm, &ctl->vms, entry) {
		if (vm->creating || vm->removing ||
		    !vm_belongs(vm, request_caller(r)) ||
		    (want != VM_STATES && vm->state != want))
			continue;
		fits = request_tags_fit(r, vm->spec.tags, &e);
		if (fits == -1) {
			reply_err(r, &e);
			return;
		}
		if (fits)
			(void)json_array_append_new(list, vm_json(vm));
	}
	reply_json(r, 200, take(&list));
}

/* --- get, patch ----------------------------------------------------------- */

void
route_instance_get(struct request *r)
{
	struct vm *vm = route_vm(r);

	if (vm != NULL)
		reply_json(r, 200, vm_json(vm));
}

void
route_instance_patch(struct request *r)
{
	struct vm *vm = route_vm(r);
	struct err e;

	if (vm == NULL)
		return;
	if (request_json(r) == NULL) {
		(void)err_api(&e, EINVAL, "invalid_request",
		    "a body that says what to change is needed");
		reply_err(r, &e);
		return;
	}
	if (spec_update(&vm->spec, request_json(r), &e) == -1) {
		reply_err(r, &e);
		return;
	}
	if (json_object_get(request_json(r), "restart_policy") != NULL) {
		vm->restarts.attempts = 0;
		vm->restarts.exceeded = false;
		vm_cancel_restart(vm);
		if (vm->state == VM_STOPPED && TAILQ_EMPTY(&vm->ops))
			vm_plan_restart(vm);
	}
	control_save(vm->control, vm);
	reply_json(r, 200, vm_json(vm));
}

/* --- operations ----------------------------------------------------------- */

static void
on_done(void *arg, struct vm *vm, const struct err *e)
{
	if (e != NULL)
		reply_err(arg, e);
	else
		reply_json(arg, 200, vm_json(vm));
}

static void
on_removed(void *arg, struct vm *vm, const struct err *e)
{
	(void)vm;
	if (e != NULL)
		reply_err(arg, e);
	else
		reply_empty(arg, 204);
}

void
route_instance_delete(struct request *r)
{
	struct vm *vm = route_vm(r);

	if (vm != NULL)
		vm_op(vm, OP_REMOVE, NULL, on_removed, r);
}

/* What holds for this start only; *ret stays NULL when nothing does. */
static int
start_once(struct vm_once **ret, struct request *r, const struct spec *s,
    struct err *e)
{
	const json_t *body = request_json(r);
	const char *kernel = NULL;
	enum spec_boot boot = BOOT_ANY;
	struct vm_once *o;
	uint64_t vcpus = 0;

	if (spec_boot_device(&boot, body, e) == -1 ||
	    json_get_str(&kernel, body, "kernel", SPEC_PATH_MAX, e) == -1 ||
	    json_get_u64(&vcpus, body, "vcpus", 1, SPEC_VCPUS_MAX, e) == -1)
		return -1;
	if (!spec_may_boot(s, boot) ||
	    (kernel != NULL && boot != BOOT_ANY && boot != BOOT_NET))
		return err_api(e, EINVAL, "invalid_request", "boot_device: "
		    "goes without an image and a kernel");
	if (kernel == NULL && vcpus == 0 && boot == BOOT_ANY)
		return 0;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return err_sys(e, "start");
	o->boot = boot;
	o->vcpus = (unsigned)vcpus;
	o->kernel = kernel == NULL ? NULL : strdup(kernel);
	o->client = kernel == NULL ? -1 : fcntl(request_socket(r),
	    F_DUPFD_CLOEXEC, 3);
	*ret = o;
	return 0;
}

void
route_instance_start(struct request *r)
{
	struct op_options o = { 0 };
	struct vm *vm = route_vm(r);
	struct err e;

	if (vm == NULL)
		return;
	if (vm->state != VM_STOPPED && TAILQ_EMPTY(&vm->ops)) {
		(void)err_api(&e, EINVAL, "invalid_state", "cannot start "
		    "instance %s: it is %s", vm->spec.name,
		    vm_state_name(vm->state));
		reply_err(r, &e);
		return;
	}
	if (request_json(r) != NULL) {
		if (spec_command(&vm->spec, request_json(r), &e) == -1 ||
		    start_once(&o.once, r, &vm->spec, &e) == -1) {
			reply_err(r, &e);
			return;
		}
		control_save(vm->control, vm);
	}
	vm_op(vm, OP_START, &o, on_done, r);
}

static int
stop_options(struct op_options *o, const json_t *body, struct err *e)
{
	static const char *const known[] = { "force", "timeout", NULL };
	const char *timeout = NULL;

	memset(o, 0, sizeof(*o));
	if (body == NULL)
		return 0;
	if (json_only(body, known, e) == -1 ||
	    json_get_bool(&o->force, body, "force", e) == -1 ||
	    json_get_str(&timeout, body, "timeout", 32, e) == -1)
		return -1;
	if (timeout == NULL)
		return 0;
	o->has_timeout = true;
	if (duration_parse(&o->timeout, timeout, e) == -1)
		return err_prefix(e, "timeout");
	if (o->timeout > SPEC_DURATION_MAX)
		return err_api(e, ERANGE, "invalid_request",
		    "timeout: %s is longer than a year", timeout);
	return 0;
}

void
route_instance_stop(struct request *r)
{
	struct vm *vm = route_vm(r);
	struct op_options o;
	struct err e;

	if (vm == NULL)
		return;
	if (stop_options(&o, request_json(r), &e) == -1)
		reply_err(r, &e);
	else
		vm_op(vm, OP_STOP, &o, on_done, r);
}

static void
simple(struct request *r, enum op_kind kind)
{
	struct vm *vm = route_vm(r);

	if (vm != NULL)
		vm_op(vm, kind, NULL, on_done, r);
}

void
route_instance_pause(struct request *r)
{
	simple(r, OP_PAUSE);
}

void
route_instance_resume(struct request *r)
{
	simple(r, OP_RESUME);
}

void
route_instance_reset(struct request *r)
{
	simple(r, OP_RESET);
}
