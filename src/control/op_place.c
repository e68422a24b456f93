/* SPDX-License-Identifier: ISC */
/*
 * op_place.c - a snapshot into a VM that stands still
 *
 *	place/ gets the disk and links to the memory -> recorded -> its parts
 *	take the places of those that were there
 *
 * The VM is new, or goes back to what it was.  Until it is recorded it is as
 * it was; the rest is done again by the daemon that finds the record.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "control/control.h"
#include "control/directory.h"
#include "control/disk_copy.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "lib/own.h"
#include "priv/client.h"

#define PLACE	"place"

/* Over what is there; one that is not in place/ has been moved already. */
static int
move(const struct vm *vm, int place, const char *name, const char *to,
    struct err *e)
{
	if (renameat(place, name, vm->dir, to) == -1 && errno != ENOENT)
		return err_sys(e, "move %s", name);
	return 0;
}

int
op_place_finish(struct vm *vm, struct err *e)
{
	own_fd int place = -1;
	struct err why;
	bool memory;

	place = directory_open(vm->dir, PLACE, &why);
	if (place == -1 && why.num != ENOENT) {
		*e = why;
		return -1;
	}
	if (place != -1) {
		memory = faccessat(place, SNAPSHOT_MEMORY, F_OK, 0) == 0;
		if (move(vm, place, "overlay.img", "overlay.img", e) == -1)
			return -1;
		/* Once the new one is there it is not to be removed. */
		if ((memory || vm->placing == 1 + SNAPSHOT_STOPPED) &&
		    directory_remove(vm->dir, "standby", 0, e) == -1)
			return -1;
		if (move(vm, place, SNAPSHOT_MEMORY, "standby", e) == -1 ||
		    directory_remove(vm->dir, PLACE, 1, e) == -1)
			return -1;
	}
	if (directory_sync(vm->dir, e) == -1)
		return -1;
	vm->standby = vm->placing == 1 + SNAPSHOT_STANDBY;
	vm->placing = 0;
	vm_set_state(vm, vm->standby ? VM_STANDBY : VM_STOPPED);
	return 0;
}

static void
place_failed(struct op *op, const struct err *why)
{
	struct err e = *why;

	(void)directory_remove(op->vm->dir, PLACE, 1, NULL);
	op_finish(op, &e);
}

/* All is in place/. */
static void
commit(struct op *op)
{
	struct vm *vm = op->vm;
	struct err e;

	vm->placing = 1 + (unsigned)(op->options.disk_only ?
	    SNAPSHOT_STOPPED : op->options.snapshot->kind);
	vm->made_of[0] = '\0';
	if (vm->placing == 1 + SNAPSHOT_STANDBY && op->options.snapshot->made)
		(void)snprintf(vm->made_of, sizeof(vm->made_of), "%s",
		    op->options.snapshot->id);
	if (!vm->creating && control_mark(vm->control, vm, true, &e) == -1) {
		vm->placing = 0;
		place_failed(op, &e);
		return;
	}
	if (op_place_finish(vm, &e) == -1) {
		op_finish(op, &e);
		return;
	}
	if (!op->options.unmade)
		vm->creating = false;
	vm_note(vm, "made from a snapshot of %s",
	    op->options.snapshot->source_name);
	control_save(vm->control, vm);
	op_finish(op, NULL);
}

static void
on_synced(void *arg, const struct err *e)
{
	if (e != NULL)
		place_failed(arg, e);
	else
		commit(arg);
}

static void
on_copied(void *arg, const struct err *e)
{
	struct op *op = arg;
	struct err why;

	if (e != NULL)
		place_failed(op, e);
	else if (disk_sync(op->vm->control, op->file, on_synced, op,
	    &why) == -1)
		place_failed(op, &why);
}

/* 1: a copy was begun. */
static int
fill_disk(struct op *op, int from, int place, struct err *e)
{
	const struct os_name name = { place, "overlay.img", 0660 };
	own_fd int disk = -1;

	if (op->options.move) {
		if (renameat(from, "overlay.img", place, "overlay.img") == -1)
			return err_sys(e, "move overlay.img");
		return 0;
	}
	disk = openat(from, "overlay.img", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (disk == -1)
		return err_sys(e, "open overlay.img");
	op->file = disk_copy(op->vm->control, disk, &name, on_copied, op, e);
	return op->file == -1 ? -1 : 1;
}

static int
fill_memory(int from, int place, struct err *e)
{
	own_fd int old = -1, new = -1;

	old = directory_open(from, SNAPSHOT_MEMORY, e);
	if (old == -1)
		return -1;
	new = directory_make(place, SNAPSHOT_MEMORY, e);
	if (new == -1 ||
	    directory_link(new, old, SNAPSHOT_FILES_MAX, e) == -1)
		return -1;
	return directory_sync(new, e);
}

static void
fill(struct op *op)
{
	const struct snapshot *s = op->options.snapshot;
	struct vm *vm = op->vm;
	own_fd int from = -1, place = -1;
	struct err e;
	int begun = 0;

	from = snapshots_open(s, &e);
	if (from == -1 || directory_remove(vm->dir, PLACE, 1, &e) == -1 ||
	    (place = directory_make(vm->dir, PLACE, &e)) == -1 ||
	    (s->kind == SNAPSHOT_STANDBY && !op->options.disk_only &&
	    fill_memory(from, place, &e) == -1) ||
	    (!vm_is_null(vm) &&
	    (begun = fill_disk(op, from, place, &e)) == -1))
		place_failed(op, &e);
	else if (begun == 0)
		commit(op);
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
	fill(op);
}

static void
place_begin(struct op *op)
{
	struct vm *vm = op->vm;
	struct err e;

	if (vm->state != VM_STOPPED && vm->state != VM_STANDBY) {
		op_refuse(op);
		return;
	}
	vm_cancel_restart(vm);
	if (!vm->creating)
		priv_dir_open(vm->control->priv, vm->id, on_directory, op);
	else if (control_mark(vm->control, vm, false, &e) == -1)
		op_finish(op, &e);
	else
		priv_dir_make(vm->control->priv, vm->id, on_directory, op);
}

static void
place_gone(struct op *op)
{
	(void)op;	/* nothing of it lives */
}

const struct op_class op_place = {
	"restore a snapshot into", place_begin, place_gone
};
