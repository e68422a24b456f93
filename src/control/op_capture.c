/* SPDX-License-Identifier: ISC */
/*
 * op_capture.c - an instance as it is now, into a snapshot's directory
 *
 *	Running: pause -> the VMM writes capture/ -> linked -> disk copied ->
 *	resume -> disk made durable
 *	Standby: standby/ linked -> disk copied and made durable
 *	Stopped: disk copied and made durable
 *
 * The guest stands still only until its disk is copied, which takes no time
 * where the file system shares blocks.  Whatever fails, it goes on.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chapi/client.h"
#include "control/admission.h"
#include "control/control.h"
#include "control/directory.h"
#include "control/disk_copy.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "control/working_set.h"
#include "lib/json.h"
#include "lib/own.h"
#include "priv/client.h"

static void
on_synced(void *arg, const struct err *e)
{
	op_finish(arg, e);
}

/* The guest goes on; what was copied of its disk is made durable. */
static void
finish(struct op *op, const struct err *why)
{
	struct err e;

	if (op->failing)
		op_finish(op, &op->err);
	else if (why != NULL || op->file == -1)
		op_finish(op, why);
	else if (disk_sync(op->vm->control, op->file, on_synced, op,
	    &e) == -1)
		op_finish(op, &e);
}

/* NULL: all is copied. */
static void
done(struct op *op, const struct err *e)
{
	if (e != NULL) {
		op->failing = true;
		op->err = *e;
	}
	if (op->vm->held && op->vm->state == VM_PAUSED)
		op_thaw(op, finish);
	else
		finish(op, NULL);
}

static void
on_copied(void *arg, const struct err *e)
{
	struct op *op = arg;
	struct err gone;

	if (op->vm->held && op->vm->state != VM_PAUSED) {
		op->vm->held = false;
		(void)err_api(&gone, ESRCH, "invalid_state",
		    "instance %s ended: %s", op->vm->spec.name,
		    op->vm->exit_reason);
		e = &gone;
	}
	done(op, e);
}

static int
copy_disk(struct op *op, int to, struct err *e)
{
	const struct os_name name = { to, "overlay.img", 0660 };
	struct vm *vm = op->vm;
	own_fd int from = -1;

	from = openat(vm->dir, "overlay.img",
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from == -1)
		return err_sys(e, "open overlay.img");
	op->file = disk_copy(vm->control, from, &name, on_copied, op, e);
	return op->file == -1 ? -1 : 0;
}

/* The memory in the directory 'name' of the VM, or NULL; then the disk. */
static void
fill(struct op *op, const char *name)
{
	struct vm *vm = op->vm;
	own_fd int dir = snapshots_open(op->options.snapshot, &op->err);
	own_fd int from = -1, to = -1;
	struct err e;

	if (dir == -1) {
		e = op->err;
		done(op, &e);
		return;
	}
	if (name != NULL &&
	    ((from = directory_open(vm->dir, name, &e)) == -1 ||
	    (to = directory_make(dir, SNAPSHOT_MEMORY, &e)) == -1 ||
	    directory_link(to, from, SNAPSHOT_FILES_MAX, &e) == -1 ||
	    directory_sync(to, &e) == -1))
		done(op, &e);
	else if (vm_is_null(vm))
		done(op, NULL);
	else if (copy_disk(op, dir, &e) == -1)
		done(op, &e);
}

static void
on_written(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct err e;

	op->asking = false;
	if (a->err == NULL) {
		working_set_saved(op->vm, "capture");
		fill(op, "capture");
		(void)directory_remove(op->vm->dir, "capture", 0, NULL);
		return;
	}
	e = *a->err;
	e.code = "unavailable";
	(void)err_prefix(&e, "snapshot of %s", op->vm->spec.name);
	done(op, &e);
}

static void
on_held(struct op *op, const struct err *why)
{
	own_json json_t *body = json_pack("{s:s}", "destination_url",
	    "file:capture");
	struct err e;

	if (why != NULL)
		op_finish(op, why);
	else if (directory_remove(op->vm->dir, "capture", 0, &e) == -1)
		done(op, &e);
	else
		op_ask(op, "vm.snapshot", body, OP_SNAPSHOT_MS, on_written);
}

/* --- may it be? ----------------------------------------------------------- */

/* A snapshot holds no volumes: what is written to one goes on without it. */
static int
check_volumes(const struct vm *vm, struct err *e)
{
	for (size_t i = 0; i < vm->spec.nvolumes; i++)
		if (!vm->spec.volumes[i].readonly)
			return err_api(e, ENOTSUP, "not_supported", "instance "
			    "%s writes to the volume at %s, which no snapshot "
			    "holds", vm->spec.name, vm->spec.volumes[i].path);
	return 0;
}

static bool
state_fits(const struct op *op)
{
	const struct vm *vm = op->vm;

	if (op->options.snapshot->kind == SNAPSHOT_STOPPED)
		return vm->state == VM_STOPPED;
	return vm->state == VM_RUNNING || vm->state == VM_STANDBY;
}

static void
on_directory(void *arg, int fd, const struct err *e)
{
	struct op *op = arg;

	if (e != NULL) {
		op_finish(op, e);
		return;
	}
	if (op->vm->dir != -1)
		(void)close(op->vm->dir);
	op->vm->dir = fd;
	fill(op, op->vm->state == VM_STANDBY ? "standby" : NULL);
}

static void
capture_begin(struct op *op)
{
	const struct snapshot *s = op->options.snapshot;
	struct vm *vm = op->vm;
	own_fd int dir = -1;
	struct err e;

	if (!state_fits(op)) {
		op_refuse(op);
		return;
	}
	if (op_holds_all(vm, &e) == -1 ||
	    (s->kind == SNAPSHOT_STANDBY && op_can_snapshot(vm, &e) == -1) ||
	    check_volumes(vm, &e) == -1 ||
	    admission_disk(vm->control, "disk", vm->spec.overlay, &e) == -1 ||
	    (dir = snapshots_make(s, &e)) == -1)
		op_finish(op, &e);
	else if (vm->state == VM_RUNNING)
		op_hold(op, on_held);
	else
		priv_dir_open(vm->control->priv, vm->id, on_directory, op);
}

static void
capture_gone(struct op *op)
{
	/* Else a disk is at work, whose end finds it so. */
	if (!op->asking)
		return;
	op->vm->held = false;
	op_ended(op);
}

const struct op_class op_capture = {
	"take a snapshot of", capture_begin, capture_gone
};
