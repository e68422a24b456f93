/* SPDX-License-Identifier: ISC */
/*
 * qemu.c - the back-end of vmm-qemu: one VM, one QEMU at a time
 *
 * An action is a few QMP commands and a look at the run state that must
 * follow.  What a QEMU says is checked; a QEMU that says nonsense or
 * nothing is killed.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chapi/brake.h"
#include "chapi/console.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "qemu/check.h"
#include "qemu/child.h"
#include "qemu/host.h"
#include "qemu/launch.h"
#include "qemu/qemu.h"
#include "qemu/qmp.h"
#include "qemu/runstate.h"

#define ANSWER_S	60	/* seconds for an action, start included */

/* An action's commands, and the run state they must lead to. */
struct op {
	const char	*commands[3];	/* NULL at the end */
	enum run_kind	 want;
	const char	*arguments;	/* of the commands, or NULL */
};

struct qemu {
	struct event_loop	*loop;
	struct vmm		*vmm;
	struct launch		 launch;
	struct child		*child;		/* NULL: no QEMU */
	struct qmp		*qmp;
	struct console		*console;
	const struct run_state	*run;		/* last one seen, or NULL */
	uint64_t		 reboots;
	struct brake		 brake;		/* of the guest's own */
	uint64_t		 status_id;	/* of query-status, or 0 */
	/* The action that was begun. */
	const struct op		*op;		/* NULL: none */
	size_t			 step;		/* its next command */
	uint64_t		 id;		/* of its last command */
	struct event_timer	 timer;
};

static const struct op ops[VMM_ACTIONS] = {
	[VMM_BOOT]		= { { "qmp_capabilities" }, RUN_RUNNING, NULL },
	[VMM_PAUSE]		= { { "stop" }, RUN_PAUSED, NULL },
	[VMM_RESUME]		= { { "cont" }, RUN_RUNNING, NULL },
	[VMM_REBOOT]		= { { "system_reset", "cont" }, RUN_RUNNING,
				    NULL },
	[VMM_POWER_BUTTON]	= { { "system_powerdown" }, RUN_RUNNING, NULL },
	[VMM_BREAK]		= { { "chardev-send-break" }, RUN_RUNNING,
				    "{\"id\":\"console\"}" },
};

/* No QEMU any more. */
static void
put_down(struct qemu *q)
{
	qmp_destroy(take(&q->qmp));
	child_destroy(take(&q->child));
	/* Its last words, a panic maybe. */
	if (q->console != NULL)
		console_drain(q->console);
	console_destroy(take(&q->console));
	q->status_id = 0;
}

/* The action is done, or failed; a boot that failed leaves nothing. */
static void
op_end(struct qemu *q, const struct err *e)
{
	const struct op *op = q->op;

	if (op == NULL)
		return;
	q->op = NULL;
	event_timer_clear(&q->timer);
	if (e != NULL && op == &ops[VMM_BOOT])
		put_down(q);
	vmm_done(q->vmm, e);
}

/* QEMU cannot be used any more: of a boot the failure, else the end. */
static void
broken(struct qemu *q, const char *why)
{
	struct err e;

	if (q->op == &ops[VMM_BOOT]) {
		(void)err_set(&e, EIO, "%s", why);
		op_end(q, &e);
	} else {
		vmm_end(q->vmm, VM_EXIT_HYPERVISOR_DIED, "%s", why);
	}
}

static void
ask_status(struct qemu *q)
{
	struct err e;

	if (qmp_send(q->qmp, "query-status", NULL, &q->status_id,
	    &e) == -1)
		broken(q, e.text);
}

/* Send the action's next command; after the last one look at the state. */
static void
op_next(struct qemu *q)
{
	const char *command = q->op->commands[q->step];
	struct err e;

	if (command == NULL) {
		q->id = 0;
		ask_status(q);
		return;
	}
	q->step++;
	if (qmp_send(q->qmp, command, q->op->arguments, &q->id, &e) == -1)
		broken(q, e.text);
}

static void
op_begin(struct qemu *q, enum vmm_action what)
{
	q->op = &ops[what];
	q->step = 0;
	q->id = 0;
	event_timer_set(&q->timer, (uint64_t)ANSWER_S * 1000000);
}

/* All commands were taken and the state is known: is it the right one? */
static void
op_check(struct qemu *q)
{
	struct err e;

	if (q->op == NULL || q->id != 0)
		return;
	if (q->run->kind == q->op->want) {
		op_end(q, NULL);
	} else if (q->run->kind != RUN_STARTING) {
		(void)err_set(&e, EIO, "QEMU is %s", q->run->meaning);
		op_end(q, &e);
	}
	/* Else the RESUME event comes when it has started. */
}

static void
take_status(struct qemu *q, const json_t *data)
{
	const char *word = NULL;
	struct err e;

	q->status_id = 0;
	if (json_get_str(&word, data, "status", QMP_WORD_MAX, &e) != 1) {
		broken(q, "QMP: query-status has no status");
		return;
	}
	q->run = run_state_find(word);
	if (q->run->kind == RUN_UNKNOWN)
		log_warnx("QEMU is in run state \"%s\", which is not known",
		    word);
	if (q->run->kind == RUN_BROKEN) {
		broken(q, q->run->meaning);
		return;
	}
	if (q->run->kind == RUN_OVER) {
		vmm_end(q->vmm, strcmp(word, "guest-panicked") == 0 ?
		    VM_EXIT_GUEST_PANICKED : VM_EXIT_POWERED_OFF, "%s",
		    q->run->meaning);
		return;
	}
	/* What is not known to run is not said to run. */
	vmm_paused(q->vmm, q->run->kind != RUN_RUNNING);
	op_check(q);
}

/* --- events -------------------------------------------------------------- */

static void
event_reset(struct qemu *q, const json_t *data)
{
	bool guest = false;
	struct err e;

	q->reboots++;
	log_info("guest reboots");
	if (json_get_bool(&guest, data, "guest", &e) == -1 || !guest)
		brake_release(&q->brake, os_now_us());
	else if (!brake_reboot(&q->brake, os_now_us()))
		vmm_end(q->vmm, VM_EXIT_RESTARTED, BRAKE_REASON);
}

static void
event_shutdown(struct qemu *q, const json_t *data)
{
	const char *reason = "";
	bool guest = false;
	struct err e;

	if (json_get_str(&reason, data, "reason", QMP_WORD_MAX, &e) == -1 ||
	    json_get_bool(&guest, data, "guest", &e) == -1)
		reason = "";
	if (strcmp(reason, "guest-panic") == 0)
		vmm_end(q->vmm, VM_EXIT_GUEST_PANICKED, "guest panicked");
	else if (guest)
		vmm_end(q->vmm, VM_EXIT_POWERED_OFF, "guest powered off");
	else
		vmm_end(q->vmm, VM_EXIT_HYPERVISOR_DIED, "QEMU shuts down: %s",
		    reason);
}

static void
event_panicked(struct qemu *q, const json_t *data)
{
	(void)data;
	vmm_end(q->vmm, VM_EXIT_GUEST_PANICKED, "guest panicked");
}

static void
event_state(struct qemu *q, const json_t *data)
{
	(void)data;
	ask_status(q);
}

static const struct {
	const char	*name;
	void		(*handle)(struct qemu *, const json_t *data);
} events[] = {
	{ "GUEST_PANICKED", event_panicked },
	{ "RESET", event_reset },
	{ "RESUME", event_state },
	{ "SHUTDOWN", event_shutdown },
	{ "STOP", event_state },
	{ "SUSPEND", event_state },
	{ "WAKEUP", event_state },
	{ "WATCHDOG", event_state },
};

/* --- what QEMU says ------------------------------------------------------ */

static void
take_event(struct qemu *q, const struct qmp_msg *m)
{
	log_debug("QEMU: %s", m->text);
	for (size_t i = 0; i < COUNT(events); i++) {
		if (strcmp(events[i].name, m->text) == 0) {
			events[i].handle(q, m->data);
			return;
		}
	}
}

static void
take_message(void *arg, const struct qmp_msg *m)
{
	struct qemu *q = arg;
	struct err e;

	if (m->kind == QMP_EVENT) {
		take_event(q, m);
	} else if (m->kind == QMP_GREETING) {
		if (q->op == &ops[VMM_BOOT] && q->step == 0)
			op_next(q);
	} else if (m->id != 0 && m->id == q->status_id) {
		take_status(q, m->data);
	} else if (q->op != NULL && m->id != 0 && m->id == q->id) {
		if (m->kind == QMP_ERROR) {
			(void)err_set(&e, EIO, "QEMU: %s", m->text);
			op_end(q, &e);
		} else {
			op_next(q);
		}
	}
	/* Else the answer to an action that was given up. */
}

static void
qmp_ended(void *arg, const struct err *e)
{
	/* A proper end is followed by that of the process, with the reason. */
	if (e != NULL)
		broken(arg, e->text);
}

static void
child_ended(void *arg, const char *why)
{
	struct qemu *q = arg;

	/* It may have said why: a guest that powered off is no death. */
	if (q->qmp != NULL)
		qmp_drain(q->qmp);
	if (q->child != NULL)
		broken(q, why);
}

static void
timed_out(void *arg)
{
	struct qemu *q = arg;
	struct err e;

	(void)err_set(&e, ETIMEDOUT, "QEMU did not answer within %d s",
	    ANSWER_S);
	op_end(q, &e);
}

/* --- actions ------------------------------------------------------------- */

static int
start(struct qemu *q, struct err *e)
{
	const struct qmp_handler handler = { take_message, qmp_ended, q };
	struct launched l;

	if (launch_start(&l, &q->launch, q->loop, vmm_config(q->vmm),
	    e) == -1)
		return -1;
	q->child = l.child;
	q->console = l.console;
	child_on_end(q->child, child_ended, q);
	return qmp_new(&q->qmp, q->loop, l.qmp, &handler, e);
}

static void
qemu_boot(void *arg)
{
	struct qemu *q = arg;
	struct err e;

	q->run = NULL;
	brake_release(&q->brake, os_now_us());
	op_begin(q, VMM_BOOT);
	if (start(q, &e) == -1)
		op_end(q, &e);
	/* Else the greeting of QMP goes on. */
}

static void
qemu_pause(void *arg)
{
	op_begin(arg, VMM_PAUSE);
	op_next(arg);
}

static void
qemu_resume(void *arg)
{
	op_begin(arg, VMM_RESUME);
	op_next(arg);
}

static void
qemu_reboot(void *arg)
{
	op_begin(arg, VMM_REBOOT);
	op_next(arg);
}

static void
qemu_power_button(void *arg)
{
	op_begin(arg, VMM_POWER_BUTTON);
	op_next(arg);
}

/* A virtio console would take it without a word. */
static void
qemu_break(void *arg)
{
	struct qemu *q = arg;
	struct err e;

	if (vmm_config(q->vmm)->serial.mode == VM_STREAM_OFF) {
		(void)err_set(&e, ENODEV, "the VM has no serial port");
		vmm_done(q->vmm, &e);
		return;
	}
	op_begin(q, VMM_BREAK);
	op_next(q);
}

static void
qemu_shutdown(void *arg)
{
	struct qemu *q = arg;

	put_down(q);
	vmm_done(q->vmm, NULL);
}

static void
qemu_kill(void *arg)
{
	put_down(arg);
}

static json_t *
qemu_info(void *arg)
{
	const struct qemu *q = arg;
	bool kvm = launch_kvm(&q->launch, vmm_config(q->vmm));

	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:I}",
	    "hypervisor", "qemu", "accel", kvm ? qemu_host.accel : "tcg",
	    "accel_reason", q->launch.why,
	    "pid", q->child != NULL ? (int)child_pid(q->child) : 0,
	    "run_state", q->run != NULL ? q->run->word : "",
	    "reboots", (json_int_t)q->reboots);
}

static json_t *
qemu_counters(void *arg)
{
	const struct qemu *q = arg;

	return json_pack("{s:{s:I, s:I}}", "qemu",
	    "cpu_ns", (json_int_t)child_cpu_ns(q->child),
	    "reboots", (json_int_t)q->reboots);
}

const struct vmm_backend qemu_backend = {
	.name		= "qemu",
	.check		= qemu_check,
	.act		= {
		[VMM_BOOT]		= qemu_boot,
		[VMM_PAUSE]		= qemu_pause,
		[VMM_RESUME]		= qemu_resume,
		[VMM_SHUTDOWN_NOW]	= qemu_shutdown,
		[VMM_REBOOT]		= qemu_reboot,
		[VMM_POWER_BUTTON]	= qemu_power_button,
		[VMM_BREAK]		= qemu_break,
	},
	.kill		= qemu_kill,
	.info		= qemu_info,
	.counters	= qemu_counters,
};

/* --- life ---------------------------------------------------------------- */

int
qemu_new(struct qemu **ret, struct event_loop *loop, enum launch_accel accel,
    struct err *e)
{
	OWN(qemu_destroy) struct qemu *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return err_sys(e, "QEMU");
	q->loop = loop;
	q->launch.accel = accel;
	event_timer_init(&q->timer, loop, timed_out, q);
	*ret = take(&q);
	return 0;
}

void
qemu_attach(struct qemu *q, struct vmm *vmm)
{
	q->vmm = vmm;
}

void
qemu_destroy(struct qemu *q)
{
	if (q == NULL)
		return;
	put_down(q);
	event_timer_clear(&q->timer);
	free(q);
}
