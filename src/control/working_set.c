/* SPDX-License-Identifier: ISC */
/* working_set.c - pages a restored VM uses first; see working_set.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "chapi/client.h"
#include "control/control.h"
#include "control/directory.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "control/snapshots.h"
#include "control/working_set.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"

#define SET		"working-set"	/* where a VMM puts it, and looks */
#define SET_MAX		(2U << 20)	/* bytes of it */
#define STANDBY_SET	"standby/" SET
#define RECORD_MS	2000	/* what a VM uses so long is its set */

bool
working_set_there(const struct vm *vm)
{
	struct stat st;

	return fstatat(vm->dir, STANDBY_SET, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode);
}

void
working_set_spoilt(const struct vm *vm)
{
	(void)unlinkat(vm->dir, STANDBY_SET, 0);
}

static void
on_time(int fd, short what, void *arg)
{
	struct vm *vm = arg;

	(void)fd;
	(void)what;
	vm_op(vm, OP_RECORD, NULL, NULL, NULL);
}

void
working_set_restored(struct vm *vm)
{
	const struct timeval tv = { .tv_sec = RECORD_MS / 1000 };

	if (working_set_there(vm) &&
	    renameat(vm->dir, STANDBY_SET, vm->dir, SET) == 0)
		return;
	(void)unlinkat(vm->dir, SET, 0);
	if (vm->record_timer == NULL)
		vm->record_timer = evtimer_new(vm->control->base, on_time, vm);
	if (vm->record_timer != NULL)
		(void)evtimer_add(vm->record_timer, &tv);
}

/* By a link: nobody changes a set, it is replaced. */
void
working_set_saved(const struct vm *vm, const char *name)
{
	own_fd int dir = directory_open(vm->dir, name, NULL);
	struct stat st;

	if (dir == -1 ||
	    fstatat(vm->dir, SET, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode))
		return;
	if (linkat(vm->dir, SET, dir, SET, 0) == -1)
		log_debug("%s: working set: %s", vm->spec.name,
		    strerror(errno));
}

void
working_set_forget(struct vm *vm)
{
	if (vm->record_timer != NULL)
		event_free(vm->record_timer);
	vm->record_timer = NULL;
	vm->made_of[0] = '\0';
	if (vm->dir != -1)
		(void)unlinkat(vm->dir, SET, 0);
}

/* --- OP_RECORD ------------------------------------------------------------ */

/*
 * A copy: the file is of a VM whose memory is no longer the snapshot's, and
 * whose VMM could change what is its own.
 */
static int
give_to_snapshot(const struct vm *vm, struct err *e)
{
	const struct snapshot *s = snapshots_by_id(vm->control, vm->made_of);
	own_fd int top = -1, dir = -1;
	struct buf b;
	int r = 0;

	if (s == NULL)
		return 0;
	if ((top = snapshots_open(s, e)) == -1 ||
	    (dir = directory_open(top, SNAPSHOT_MEMORY, e)) == -1)
		return -1;
	if (faccessat(dir, SET, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	buf_init(&b, SET_MAX);
	if (file_read(&b, vm->dir, SET, e) == -1 ||
	    file_replace(dir, SET, b.data, b.len, 0640, e) == -1)
		r = -1;
	buf_fini(&b);
	return r;
}

static void
on_recorded(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	struct err e;

	op->asking = false;
	if (a->err != NULL)
		log_debug("%s: working set: %s", vm->spec.name, a->err->text);
	else if (give_to_snapshot(vm, &e) == -1)
		log_err(&e, "%s: its snapshot's working set", vm->spec.name);
	vm->made_of[0] = '\0';
	op_finish(op, NULL);
}

/* Memory that was written, or given up, meanwhile is no restored VM's. */
static void
record_begin(struct op *op)
{
	own_json json_t *body = json_pack("{s:s}", "destination_url",
	    "file:.");
	const struct vm *vm = op->vm;

	if (vm->state == VM_RUNNING || vm->state == VM_INITIALIZING)
		op_ask(op, "vm.working-set", body, 0, on_recorded);
	else
		op_finish(op, NULL);
}

static void
record_gone(struct op *op)
{
	if (op->asking)
		op_finish(op, NULL);
}

const struct op_class op_record = {
	"record what is used of", record_begin, record_gone
};
