/* SPDX-License-Identifier: ISC */
/* lifecycle.c - VMs that become ready, end and start again; see lifecycle.h */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/client.h"
#include "agent/proto.h"
#include "chapi/client.h"
#include "control/control.h"
#include "control/http.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "priv/client.h"

#define PROBE_MS	2000	/* between two questions */
#define REAP_MS		5000	/* for devices to end after their VMM */
#define RESTART_MAX_MS	300000	/* the back-off doubles up to here */

static void
timer_set(struct vm *vm, struct event **ev, uint64_t ms, event_callback_fn fn)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	if (*ev == NULL)
		*ev = evtimer_new(vm->control->base, fn, vm);
	if (*ev == NULL || evtimer_add(*ev, &tv) == -1)
		fatalx("out of memory");
}

static void
event_drop(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

static void
fd_drop(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

/* --- who a fork is -------------------------------------------------------- */

static void running(struct vm *);
static void on_probe_timer(evutil_socket_t, short, void *);

/* One that cannot be told is no reason to have no VM. */
static void
on_identity(void *arg, const struct agent_result *r)
{
	struct vm *vm = arg;
	bool again = r->err != NULL && r->err->code != NULL &&
	    (strcmp(r->err->code, "no_agent") == 0 ||
	    strcmp(r->err->code, "disconnected") == 0);

	if (r->err != NULL && !again) {
		log_err(r->err, "%s: its new identity", vm->spec.name);
		vm_note(vm, "its new identity: %s", r->err->text);
	}
	agent_close(vm->probe);
	vm->probe = NULL;
	if (again && vm->state == VM_INITIALIZING) {
		timer_set(vm, &vm->probe_timer, PROBE_MS, on_probe_timer);
		return;
	}
	vm->identity = again;
	if (!again)
		running(vm);
}

static void
hexadecimal(char *to, size_t bytes)
{
	uint8_t b;

	for (size_t i = 0; i < bytes; i++) {
		os_random(&b, 1);
		(void)snprintf(to + 2 * i, 3, "%02x", b);
	}
}

/* It was made from the memory of another and believes to be that. */
static void
tell_identity(struct vm *vm)
{
	static const struct agent_handler handler = { .done = on_identity };
	char mac[18], machine_id[2 * 16 + 1], seed[2 * 64 + 1];
	const uint8_t *m = vm->mac;
	const struct agent_identity i = {
		.hostname = vm->spec.hostname != NULL ? vm->spec.hostname :
		    vm->spec.name,
		.mac = vm->spec.network ? mac : NULL,
		.machine_id = machine_id, .seed = seed,
	};

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
	hexadecimal(machine_id, 16);
	hexadecimal(seed, 64);
	if (vm->probe != NULL)
		agent_close(vm->probe);
	vm->probe = NULL;
	if (agent_open(&vm->probe, vm->control->base, &handler, vm,
	    NULL) == -1 || agent_connect(vm->probe, vm->dir, "vsock.sock",
	    PROBE_MS, NULL) == -1 ||
	    agent_identity(vm->probe, &i, NULL) == -1) {
		if (vm->probe != NULL)
			agent_close(vm->probe);
		vm->probe = NULL;
		timer_set(vm, &vm->probe_timer, PROBE_MS, on_probe_timer);
	}
	os_wipe(seed, sizeof(seed));
}

/* --- ready ---------------------------------------------------------------- */

static void
running(struct vm *vm)
{
	if (vm->state != VM_INITIALIZING && vm->state != VM_CREATED)
		return;
	if (vm->identity) {
		tell_identity(vm);
		return;
	}
	vm_set_state(vm, VM_RUNNING);
	vm_note(vm, "the agent answers");
	if (vm->live)
		control_save(vm->control, vm);
	http_flush(vm->control->http);
}

static void on_ready_listen(evutil_socket_t, short, void *);

static void
ready_watch(struct vm *vm, int fd, event_callback_fn fn)
{
	event_drop(&vm->ready);
	vm->ready = event_new(vm->control->base, fd, EV_READ, fn, vm);
	if (vm->ready == NULL || event_add(vm->ready, NULL) == -1)
		fatalx("out of memory");
}

/* The guest said something on the connection, or closed it. */
static void
on_ready_read(evutil_socket_t fd, short what, void *arg)
{
	struct vm *vm = arg;
	char text[8];
	ssize_t n;

	(void)what;
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		ready_watch(vm, fd, on_ready_read);
		return;
	}
	fd_drop(&vm->ready_conn);
	ready_watch(vm, vm->ready_fd, on_ready_listen);
	if (n >= 6 && memcmp(text, "ready\n", 6) == 0)
		running(vm);
}

static void
on_ready_listen(evutil_socket_t fd, short what, void *arg)
{
	struct vm *vm = arg;

	(void)what;
	vm->ready_conn = os_accept(fd);
	if (vm->ready_conn == -1)
		ready_watch(vm, fd, on_ready_listen);
	else
		ready_watch(vm, vm->ready_conn, on_ready_read);
}

int
vm_listen_ready(struct vm *vm, struct err *e)
{
	char name[32];
	int fd;

	(void)snprintf(name, sizeof(name), "vsock.sock_%d", AGENT_READY_PORT);
	event_drop(&vm->ready);
	fd_drop(&vm->ready_conn);
	fd_drop(&vm->ready_fd);
	(void)unlinkat(vm->dir, name, 0);
	/* The VM's user connects; who may is the directory's matter. */
	fd = os_unix_listen(vm->dir, name, 0666, 4, e);
	if (fd == -1)
		return -1;
	(void)fd_nonblock(fd, 1);
	vm->ready_fd = fd;
	ready_watch(vm, fd, on_ready_listen);
	return 0;
}

/* --- asking an agent that may have been ready before we listened ---------- */

static void
on_probe_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	vm_probe(arg);
}

static void
on_probe(void *arg, const struct agent_result *r)
{
	struct vm *vm = arg;
	bool good = r->err == NULL;

	agent_close(vm->probe);
	vm->probe = NULL;
	if (good)
		running(vm);
	else if (vm->state == VM_INITIALIZING)
		timer_set(vm, &vm->probe_timer, PROBE_MS, on_probe_timer);
}

/* False: on_probe() is not called. */
static bool
ping_agent(struct vm *vm)
{
	static const struct agent_handler handler = { .done = on_probe };

	if (agent_open(&vm->probe, vm->control->base, &handler, vm,
	    NULL) == 0 && agent_connect(vm->probe, vm->dir, "vsock.sock",
	    PROBE_MS, NULL) == 0 && agent_ping(vm->probe, NULL) == 0)
		return true;
	if (vm->probe != NULL)
		agent_close(vm->probe);
	vm->probe = NULL;
	return false;
}

void
vm_greet(struct vm *vm)
{
	if (vm->state == VM_RUNNING && vm_has_agent(vm) && vm->probe == NULL)
		(void)ping_agent(vm);
}

void
vm_probe(struct vm *vm)
{
	if (vm->state != VM_INITIALIZING || vm->probe != NULL)
		return;
	if (vm->identity) {
		tell_identity(vm);
		return;
	}
	if (!ping_agent(vm))
		timer_set(vm, &vm->probe_timer, PROBE_MS, on_probe_timer);
}

/* --- processes ------------------------------------------------------------ */

void
vm_processes(struct vm *vm, const struct priv_vm *p)
{
	vm->nprocs = 0;
	for (size_t i = 0; i < p->nprocs && i < VM_LIVE_PROCS; i++) {
		struct vm_proc *proc = &vm->procs[vm->nprocs++];

		(void)snprintf(proc->name, sizeof(proc->name), "%s",
		    p->procs[i].name);
		proc->pid = (pid_t)p->procs[i].pid;
	}
}

static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct vm *vm = arg;

	(void)fd;
	(void)what;
	log_warnx("%s: killing devices that outlived their VMM", vm->spec.name);
	vm_kill_quietly(vm);
}

void
vm_kill_quietly(struct vm *vm)
{
	priv_vm_kill(vm->control->priv, vm->id, true, priv_ignore, NULL);
}

/*
 * How much an end says about why the VM ended.  Devices follow their VMM and
 * may be reaped before it: one that ends well is no reason.
 */
static unsigned
end_weight(const struct priv_ended *p)
{
	if (p->known && p->status != 0)
		return 3;
	return strcmp(p->name, "vmm") == 0 ? 2 : 1;
}

static void
note_end(struct vm *vm, const struct priv_ended *p)
{
	int status = (int)p->status;

	if (vm->first_end[0] != '\0' && vm->first_weight >= end_weight(p))
		return;
	vm->first_weight = end_weight(p);
	if (!p->known)
		(void)snprintf(vm->first_end, sizeof(vm->first_end),
		    "%s ended", p->name);
	else if (WIFSIGNALED(status))
		(void)snprintf(vm->first_end, sizeof(vm->first_end),
		    "%s was killed by signal %d (%s)", p->name,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		(void)snprintf(vm->first_end, sizeof(vm->first_end),
		    "%s exited with status %d", p->name, WEXITSTATUS(status));
}

void
vm_process_ended(struct vm *vm, const struct priv_ended *p)
{
	for (size_t i = 0; i < vm->nprocs; i++) {
		if (strcmp(vm->procs[i].name, p->name) == 0) {
			vm->procs[i] = vm->procs[--vm->nprocs];
			break;
		}
	}
	note_end(vm, p);
	if (strcmp(p->name, "vmm") == 0)
		timer_set(vm, &vm->reap_timer, REAP_MS, on_reap);
}

/* --- the end -------------------------------------------------------------- */

static void
forget_live(struct vm *vm)
{
	chapi_client_destroy(vm->chapi);
	vm->chapi = NULL;
	if (vm->probe != NULL)
		agent_close(vm->probe);
	vm->probe = NULL;
	event_drop(&vm->probe_timer);
	event_drop(&vm->reap_timer);
	event_drop(&vm->ready);
	fd_drop(&vm->ready_conn);
	fd_drop(&vm->ready_fd);
	vm->nprocs = 0;
	vm->pinged = vm->silent = false;
	vm->live = false;
	vm->reserved = false;
}

static void
on_auto_removed(void *arg, struct vm *vm, const struct err *e)
{
	(void)arg;
	if (e != NULL)
		log_err(e, "remove %s", vm == NULL ? "?" : vm->spec.name);
}

/* Its memory waits in standby/: this is no end. */
static void
vm_stands_by(struct vm *vm)
{
	vm->stopped_ms = time_ms();
	vm->held = false;
	forget_live(vm);
	vm_set_state(vm, VM_STANDBY);
	log_info("%s: in standby", vm->spec.name);
	vm_note(vm, "in standby");
	control_save(vm->control, vm);
	http_flush(vm->control->http);
}

void
vm_stopped(struct vm *vm, const char *reason)
{
	struct exit_info x;

	if (vm->standby) {
		vm_stands_by(vm);
		return;
	}
	vm->held = false;

	exit_info_read(&x, vm->dir);
	/* Without an image no command has a code: this is the good end. */
	if (vm->spec.image == NULL) {
		x.has_code = x.powered_off;
		x.code = 0;
		x.message[0] = '\0';
	}
	vm->exited = x.has_code;
	vm->exit_code = x.code;
	(void)snprintf(vm->exit_message, sizeof(vm->exit_message), "%s",
	    x.message);
	/* The VMM knows best; it is silent when it was killed. */
	(void)snprintf(vm->exit_reason, sizeof(vm->exit_reason), "%s",
	    x.reason[0] != '\0' ? x.reason : reason);
	vm->stopped_ms = time_ms();
	forget_live(vm);
	vm_set_state(vm, VM_STOPPED);
	log_info("%s: stopped: %s", vm->spec.name, vm->exit_reason);
	if (vm->exited)
		vm_note(vm, "stopped: %s, exit code %d", vm->exit_reason,
		    vm->exit_code);
	else
		vm_note(vm, "stopped: %s", vm->exit_reason);
	control_save(vm->control, vm);
	http_flush(vm->control->http);
}

void
vm_gone(struct vm *vm)
{
	struct op *op;

	/* Who asks its VMM is to hear an answer, or that there is none. */
	if (vm->adopting) {
		vm->gone = true;
		return;
	}
	vm_stopped(vm, vm->first_end[0] != '\0' ? vm->first_end :
	    "its processes ended");
	op = TAILQ_FIRST(&vm->ops);
	if (op != NULL) {
		op->class->gone(op);
		return;
	}
	vm_plan_restart(vm);
}

/* --- restart policy ------------------------------------------------------- */

static void
on_restarted(void *arg, struct vm *vm, const struct err *e)
{
	(void)arg;
	if (e == NULL || vm == NULL)
		return;
	log_err(e, "restart %s", vm->spec.name);
	(void)snprintf(vm->state_error, sizeof(vm->state_error), "%.*s",
	    VM_REASON_MAX - 1, e->text);
	vm_plan_restart(vm);
}

static void
on_restart(evutil_socket_t fd, short what, void *arg)
{
	static const struct op_options by_policy = { .by_policy = true };
	struct vm *vm = arg;

	(void)fd;
	(void)what;
	vm->restarts.next_ms = 0;
	/* Whoever is at work on it decides what becomes of it. */
	if (vm->state != VM_STOPPED || vm->restarts.manual_stop ||
	    vm->nops > 0)
		return;
	vm->restarts.attempts++;
	vm->restarts.last_ms = time_ms();
	vm_op(vm, OP_START, &by_policy, on_restarted, NULL);
}

static bool
wants_restart(const struct vm *vm)
{
	if (vm->restarts.manual_stop || vm->creating)
		return false;
	if (vm->spec.restart == RESTART_ON_FAILURE)
		return !vm->exited || vm->exit_code != 0;
	return vm->spec.restart == RESTART_ALWAYS;
}

void
vm_plan_restart(struct vm *vm)
{
	struct vm_restarts *r = &vm->restarts;
	uint64_t delay = vm->spec.backoff;

	if (vm->state == VM_STANDBY)
		return;
	if (vm->spec.auto_remove && !vm->creating) {
		vm_op(vm, OP_REMOVE, NULL, on_auto_removed, NULL);
		return;
	}
	if (!wants_restart(vm))
		return;
	if (vm->started_ms != 0 && vm->stopped_ms - vm->started_ms >=
	    (int64_t)vm->spec.stable_after)
		r->attempts = 0;
	r->exceeded = vm->spec.max_attempts != 0 &&
	    r->attempts >= vm->spec.max_attempts;
	if (!r->exceeded) {
		for (uint64_t i = 0; i < r->attempts && i < 16 &&
		    delay < RESTART_MAX_MS; i++)
			delay *= 2;
		delay = MIN(delay, MAX(vm->spec.backoff, RESTART_MAX_MS));
		r->next_ms = time_ms() + (int64_t)delay;
		timer_set(vm, &vm->restart_timer, delay, on_restart);
		vm_note(vm, "starts again in %llu ms",
		    (unsigned long long)delay);
	}
	control_save(vm->control, vm);
	http_flush(vm->control->http);
}

void
vm_cancel_restart(struct vm *vm)
{
	vm->restarts.next_ms = 0;
	event_drop(&vm->restart_timer);
}
