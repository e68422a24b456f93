/* SPDX-License-Identifier: ISC */
/*
 * op_restore.c - from Standby to where the guest was
 *
 *	admission -> files -> vmd starts the processes -> vm.create ->
 *	vm.restore, with the working set if there is one -> recorded ->
 *	vm.resume
 *
 * Until it is recorded nothing of the snapshot was used up: what fails kills
 * the processes and leaves the VM in Standby.  From then on the guest may
 * have run and written its disk, so that the snapshot goes.
 */

#include <stdio.h>

#include "chapi/client.h"
#include "control/admission.h"
#include "control/control.h"
#include "control/directory.h"
#include "control/guest.h"
#include "control/hypervisors.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "control/working_set.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "priv/client.h"

#define CALL_MS	60000	/* vm.create, vm.restore and vm.resume, each */

static void
give_up(struct op *op, const struct err *why, const char *what)
{
	struct err e = *why;

	(void)err_prefix(&e, "%s %s", what, op->vm->spec.name);
	if (e.code == NULL || *e.code == '\0')
		e.code = "start_failed";
	op_fail_killing(op, &e);
}

static void
on_resumed(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	struct err e;

	op->asking = false;
	if (a->err != NULL) {
		/* One that said no has not let the guest run. */
		vm->standby = a->status != 0;
		control_save(vm->control, vm);
		give_up(op, a->err, "resume");
		return;
	}
	vm_set_state(vm, vm_has_agent(vm) ? VM_INITIALIZING : VM_RUNNING);
	vm_note(vm, "restored");
	working_set_restored(vm);
	if (directory_remove(vm->dir, "standby", 0, &e) == -1)
		log_err(&e, "%s", vm->spec.name);
	control_save(vm->control, vm);
	op_finish(op, NULL);
	vm_probe(vm);
}

static void restore(struct op *);

void
op_restore_go(struct op *op)
{
	struct vm *vm = op->vm;
	struct err e;

	op->asking = false;
	vm->standby = false;
	vm->live = true;
	vm->reserved = false;
	vm->stopped_ms = 0;
	vm->exited = false;
	(void)snprintf(vm->boot_id, sizeof(vm->boot_id), "%s",
	    vm->control->boot_id);
	if (control_mark(vm->control, vm, true, &e) == -1) {
		vm->standby = true;
		give_up(op, &e, "restore");
		return;
	}
	op_ask(op, "vm.resume", NULL, CALL_MS, on_resumed);
}

void
op_restore_stop(struct op *op, const struct err *e)
{
	op_fail_killing(op, e);
}

static void
on_restored(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;

	if (a->err != NULL)
		op->asking = false;
	if (a->err != NULL && a->status != 0 && working_set_there(op->vm)) {
		/* Perhaps it is the set, which nobody needs. */
		working_set_spoilt(op->vm);
		restore(op);
		return;
	}
	if (a->err != NULL) {
		give_up(op, a->err, "restore");
		return;
	}
	vm_set_state(op->vm, VM_PAUSED);
	/* Should it end while it waits, restore_gone() is to know. */
	if (op->options.restored != NULL)
		op->options.restored(op->arg, op);
	else
		op_restore_go(op);
}

static void
restore(struct op *op)
{
	own_json json_t *body = json_pack("{s:s,s:b}", "source_url",
	    "file:standby", "prefetch", working_set_there(op->vm));

	op_ask(op, "vm.restore", body, CALL_MS, on_restored);
}

static void
on_created(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;

	op->asking = false;
	if (a->err != NULL)
		give_up(op, a->err, "create");
	else
		restore(op);
}

static void
restore_failed(struct op *op, const struct err *e)
{
	op->vm->reserved = false;
	op_finish(op, e);
}

static void
on_started(void *arg, const struct priv_vm *procs, bool more,
    const struct err *why)
{
	own_json json_t *config = NULL;
	struct op *op = arg;
	struct err e;

	(void)more;
	if (why != NULL) {
		e = *why;
		if (e.code == NULL || *e.code == '\0')
			e.code = "start_failed";
		restore_failed(op, &e);
		return;
	}
	vm_processes(op->vm, procs);
	vm_set_state(op->vm, VM_CREATED);
	if (guest_config(&config, op->vm, &e) == -1)
		op_fail_killing(op, &e);
	else
		op_ask(op, "vm.create", config, CALL_MS, on_created);
}

static void
start_processes(struct op *op)
{
	struct priv_start start;
	struct vm *vm = op->vm;
	struct err e;

	if (op_start_prepare(&start, vm, &e) == -1) {
		restore_failed(op, &e);
		return;
	}
	start.restore = true;
	vm->first_end[0] = '\0';
	priv_vm_start(vm->control->priv, &start, on_started, op);
}

static void
on_directory(void *arg, int fd, const struct err *e)
{
	struct op *op = arg;

	if (e != NULL) {
		restore_failed(op, e);
		return;
	}
	op->vm->dir = fd;
	start_processes(op);
}

/* What can run guests here is known. */
static void
on_hypervisors(void *arg)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	struct err e;

	/* Its memory is in the format of the one that wrote it. */
	if (op_can_snapshot(vm, &e) == -1 || hypervisor_choose(vm->control,
	    vm->hypervisor->name, guest_arch(vm), &e) == NULL ||
	    admission_start(vm, &e) == -1) {
		op_finish(op, &e);
		return;
	}
	vm->reserved = true;
	vm->restarts.manual_stop = false;
	if (vm->dir == -1)
		priv_dir_open(vm->control->priv, vm->id, on_directory, op);
	else
		start_processes(op);
}

static void
restore_begin(struct op *op)
{
	if (op->vm->state != VM_STANDBY)
		op_refuse(op);
	else
		hypervisors_wait(op->vm->control, on_hypervisors, op);
}

static void
restore_gone(struct op *op)
{
	op->vm->reserved = false;
	if (op->failing)
		op_finish(op, &op->err);
	else if (op->asking)
		op_ended(op);
	/* Else vmd's own answer to the start is still to come. */
}

const struct op_class op_restore = { "restore", restore_begin, restore_gone };
