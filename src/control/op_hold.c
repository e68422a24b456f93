/* SPDX-License-Identifier: ISC */
/* op_hold.c - what standby and snapshots share; see op.h */

#include <errno.h>

#include "chapi/client.h"
#include "control/control.h"
#include "control/hypervisors.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "lib/log.h"

int
op_can_snapshot(const struct vm *vm, struct err *e)
{
	const char *name = vm->hypervisor == NULL ? "qemu" :
	    vm->hypervisor->name;

	if (vm->hypervisor != NULL &&
	    (vm->hypervisor->can & CAN_SNAPSHOT) != 0)
		return 0;
	return err_api(e, ENOTSUP, "not_supported", "instance %s runs on %s, "
	    "which has no snapshots; vmm has", vm->spec.name, name);
}

int
op_holds_all(const struct vm *vm, struct err *e)
{
	const struct spec *s = &vm->spec;

	if (s->nshares > 0)
		return err_api(e, ENOTSUP, "not_supported", "instance %s "
		    "shares %s of the host, which no snapshot holds: it has "
		    "no standby, snapshots and forks", s->name,
		    s->shares[0].host);
	if (s->ndisks > 0)
		return err_api(e, ENOTSUP, "not_supported", "disk %s of "
		    "instance %s is a file of the host, which no snapshot "
		    "holds: it has no standby, snapshots and forks",
		    s->disks[0].path, s->name);
	if (s->image == NULL)
		return err_api(e, ENOTSUP, "not_supported", "instance %s "
		    "boots a kernel of its own: it has no standby, snapshots "
		    "and forks", s->name);
	return 0;
}

void
op_ended(struct op *op)
{
	struct err e;

	(void)err_api(&e, ESRCH, "invalid_state", "instance %s ended: %s",
	    op->vm->spec.name, op->vm->exit_reason);
	op_finish(op, &e);
}

/* What was answered, as the reason that this operation ends. */
static void
reason(struct err *ret, const struct op *op, const struct chapi_answer *a)
{
	*ret = *a->err;
	ret->code = "unavailable";
	(void)err_prefix(ret, "%s %s", op->class->name, op->vm->spec.name);
}

/* Whatever is waited for, op->then is called once and forgotten. */
static void
go_on(struct op *op, const struct chapi_answer *a, enum vm_state then)
{
	op_then_fn *fn = op->then;
	struct err e;

	op->asking = false;
	op->then = NULL;
	if (a->err == NULL) {
		vm_set_state(op->vm, then);
		fn(op, NULL);
		return;
	}
	reason(&e, op, a);
	fn(op, &e);
}

static void
on_unheld(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	op_then_fn *fn = op->then;

	(void)a;	/* one that was not paused refuses */
	op->asking = false;
	op->then = NULL;
	op->vm->held = false;
	control_save(op->vm->control, op->vm);
	fn(op, &op->err);
}

/*
 * A VMM that does not answer may only be slow: it would pause later, and
 * nobody would wake its guest again.
 */
static void
on_held(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;

	if (a->err == NULL) {
		go_on(op, a, VM_PAUSED);
		return;
	}
	reason(&op->err, op, a);
	op_ask(op, "vm.resume", NULL, 0, on_unheld);
}

void
op_hold(struct op *op, op_then_fn *then)
{
	struct vm *vm = op->vm;
	struct err e;

	op->then = then;
	vm->held = true;
	/* Whoever finds it paused after our death knows that it was us. */
	if (control_mark(vm->control, vm, false, &e) == -1) {
		vm->held = false;
		then(op, &e);
		return;
	}
	op_ask(op, "vm.pause", NULL, 0, on_held);
}

static void
on_thawed(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct vm *vm = op->vm;

	vm->held = false;
	if (a->err != NULL)
		log_err(a->err, "%s: it stays paused", vm->spec.name);
	go_on(op, a, VM_RUNNING);
	vm_greet(vm);
	control_save(vm->control, vm);
}

void
op_thaw(struct op *op, op_then_fn *then)
{
	op->then = then;
	op_ask(op, "vm.resume", NULL, 0, on_thawed);
}
