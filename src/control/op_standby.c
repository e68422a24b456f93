/* SPDX-License-Identifier: ISC */
/*
 * op_standby.c - from Running to Standby
 *
 *	pause -> the VMM writes standby/ -> disks are made durable -> recorded
 *	-> the processes are killed
 *
 * Until it is recorded the VM is alive and goes on when anything fails;
 * after that it is Standby, whatever happens to its processes or to us.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chapi/client.h"
#include "control/control.h"
#include "control/directory.h"
#include "control/disk_copy.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "control/volumes.h"
#include "control/working_set.h"
#include "lib/json.h"
#include "lib/own.h"
#include "priv/client.h"

#define KILLED_MS	15000	/* until a killed VM is called gone */

/* It goes on as if nothing had been asked. */
static void
on_thawed(struct op *op, const struct err *e)
{
	(void)e;
	op_finish(op, &op->err);
}

static void
give_up(struct op *op, const struct err *e)
{
	struct vm *vm = op->vm;

	op->err = *e;
	vm->standby = false;
	(void)directory_remove(vm->dir, "standby", 0, NULL);
	if (vm->state == VM_PAUSED)
		op_thaw(op, on_thawed);
	else
		op_finish(op, &op->err);
}

static void
on_not_gone(int fd, short what, void *arg)
{
	struct op *op = arg;
	struct err e;

	(void)fd;
	(void)what;
	(void)err_api(&e, ETIMEDOUT, "unavailable", "instance %s is in "
	    "standby but its processes do not end", op->vm->spec.name);
	op_finish(op, &e);
}

static void
end_processes(struct op *op)
{
	struct vm *vm = op->vm;
	struct err e;

	vm->standby = true;
	vm->held = false;
	vm->made_of[0] = '\0';
	if (control_mark(vm->control, vm, true, &e) == -1) {
		vm->held = true;
		give_up(op, &e);
		return;
	}
	vm_note(vm, "standby was asked for");
	op_timer(op, KILLED_MS, on_not_gone);
	/* Its guest stands still and its disks are written. */
	priv_vm_kill(vm->control->priv, vm->id, true, priv_ignore, NULL);
}

/* --- disks ---------------------------------------------------------------- */

static void sync_disk(struct op *, unsigned);

static void
on_synced(void *arg, const struct err *e)
{
	struct op *op = arg;
	struct vm *vm = op->vm;

	if (vm->state != VM_PAUSED)
		op_ended(op);
	else if (e != NULL)
		give_up(op, e);
	else
		sync_disk(op, op->disk + 1);
}

static int
open_disk(const struct vm *vm, unsigned n, struct err *e)
{
	int fd;

	if (n == 0) {
		fd = openat(vm->dir, "overlay.img",
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		return fd == -1 ? err_sys(e, "open overlay.img") : fd;
	}
	return volume_open(&fd, vm->control, vm->spec.volumes[n - 1].id,
	    true, e) == -1 ? -1 : fd;
}

/* The overlay, then each volume that it writes. */
static void
sync_disk(struct op *op, unsigned n)
{
	struct vm *vm = op->vm;
	own_fd int fd = -1;
	struct err e;

	while (n > 0 && n <= vm->spec.nvolumes &&
	    vm->spec.volumes[n - 1].readonly)
		n++;
	if (n > vm->spec.nvolumes || vm_is_null(vm)) {
		end_processes(op);
		return;
	}
	op->disk = n;
	fd = open_disk(vm, n, &e);
	if (fd == -1 || disk_sync(vm->control, fd, on_synced, op, &e) == -1)
		give_up(op, &e);
}

/* --- memory --------------------------------------------------------------- */

static void
on_written(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct err e;

	op->asking = false;
	if (a->err == NULL) {
		working_set_saved(op->vm, "standby");
		sync_disk(op, 0);
		return;
	}
	e = *a->err;
	e.code = "unavailable";
	(void)err_prefix(&e, "snapshot of %s", op->vm->spec.name);
	give_up(op, &e);
}

static void
on_held(struct op *op, const struct err *why)
{
	own_json json_t *body = json_pack("{s:s}", "destination_url",
	    "file:standby");
	struct err e;

	if (why != NULL)
		op_finish(op, why);
	else if (directory_remove(op->vm->dir, "standby", 0, &e) == -1)
		give_up(op, &e);
	else
		op_ask(op, "vm.snapshot", body, OP_SNAPSHOT_MS, on_written);
}

static void
standby_begin(struct op *op)
{
	struct err e;

	if (op->vm->state != VM_RUNNING)
		op_refuse(op);
	else if (op_holds_all(op->vm, &e) == -1 ||
	    op_can_snapshot(op->vm, &e) == -1)
		op_finish(op, &e);
	else
		op_hold(op, on_held);
}

static void
standby_gone(struct op *op)
{
	if (op->vm->state == VM_STANDBY)
		op_finish(op, NULL);
	else if (op->asking)
		op_ended(op);
	/* Else a disk is at work, whose end finds it so. */
}

const struct op_class op_standby = { "standby", standby_begin, standby_gone };
