/* SPDX-License-Identifier: ISC */
/*
 * backend.c - what the API asks for, done by the framework; see backend.h
 *
 * Process: vmm-vz.  Sandbox: none; the guest runs in a process of the
 * framework's, which has one.
 * Needs: the entitlement, the files and sockets of the VmConfig.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "chapi/console.h"
#include "chapi/vm_config.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/post.h"
#include "vz/backend.h"
#include "vz/check.h"
#include "vz/machine.h"
#include "vz/snapshot.h"
#include "vz/vsock.h"

struct vz {
	struct vmm_backend	 backend;	/* ours, less what is not
						   to be had here */
	struct event_loop	*loop;
	struct vmm		*vmm;
	struct post		 post;
	bool			 posting;	/* post is set up */
	struct dispatch_queue_s	*queue;
	struct machine		*machine;	/* NULL: nothing is booted */
	struct vsock		*vsock;
	struct console		*console;
	int			 guest;		/* the console's end, or -1 */
	bool			 starting;	/* and not yet answered */
	long			 unknown;	/* state that was told, or 0 */
	uint64_t		 reboots;
	struct snapshot		 snapshot;	/* that is being written */
};

/* --- life of a guest ----------------------------------------------------- */

/* The machine, and what ends with it; sockets of people stay. */
static void
end_machine(struct vz *v)
{
	if (v->vsock != NULL)
		vsock_detach(v->vsock);
	machine_destroy(take(&v->machine));
	v->starting = false;
}

static void
put_down(struct vz *v)
{
	end_machine(v);
	if (v->guest != -1)
		(void)close(take_fd(&v->guest));
	/* Its last words, a panic maybe. */
	if (v->console != NULL)
		console_drain(v->console);
	console_destroy(take(&v->console));
	vsock_destroy(take(&v->vsock));
}

static void
done(struct vz *v, int r, const struct err *e)
{
	vmm_done(v->vmm, r == -1 ? e : NULL);
}

/* hvc0: nobody's, or recorded and served. */
static int
open_console(struct vz *v, const struct vm_stream *t, struct err *e)
{
	struct console_setup s = { .loop = v->loop, .path = t->socket,
	    .file = t->file };
	int pair[2];

	if (t->mode == VM_STREAM_OFF || v->guest != -1)
		return 0;
	if (t->mode == VM_STREAM_NULL) {
		v->guest = open("/dev/null", O_RDWR | O_CLOEXEC);
		return v->guest == -1 ? err_sys(e, "/dev/null") : 0;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		return err_sys(e, "console");
	v->guest = pair[1];
	(void)fd_cloexec(pair[0], 1);
	(void)fd_cloexec(pair[1], 1);
	s.guest = pair[0];
	return console_new(&v->console, &s, e);
}

static int
open_vsock(struct vz *v, const struct vm_vsock *c, struct err *e)
{
	const struct vsock_setup s = { .loop = v->loop, .post = &v->post,
	    .path = c->socket };

	if (c->cid == 0 || v->vsock != NULL)
		return 0;
	return vsock_new(&v->vsock, &s, e);
}

static void
ended(void *arg, const struct err *why)
{
	struct vz *v = arg;

	/* The call that starts it has the reason. */
	if (v->starting)
		return;
	if (why == NULL)
		vmm_end(v->vmm, VM_EXIT_POWERED_OFF, "guest powered off");
	else
		vmm_end(v->vmm, VM_EXIT_HYPERVISOR_DIED, "%s", why->text);
}

/* All there is for config; the guest does not run yet. */
static int
make_machine(struct vz *v, const struct vm_config *c, struct err *e)
{
	struct machine_setup s = { .queue = v->queue, .post = &v->post,
	    .config = { .config = c, .dirfd = AT_FDCWD },
	    .ended = ended, .arg = v };

	if (open_console(v, &c->console, e) == -1 ||
	    open_vsock(v, &c->vsock, e) == -1)
		return -1;
	s.config.console = v->guest;
	if (machine_new(&v->machine, &s, e) == -1)
		return -1;
	if (v->vsock == NULL)
		return 0;
	return vsock_attach(v->vsock, v->queue, machine_socket(v->machine), e);
}

/* It runs, or may run again: what waits for that goes on. */
static void
running(struct vz *v, bool yes)
{
	if (v->vsock != NULL)
		vsock_ready(v->vsock, yes);
}

static int
set_balloon(struct vz *v, const struct vm_config *c, struct err *e)
{
	return machine_resize(v->machine, c->memory.size - c->balloon.size, e);
}

/* What it leaves the guest from its first moment on. */
static void
fill_balloon(struct vz *v)
{
	const struct vm_config *c = vmm_config(v->vmm);
	struct err e;

	if (c->balloon.on && c->balloon.size > 0 &&
	    set_balloon(v, c, &e) == -1)
		log_err(&e, "balloon");
}

static void
started(void *arg, const struct err *e)
{
	struct vz *v = arg;

	v->starting = false;
	if (e != NULL) {
		put_down(v);
	} else {
		running(v, true);
		fill_balloon(v);
	}
	vmm_done(v->vmm, e);
}

static void
restarted(void *arg, const struct err *e)
{
	struct vz *v = arg;

	if (e == NULL)
		started(arg, NULL);
	else
		vmm_end(v->vmm, VM_EXIT_HYPERVISOR_DIED, "reboot: %s",
		    e->text);
}

/* --- actions ------------------------------------------------------------- */

static void
vz_boot(void *arg)
{
	struct vz *v = arg;
	struct err e;

	v->starting = true;
	if (make_machine(v, vmm_config(v->vmm), &e) == -1) {
		put_down(v);
		vmm_done(v->vmm, &e);
		return;
	}
	machine_call(v->machine, MACHINE_START, NULL, started);
}

/* The framework has no reset: one ends, another begins. */
static void
vz_reboot(void *arg)
{
	struct vz *v = arg;
	struct err e;

	end_machine(v);
	v->reboots++;
	v->starting = true;
	if (make_machine(v, vmm_config(v->vmm), &e) == -1)
		restarted(v, &e);
	else
		machine_call(v->machine, MACHINE_START, NULL, restarted);
}

static void
paused(void *arg, const struct err *e)
{
	struct vz *v = arg;

	running(v, e != NULL);
	vmm_done(v->vmm, e);
}

static void
vz_pause(void *arg)
{
	struct vz *v = arg;

	running(v, false);
	machine_call(v->machine, MACHINE_PAUSE, NULL, paused);
}

static void
resumed(void *arg, const struct err *e)
{
	struct vz *v = arg;

	running(v, e == NULL);
	vmm_done(v->vmm, e);
}

static void
vz_resume(void *arg)
{
	struct vz *v = arg;

	machine_call(v->machine, MACHINE_RESUME, NULL, resumed);
}

static void
vz_shutdown(void *arg)
{
	struct vz *v = arg;

	put_down(v);
	vmm_done(v->vmm, NULL);
}

static void
vz_power_button(void *arg)
{
	struct vz *v = arg;
	struct err e;

	done(v, machine_power_button(v->machine, &e), &e);
}

static void
vz_resize(void *arg)
{
	struct vz *v = arg;
	const struct vm_config *now = vmm_config(v->vmm);
	const struct vm_config *next = vmm_ask(v->vmm)->next;
	struct err e;
	int r = 0;

	if (next->cpus != now->cpus)
		r = err_set(&e, ENOTSUP, "desired_vcpus: vz has as many as "
		    "at the boot");
	else if (next->balloon.size != now->balloon.size)
		r = set_balloon(v, next, &e);
	done(v, r, &e);
}

static void
saved(void *arg, const struct err *failed)
{
	struct vz *v = arg;
	struct err e;
	int r = -1;

	if (failed != NULL)
		e = *failed;
	else
		r = snapshot_end(&v->snapshot, &e);
	if (r == -1)
		snapshot_discard(&v->snapshot);
	done(v, r, &e);
}

static void
vz_snapshot(void *arg)
{
	struct vz *v = arg;
	const struct vmm_ask *ask = vmm_ask(v->vmm);
	struct err e;

	if (machine_can_save(v->machine, &e) == -1 ||
	    snapshot_begin(&v->snapshot, ask->dirfd, ask->path, AT_FDCWD,
	    vmm_config(v->vmm), &e) == -1)
		vmm_done(v->vmm, &e);
	else
		machine_call(v->machine, MACHINE_SAVE, v->snapshot.memory,
		    saved);
}

static void
restored(void *arg, const struct err *e)
{
	struct vz *v = arg;

	v->starting = false;
	if (e != NULL)
		put_down(v);
	vmm_done(v->vmm, e);
}

static void
vz_restore(void *arg)
{
	struct vz *v = arg;
	const struct vmm_ask *ask = vmm_ask(v->vmm);
	const struct vm_config *c = ask->next != NULL ? ask->next :
	    vmm_config(v->vmm);
	char memory[PATH_MAX];
	struct err e;

	v->starting = true;
	if (snapshot_open(memory, ask->dirfd, AT_FDCWD, &e) == -1 ||
	    make_machine(v, c, &e) == -1 ||
	    machine_can_save(v->machine, &e) == -1) {
		restored(v, &e);
		return;
	}
	machine_call(v->machine, MACHINE_RESTORE, memory, restored);
}

static void
vz_kill(void *arg)
{
	put_down(arg);
}

/* --- what is told -------------------------------------------------------- */

static json_t *
vz_info(void *arg)
{
	struct vz *v = arg;
	const char *word = "", *why = NULL;
	bool saves = false;
	struct err e;
	long number;

	if (v->machine != NULL) {
		word = machine_state(v->machine, &number)->word;
		saves = machine_can_save(v->machine, &e) == 0;
		why = saves ? NULL : e.text;
	}
	return json_pack("{s:s, s:s, s:s, s:b, s:s*, s:I}",
	    "hypervisor", "vz", "accel", "vz", "machine_state", word,
	    "snapshots", saves, "snapshots_reason", why,
	    "reboots", (json_int_t)v->reboots);
}

static json_t *
vz_counters(void *arg)
{
	static const struct vsock_stats none;
	struct vz *v = arg;
	const struct vsock_stats *s = v->vsock != NULL ?
	    vsock_stats(v->vsock) : &none;

	return json_pack("{s:{s:I}, s:{s:I, s:I, s:I}}", "vz",
	    "reboots", (json_int_t)v->reboots, VM_VSOCK_ID,
	    "open", (json_int_t)s->open, "opened", (json_int_t)s->opened,
	    "refused", (json_int_t)s->refused);
}

/* The framework knows better than we what state it is in. */
static void
vz_describe(void *arg, json_t *info)
{
	struct vz *v = arg;
	const struct vm_config *c = vmm_config(v->vmm);
	const struct state *state;
	long number;

	(void)json_object_set_new(info, "memory_actual_size",
	    json_integer((json_int_t)(c->memory.size - c->balloon.size)));
	if (v->machine == NULL || v->starting)
		return;
	state = machine_state(v->machine, &number);
	if (state->kind == STATE_UNKNOWN && v->unknown != number)
		log_warnx("the machine is in state %ld, which is not known: "
		    "taken for shut down", number);
	v->unknown = state->kind == STATE_UNKNOWN ? number : 0;
	if (state->kind == STATE_UNKNOWN || state->kind == STATE_SHUTDOWN)
		(void)json_object_set_new(info, "state",
		    json_string("Shutdown"));
}

static const struct vmm_backend vz_backend = {
	.name		= "vz",
	.check		= vz_check,
	.act		= {
		[VMM_BOOT]		= vz_boot,
		[VMM_PAUSE]		= vz_pause,
		[VMM_RESUME]		= vz_resume,
		[VMM_SHUTDOWN_NOW]	= vz_shutdown,
		[VMM_REBOOT]		= vz_reboot,
		[VMM_POWER_BUTTON]	= vz_power_button,
		[VMM_RESIZE]		= vz_resize,
		[VMM_SNAPSHOT]		= vz_snapshot,
		[VMM_RESTORE]		= vz_restore,
	},
	.kill		= vz_kill,
	.info		= vz_info,
	.counters	= vz_counters,
	.describe	= vz_describe,
};

/* --- life ---------------------------------------------------------------- */

int
vz_new(struct vz **ret, struct vmm_setup *setup, struct err *e)
{
	OWN(vz_destroy) struct vz *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_sys(e, "vz");
	v->guest = -1;
	v->loop = setup->loop;
	v->backend = vz_backend;
	if (!machine_host_saves())
		v->backend.act[VMM_SNAPSHOT] = v->backend.act[VMM_RESTORE] =
		    NULL;
	if (post_init(&v->post, v->loop, e) == -1)
		return -1;
	v->posting = true;
	setup->backend = &v->backend;
	setup->arg = v;
	*ret = take(&v);
	return 0;
}

int
vz_attach(struct vz *v, struct vmm *vmm, struct err *e)
{
	v->vmm = vmm;
	/* Its threads begin with the signals blocked that the VMM takes. */
	v->queue = dispatch_queue_create("vmd.machine", NULL);
	return v->queue == NULL ? err_set(e, ENOMEM, "no queue") : 0;
}

static void
nothing(void *arg)
{
	(void)arg;
}

void
vz_destroy(struct vz *v)
{
	if (v == NULL)
		return;
	put_down(v);
	if (v->queue != NULL) {
		/* What the queue has yet to do and to tell. */
		dispatch_sync_f(v->queue, NULL, nothing);
		post_drain(&v->post);
		dispatch_sync_f(v->queue, NULL, nothing);
		dispatch_release(v->queue);
	}
	if (v->posting)
		post_fini(&v->post);
	free(v);
}
