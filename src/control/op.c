/* SPDX-License-Identifier: ISC */
/* op.c - one operation at a time on a VM; see op.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/client.h"
#include "chapi/client.h"
#include "control/control.h"
#include "control/http.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "priv/client.h"

#define ASK_MS		10000	/* what a VMM may take to answer */
#define KILLED_MS	15000	/* until a killed VM is called gone */

static const struct op_class *const classes[] = {
	[OP_START] = &op_start,
	[OP_STOP] = &op_stop,
	[OP_REMOVE] = &op_remove,
	[OP_PAUSE] = &op_pause,
	[OP_RESUME] = &op_resume,
	[OP_RESET] = &op_reset,
	[OP_STANDBY] = &op_standby,
	[OP_RESTORE] = &op_restore,
	[OP_CAPTURE] = &op_capture,
	[OP_PLACE] = &op_place,
	[OP_RECORD] = &op_record,
	[OP_SEND] = &op_send,
};

static void
op_free(struct op *op)
{
	if (op->timer != NULL)
		event_free(op->timer);
	if (op->agent != NULL)
		agent_close(op->agent);
	if (op->file != -1)
		(void)close(op->file);
	vm_once_destroy(op->options.once);
	free(op);
}

/* Begin the first of the queue, unless it is at work. */
static void
next(struct vm *vm)
{
	struct op *op = TAILQ_FIRST(&vm->ops);

	if (op == NULL || op->begun)
		return;
	op->begun = true;
	op->class->begin(op);
}

void
vm_op(struct vm *vm, enum op_kind kind, const struct op_options *o,
    op_done_fn *done, void *arg)
{
	struct op *op = NULL;
	struct err e;

	if (vm->nops >= VM_OPS_MAX) {
		(void)err_api(&e, EBUSY, "conflict", "%d operations wait for "
		    "instance %s already", VM_OPS_MAX, vm->spec.name);
	} else {
		op = calloc(1, sizeof(*op));
		if (op == NULL)
			(void)err_sys(&e, "operation");
	}
	if (op == NULL) {
		if (o != NULL)
			vm_once_destroy(o->once);
		if (done != NULL)
			done(arg, vm, &e);
		return;
	}
	op->vm = vm;
	op->file = -1;
	op->class = classes[kind];
	if (o != NULL)
		op->options = *o;
	op->done = done;
	op->arg = arg;
	TAILQ_INSERT_TAIL(&vm->ops, op, entry);
	vm->nops++;
	next(vm);
}

void
op_finish(struct op *op, const struct err *e)
{
	struct vm *vm = op->vm;
	struct err copy;

	if (e != NULL) {
		copy = *e;
		e = &copy;
	}
	TAILQ_REMOVE(&vm->ops, op, entry);
	vm->nops--;
	http_flush(vm->control->http);
	if (op->done != NULL)
		op->done(op->arg, vm, e);
	op_free(op);
	next(vm);
}

void
op_finish_removed(struct op *op)
{
	struct vm *vm = op->vm;
	struct op *other;
	struct err e;

	TAILQ_REMOVE(&vm->ops, op, entry);
	http_flush(vm->control->http);
	if (op->done != NULL)
		op->done(op->arg, vm, NULL);
	op_free(op);
	(void)err_api(&e, ENOENT, "not_found", "instance %s was removed",
	    vm->spec.name);
	while ((other = TAILQ_FIRST(&vm->ops)) != NULL) {
		TAILQ_REMOVE(&vm->ops, other, entry);
		if (other->done != NULL)
			other->done(other->arg, NULL, &e);
		op_free(other);
	}
	vm_table_remove(vm);
}

void
op_timer(struct op *op, uint64_t ms, void (*fn)(int, short, void *))
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	if (op->timer != NULL)
		event_free(op->timer);
	op->timer = evtimer_new(op->vm->control->base, fn, op);
	if (op->timer == NULL || evtimer_add(op->timer, &tv) == -1)
		fn(-1, EV_TIMEOUT, op);
}

static void
on_not_gone(int fd, short what, void *arg)
{
	struct op *op = arg;

	(void)fd;
	(void)what;
	op_finish(op, &op->err);
}

void
op_fail_killing(struct op *op, const struct err *e)
{
	op->err = *e;
	op->failing = true;
	op->asking = false;
	op_timer(op, KILLED_MS, on_not_gone);
	priv_vm_kill(op->vm->control->priv, op->vm->id, true, priv_ignore,
	    NULL);
}

void
op_refuse(struct op *op)
{
	struct err e;

	(void)err_api(&e, EINVAL, "invalid_state",
	    "cannot %s instance %s: it is %s", op->class->name,
	    op->vm->spec.name, vm_state_name(op->vm->state));
	op_finish(op, &e);
}

void
op_ask(struct op *op, const char *call, json_t *body, unsigned ms,
    void (*done)(void *, const struct chapi_answer *))
{
	struct chapi_call c = {
		.name = call, .body = body, .done = done, .arg = op,
		.timeout_ms = ms == 0 ? ASK_MS : ms,
	};
	struct chapi_answer answer = { 0 };
	struct vm *vm = op->vm;
	struct err e;

	op->asking = true;
	if (vm->chapi == NULL && chapi_client_new(&vm->chapi,
	    vm->control->base, vm->dir, &e) == -1) {
		answer.err = &e;
	} else if (chapi_client_call(vm->chapi, &c, &e) == -1) {
		answer.err = &e;
	}
	if (answer.err != NULL)
		done(op, &answer);
}

/* --- pause, resume, reset: one question each ------------------------------ */

static void
answered(struct op *op, const struct chapi_answer *a, enum vm_state then)
{
	struct err e;

	op->asking = false;
	if (a->err != NULL) {
		e = *a->err;
		(void)err_prefix(&e, "%s %s", op->class->name,
		    op->vm->spec.name);
		e.code = "unavailable";
		op_finish(op, &e);
		return;
	}
	if (then == VM_INITIALIZING && !vm_has_agent(op->vm))
		then = VM_RUNNING;
	if (vm_state_live(op->vm->state)) {
		vm_set_state(op->vm, then);
		control_save(op->vm->control, op->vm);
	}
	op_finish(op, NULL);
}

/* The VM ended before it answered. */
static void
gone(struct op *op)
{
	struct err e;

	if (!op->asking)
		return;
	(void)err_api(&e, ESRCH, "invalid_state", "instance %s ended: %s",
	    op->vm->spec.name, op->vm->exit_reason);
	op_finish(op, &e);
}

static void
on_paused(void *arg, const struct chapi_answer *a)
{
	answered(arg, a, VM_PAUSED);
}

static void
pause_begin(struct op *op)
{
	if (op->vm->state != VM_RUNNING && op->vm->state != VM_INITIALIZING)
		op_refuse(op);
	else
		op_ask(op, "vm.pause", NULL, 0, on_paused);
}

/* Whether the agent served before is asked of it again. */
static void
on_resumed(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	bool good = a->err == NULL;

	answered(op, a, VM_INITIALIZING);
	if (good)
		vm_probe(vm);
}

static void
resume_begin(struct op *op)
{
	if (op->vm->state != VM_PAUSED)
		op_refuse(op);
	else
		op_ask(op, "vm.resume", NULL, 0, on_resumed);
}

static void
on_reset(void *arg, const struct chapi_answer *a)
{
	answered(arg, a, VM_INITIALIZING);
}

static void
reset_begin(struct op *op)
{
	if (op->vm->state != VM_RUNNING && op->vm->state != VM_INITIALIZING)
		op_refuse(op);
	else
		op_ask(op, "vm.reboot", NULL, 0, on_reset);
}

const struct op_class op_pause = { "pause", pause_begin, gone };
const struct op_class op_resume = { "resume", resume_begin, gone };
const struct op_class op_reset = { "reset", reset_begin, gone };
