/* SPDX-License-Identifier: ISC */
/*
 * op_stop.c - from anything that lives to Stopped, and to nothing at all
 *
 * Stop: the agent is told to shut down (stop signal, grace time, SIGKILL
 * and power-off are the guest's work); when the VM has not ended soon after
 * the grace time, or there is no agent, the VMM is told; then everything is
 * killed.  A VM without an image has no agent: its power button is pressed.
 *  Remove: kill, remove the directory, forget.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/client.h"
#include "chapi/client.h"
#include "control/control.h"
#include "control/database.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "lib/util.h"
#include "priv/client.h"

#define HELLO_MS	2000	/* an agent that does not answer is none */
#define BUTTON_MS	120000	/* for a system to go down by itself */
#define POWEROFF_MS	5000	/* beyond the grace time, to power off */
#define VMM_MS		3000	/* for vm.shutdown to end the VM */
#define KILL_MS		15000	/* until a killed VM is given up */

static void stop_vmm(struct op *);
static void stop_kill(struct op *);

/* --- the agent ------------------------------------------------------------ */

static void
on_grace_over(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	stop_vmm(arg);
}

static void
on_agent(void *arg, const struct agent_result *r)
{
	struct op *op = arg;
	bool refused = r->err != NULL;

	/* The result is the session's. */
	agent_close(op->agent);
	op->agent = NULL;
	/* Else the time that was set when it was asked still runs. */
	if (refused)
		stop_vmm(op);
}

static void
stop_agent(struct op *op, uint64_t grace)
{
	static const struct agent_handler handler = { .done = on_agent };
	struct vm *vm = op->vm;

	if (agent_open(&op->agent, vm->control->base, &handler, op,
	    NULL) == -1 || agent_connect(op->agent, vm->dir, "vsock.sock",
	    HELLO_MS, NULL) == -1 || agent_shutdown(op->agent,
	    vm->spec.stop_signal, (int64_t)grace, NULL) == -1) {
		stop_vmm(op);
		return;
	}
	op_timer(op, grace + POWEROFF_MS, on_grace_over);
}

/* --- a guest without one -------------------------------------------------- */

/* It was asked, or cannot be: then there is no use in waiting. */
static void
on_button(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;

	op->asking = false;
	if (a->err != NULL)
		stop_vmm(op);
}

static void
stop_button(struct op *op, uint64_t grace)
{
	op_timer(op, grace + POWEROFF_MS, on_grace_over);
	op_ask(op, "vm.power-button", NULL, 0, on_button);
}

/* --- the VMM, then SIGKILL ------------------------------------------------ */

static void
on_vmm_over(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	stop_kill(arg);
}

static void
stop_vmm(struct op *op)
{
	struct vm *vm = op->vm;

	(void)snprintf(vm->first_end, sizeof(vm->first_end),
	    "stopped by force");
	vm->first_weight = VM_WEIGHT_KNOWN;
	if (op->agent != NULL)
		agent_close(op->agent);
	op->agent = NULL;
	op_timer(op, VMM_MS, on_vmm_over);
	/* SIGTERM: the VMM ends the VM its way and writes exit.json. */
	priv_vm_kill(vm->control->priv, vm->id, false, priv_ignore, NULL);
}

static void
on_not_gone(int fd, short what, void *arg)
{
	struct op *op = arg;
	struct err e;

	(void)fd;
	(void)what;
	(void)err_api(&e, ETIMEDOUT, "unavailable", "instance %s was killed "
	    "but its processes do not end; see %s", op->vm->spec.name,
	    "vmm.log");
	op_finish(op, &e);
}

static void
stop_kill(struct op *op)
{
	struct vm *vm = op->vm;

	op_timer(op, KILL_MS, on_not_gone);
	priv_vm_kill(vm->control->priv, vm->id, true, priv_ignore, NULL);
}

static void
stop_begin(struct op *op)
{
	struct vm *vm = op->vm;
	uint64_t grace = op->options.has_timeout ? op->options.timeout :
	    vm->spec.stop_timeout;

	/* A planned restart is stopped, too. */
	if (!vm_state_live(vm->state) && vm->restarts.next_ms == 0) {
		op_refuse(op);
		return;
	}
	vm->restarts.manual_stop = true;
	vm_cancel_restart(vm);
	control_save(vm->control, vm);
	vm_note(vm, "stop was asked for%s",
	    op->options.force ? ", by force" : "");
	if (!vm_state_live(vm->state))
		op_finish(op, NULL);
	else if (op->options.force)
		stop_kill(op);
	else if (vm->state != VM_RUNNING && vm->state != VM_INITIALIZING)
		stop_vmm(op);
	else if (vm->spec.image != NULL)
		stop_agent(op, grace);
	else
		stop_button(op, op->options.has_timeout ? grace :
		    MAX(grace, BUTTON_MS));
}

static void
stop_gone(struct op *op)
{
	struct vm *vm = op->vm;

	op_finish(op, NULL);
	if (vm->spec.auto_remove)
		vm_plan_restart(vm);
}

/* --- remove --------------------------------------------------------------- */

static void
on_removed(void *arg, const struct err *e)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	struct err why;

	if (e != NULL) {
		vm->removing = false;
		control_save(vm->control, vm);
		op_finish(op, e);
		return;
	}
	if (db_delete(vm->control->db, "vm", vm->id, &why) == -1) {
		op_finish(op, &why);
		return;
	}
	op_finish_removed(op);
}

static void
remove_directory(struct op *op)
{
	struct vm *vm = op->vm;
	struct err e;

	vm->removing = true;
	if (!vm->creating && control_mark(vm->control, vm, true, &e) == -1) {
		vm->removing = false;
		op_finish(op, &e);
		return;
	}
	priv_dir_remove(vm->control->priv, vm->id, on_removed, op);
}

static void
remove_begin(struct op *op)
{
	struct vm *vm = op->vm;

	vm->restarts.manual_stop = true;
	vm_cancel_restart(vm);
	if (vm_state_live(vm->state))
		stop_kill(op);
	else
		remove_directory(op);
}

const struct op_class op_stop = { "stop", stop_begin, stop_gone };
const struct op_class op_remove = { "remove", remove_begin,
    remove_directory };
