/* SPDX-License-Identifier: ISC */
/*
 * adopt.c - finding every VM again after the daemon was started anew
 *
 * vmd says which VMs have living processes; each of them is asked what it
 * does.  What the database calls alive and is not has ended meanwhile; what
 * was being made or removed is removed; what lives without a record is
 * killed.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/client.h"
#include "control/control.h"
#include "control/http.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "control/send.h"
#include "lib/json.h"
#include "lib/log.h"
#include "priv/client.h"

#define INFO_MS		5000	/* a VMM that does not answer vm.info hangs */

struct adoption {
	struct control	*control;
	void		(*done)(struct control *);
	unsigned	 open;		/* questions without an answer */
};

struct question {
	struct adoption	*adoption;
	struct vm	*vm;
};

static void
answered(struct adoption *a)
{
	if (--a->open > 0)
		return;
	a->done(a->control);
	free(a);
}

/* --- one living VM -------------------------------------------------------- */

/*
 * hypeman's states of Cloud Hypervisor's.  Created is none: whoever was about
 * to boot it is gone.
 */
static int
state_of(enum vm_state *ret, const json_t *info)
{
	const char *s = json_string_value(json_object_get(info, "state"));

	if (s == NULL)
		return -1;
	if (strcmp(s, "Running") == 0)
		*ret = VM_INITIALIZING;
	else if (strcmp(s, "Paused") == 0)
		*ret = VM_PAUSED;
	else if (strcmp(s, "Shutdown") == 0)
		*ret = VM_SHUTDOWN;
	else
		return -1;
	return 0;
}

/* What its VMM says of it, and whether it says anything. */
static void
take_info(struct vm *vm, const struct chapi_answer *answer)
{
	enum vm_state s;

	if (vm->standby) {
		/* Its guest has not run since it was recorded. */
		vm_kill_quietly(vm);
		return;
	}
	if (answer->status == 0 && vm->live) {
		/* Slow, or stopped by somebody: it may well run. */
		log_err(answer->err, "%s: its VMM does not answer",
		    vm->spec.name);
		s = VM_INITIALIZING;
	} else if (answer->err != NULL || state_of(&s, answer->body) == -1) {
		/* It never got to boot: no VM to keep. */
		(void)snprintf(vm->first_end, sizeof(vm->first_end),
		    "the daemon ended while it started");
		log_warnx("%s: killing it: %s", vm->spec.name, vm->first_end);
		vm->first_weight = VM_WEIGHT_KNOWN;
		vm_kill_quietly(vm);
		return;
	}
	if (s == VM_INITIALIZING && !vm_has_agent(vm))
		s = VM_RUNNING;
	vm_set_state(vm, s);
	vm->live = true;
	/* Whoever paused it for a snapshot, or was sending it, is gone. */
	(void)unlinkat(vm->dir, SEND_PIPE, 0);
	if (vm->held && s == VM_PAUSED)
		vm_op(vm, OP_RESUME, NULL, NULL, NULL);
	vm->held = false;
	vm_probe(vm);
}

/* What it left says how it ended, should that have a record. */
static void
found_dead(struct question *q, const char *reason)
{
	q->vm->adopting = false;
	vm_stopped(q->vm, reason);
	vm_plan_restart(q->vm);
	answered(q->adoption);
	free(q);
}

/* vmd said that it has ended, while it was asked. */
static bool
ended_meanwhile(struct question *q)
{
	struct vm *vm = q->vm;

	if (!vm->gone)
		return false;
	found_dead(q, vm->first_end[0] != '\0' ? vm->first_end :
	    "its processes ended");
	return true;
}

static void
on_info(void *arg, const struct chapi_answer *answer)
{
	struct question *q = arg;

	if (ended_meanwhile(q))
		return;
	q->vm->adopting = false;
	take_info(q->vm, answer);
	answered(q->adoption);
	free(q);
}

static void
ask_info(struct question *q, const struct err *e)
{
	struct vm *vm = q->vm;
	struct chapi_call call = {
		.name = "vm.info", .done = on_info, .arg = q,
		.timeout_ms = INFO_MS,
	};
	struct chapi_answer none = { 0 };
	struct err why;

	if (e == NULL && vm_listen_ready(vm, &why) == 0 &&
	    chapi_client_new(&vm->chapi, vm->control->base, vm->dir,
	    &why) == 0 &&
	    chapi_client_call(vm->chapi, &call, &why) == 0)
		return;
	none.err = e != NULL ? e : &why;
	on_info(q, &none);
}

static void
on_directory(void *arg, int fd, const struct err *e)
{
	struct question *q = arg;
	struct vm *vm = q->vm;

	vm->dir = fd;
	if (ended_meanwhile(q))
		return;
	if (vm->nprocs > 0) {
		ask_info(q, e);
		return;
	}
	/* The last has ended: vmd is about to say that it is gone. */
	vm->adopting = false;
	answered(q->adoption);
	free(q);
}

/* --- one that does not live ----------------------------------------------- */

static void
on_dead_directory(void *arg, int fd, const struct err *e)
{
	struct question *q = arg;
	struct vm *vm = q->vm;
	const char *reason = "its processes ended while no daemon ran";

	vm->dir = fd;
	if (strcmp(vm->boot_id, vm->control->boot_id) != 0)
		reason = "the host was restarted";
	if (e != NULL)
		log_err(e, "%s", vm->spec.name);
	found_dead(q, reason);
}

/* A snapshot was being put in the place of what it was. */
static void
on_placing_directory(void *arg, int fd, const struct err *why)
{
	struct question *q = arg;
	struct vm *vm = q->vm;
	struct err e;

	vm->dir = fd;
	vm->adopting = false;
	if (why != NULL)
		log_err(why, "%s", vm->spec.name);
	else if (op_place_finish(vm, &e) == -1)
		log_err(&e, "%s: restore its snapshot", vm->spec.name);
	else
		control_save(vm->control, vm);
	answered(q->adoption);
	free(q);
}

static void
ask_directory(struct adoption *a, struct vm *vm, priv_fd_fn *fn)
{
	struct question *q = calloc(1, sizeof(*q));

	if (q == NULL)
		fatal("adopt");
	q->adoption = a;
	q->vm = vm;
	vm->adopting = true;
	vm->gone = false;
	a->open++;
	priv_dir_open(a->control->priv, vm->id, fn, q);
}

static void
on_unacknowledged(void *arg, struct vm *vm, const struct err *e)
{
	if (e != NULL && vm != NULL)
		log_err(e, "remove %s, which was never made", vm->spec.name);
	answered(arg);
}

/*
 * What was never acknowledged is gone before anybody can ask for its name.
 * A planned restart goes on; one that was stopped stays so.
 */
static void
settle(struct adoption *a, struct vm *vm)
{
	if (vm->creating) {
		a->open++;
		vm_op(vm, OP_REMOVE, NULL, on_unacknowledged, a);
	} else if (vm->placing != 0)
		ask_directory(a, vm, on_placing_directory);
	else if (vm_state_live(vm->state))
		ask_directory(a, vm, on_directory);
	else if (vm->live)
		ask_directory(a, vm, on_dead_directory);
	else if (vm->restarts.next_ms != 0 || vm->spec.auto_remove)
		vm_plan_restart(vm);
}

/* --- directories without a record ----------------------------------------- */

static void
name_strays(const struct control *ctl)
{
	struct dirent *d;
	DIR *dir;
	int fd;

	fd = openat(ctl->state, "vms", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL)
		return;
	/* What was made or removed when we died has a record that says so. */
	while ((d = readdir(dir)) != NULL)
		if (priv_id_valid(d->d_name) &&
		    vm_table_id(ctl, d->d_name) == NULL)
			log_warnx("vms/%s has no record: remove it if it is "
			    "not wanted", d->d_name);
	(void)closedir(dir);
}

/* --- all ------------------------------------------------------------------ */

static void
on_list(void *arg, const struct priv_vm *p, bool more, const struct err *e)
{
	struct adoption *a = arg;
	struct vm *vm, *next;

	if (e != NULL)
		fatalx("list of living VMs: %s", e->text);
	if (more) {
		vm = vm_table_id(a->control, p->vm);
		if (vm == NULL)
			priv_vm_kill(a->control->priv, p->vm, true,
			    priv_ignore, NULL);
		else {
			vm_processes(vm, p);
			/* Until it has been asked. */
			vm_set_state(vm, VM_CREATED);
		}
		return;
	}
	a->control->listed = true;
	name_strays(a->control);
	for (vm = TAILQ_FIRST(&a->control->vms); vm != NULL; vm = next) {
		next = TAILQ_NEXT(vm, entry);
		settle(a, vm);
	}
	answered(a);
}

void
lifecycle_adopt(struct control *ctl, void (*done)(struct control *))
{
	struct adoption *a = calloc(1, sizeof(*a));

	if (a == NULL)
		fatal("adopt");
	a->control = ctl;
	a->done = done;
	a->open = 1;
	priv_vm_list(ctl->priv, on_list, a);
}
