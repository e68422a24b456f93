/* SPDX-License-Identifier: ISC */
/*
 * backend.c - what the API asks for, done by a machine; see backend.h
 *
 * Process: vmm's main thread.  Sandbox: entered at the first boot, when it
 * is known which files the VM needs and before a vCPU has run.
 * Needs: the accelerator, the files and sockets of the VmConfig.
 */

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "accel/accel.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/backend.h"
#include "vmm/confine.h"
#include "vmm/gdb.h"
#include "vmm/machine.h"
#include "vmm/stream.h"
#include "vmm/vcpu.h"

struct backend {
	struct backend_setup	 setup;
	struct vmm		*vmm;
	struct machine		*machine;	/* NULL: nothing is booted */
	struct gdb		*gdb;		/* or NULL */
	struct stream		*console;
	struct stream		*serial;
	bool			 paused;	/* by a call */
	bool			 confined;
	uint64_t		 reboots;
};

/* Last words first. */
static void
put_down(struct backend *b)
{
	gdb_destroy(take(&b->gdb));
	machine_destroy(take(&b->machine));
	stream_drain(b->console);
	stream_drain(b->serial);
	stream_destroy(take(&b->console));
	stream_destroy(take(&b->serial));
}

/* --- what the guest does ------------------------------------------------- */

/* To the kernel's entry, and on from there unless a call has paused us. */
static int
begin_anew(struct backend *b, struct err *e)
{
	b->reboots++;
	if (machine_reset(b->machine, e) == -1)
		return -1;
	return b->paused ? 0 : machine_resume(b->machine, e);
}

static void
reboot(struct backend *b)
{
	struct err e;

	log_info("guest reboots");
	if (begin_anew(b, &e) == -1)
		vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "reboot: %s", e.text);
}

static void
machine_event(void *arg, enum machine_event what, const char *text)
{
	struct backend *b = arg;

	switch (what) {
	case MACHINE_REBOOT:
		reboot(b);
		break;
	case MACHINE_POWERED_OFF:
		vmm_end(b->vmm, VM_EXIT_POWERED_OFF, "guest powered off");
		break;
	case MACHINE_PANICKED:
		vmm_end(b->vmm, VM_EXIT_GUEST_PANICKED, "guest panicked");
		break;
	case MACHINE_BROKEN:
		vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "%s", text);
		break;
	case MACHINE_DEBUG:
		if (b->gdb != NULL)
			gdb_stopped(b->gdb);
		break;
	}
}

static void
leave(void *arg)
{
	struct backend *b = arg;

	vmm_end(b->vmm, VM_EXIT_SHUT_DOWN, "ended at the terminal");
}

/* --- a debugger ---------------------------------------------------------- */

static void
gdb_paused(void *arg, bool paused)
{
	struct backend *b = arg;

	b->paused = paused;
	vmm_paused(b->vmm, paused);
}

static void
gdb_failed(void *arg, const struct err *e)
{
	struct backend *b = arg;

	vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "gdb: %s", e->text);
}

static int
make_gdb(struct backend *b, const struct vm_config *c, struct err *e)
{
	const struct gdb_setup s = {
		.base = b->setup.base,
		.machine = b->machine,
		.path = c->gdb,
		.paused = gdb_paused,
		.failed = gdb_failed,
		.arg = b,
	};

	return c->gdb == NULL ? 0 : gdb_new(&b->gdb, &s, e);
}

/* --- actions ------------------------------------------------------------- */

static void
done(struct backend *b, int r, const struct err *e)
{
	vmm_done(b->vmm, r == -1 ? e : NULL);
}

static int
make_streams(struct backend *b, const struct vm_config *c, int *console,
    int *serial, struct err *e)
{
	struct stream_setup s = { .base = b->setup.base, .leave = leave,
	    .arg = b };

	s.config = &c->console;
	if (stream_new(&b->console, console, &s, e) == -1)
		return err_prefix(e, "console");
	s.config = &c->serial;
	if (stream_new(&b->serial, serial, &s, e) == -1)
		return err_prefix(e, "serial");
	return 0;
}

/* A later boot has to do with the files of the first. */
static int
confine(struct backend *b, const struct vm_config *c, struct err *e)
{
	if (b->confined || b->setup.confine == NULL)
		return 0;
	if (confine_enter(b->setup.confine, c, e) == -1)
		return -1;
	b->confined = true;
	return 0;
}

static int
make_machine(struct backend *b, const struct vm_config *c, struct err *e)
{
	own_fd int console = -1, serial = -1;
	struct machine_setup s = { .base = b->setup.base,
	    .accel = b->setup.accel,
	    .config = c, .event = machine_event, .arg = b };

	if (confine(b, c, e) == -1 ||
	    make_streams(b, c, &console, &serial, e) == -1)
		return -1;
	s.console = take_fd(&console);
	s.serial = take_fd(&serial);
	if (machine_new(&b->machine, &s, e) == -1)
		return -1;
	return make_gdb(b, c, e);
}

static void
backend_boot(void *arg)
{
	struct backend *b = arg;
	struct err e;
	int r;

	b->paused = false;
	r = make_machine(b, vmm_config(b->vmm), &e);
	if (r == 0)
		r = machine_resume(b->machine, &e);
	if (r == -1)
		put_down(b);
	done(b, r, &e);
}

static void
backend_pause(void *arg)
{
	struct backend *b = arg;

	machine_pause(b->machine);
	b->paused = true;
	done(b, 0, NULL);
}

static void
backend_resume(void *arg)
{
	struct backend *b = arg;
	struct err e;
	int r = machine_resume(b->machine, &e);

	b->paused = r == -1;
	done(b, r, &e);
}

static void
backend_shutdown(void *arg)
{
	struct backend *b = arg;

	put_down(b);
	done(b, 0, NULL);
}

/* A call leaves it running, wherever it was. */
static void
backend_reboot(void *arg)
{
	struct backend *b = arg;
	struct err e;

	b->paused = false;
	machine_pause(b->machine);
	done(b, begin_anew(b, &e), &e);
}

static void
backend_kill(void *arg)
{
	put_down(arg);
}

/* --- what is told -------------------------------------------------------- */

static int
backend_check(const struct vm_config *c, struct err *e)
{
	const struct {
		bool		 asked;
		const char	*what;
	} lacks[] = {
		{ c->pvpanic, "pvpanic" },
	};

	if (c->arch != VM_ARCH_AMD64)
		return err_api(e, ENOTSUP, "invalid_request",
		    "platform: arch: vmm runs amd64 guests only");
	if (c->cpus > ACCEL_CPUS_MAX)
		return err_api(e, ENOTSUP, "invalid_request",
		    "cpus: more than %d are not supported by vmm",
		    ACCEL_CPUS_MAX);
	for (size_t i = 0; i < COUNT(lacks); i++)
		if (lacks[i].asked)
			return err_api(e, ENOTSUP, "invalid_request",
			    "%s: not supported by vmm", lacks[i].what);
	return 0;
}

static json_t *
backend_info(void *arg)
{
	const struct backend *b = arg;

	return json_pack("{s:s, s:s, s:I}", "hypervisor", "vmm",
	    "accel", b->setup.accel->name, "reboots", (json_int_t)b->reboots);
}

static json_t *
backend_counters(void *arg)
{
	const struct backend *b = arg;

	return json_pack("{s:{s:I, s:I}}", "vmm",
	    "exits", (json_int_t)vcpus_exits(machine_vcpus(b->machine)),
	    "reboots", (json_int_t)b->reboots);
}

const struct vmm_backend machine_backend = {
	.name		= "vmm",
	.check		= backend_check,
	.act		= {
		[VMM_BOOT]		= backend_boot,
		[VMM_PAUSE]		= backend_pause,
		[VMM_RESUME]		= backend_resume,
		[VMM_SHUTDOWN_NOW]	= backend_shutdown,
		[VMM_REBOOT]		= backend_reboot,
	},
	.kill		= backend_kill,
	.info		= backend_info,
	.counters	= backend_counters,
};

/* --- life ---------------------------------------------------------------- */

int
backend_new(struct backend **ret, const struct backend_setup *setup,
    struct err *e)
{
	struct backend *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_sys(e, "machine");
	b->setup = *setup;
	*ret = b;
	return 0;
}

void
backend_attach(struct backend *b, struct vmm *vmm)
{
	b->vmm = vmm;
}

void
backend_destroy(struct backend *b)
{
	if (b == NULL)
		return;
	put_down(b);
	free(b);
}
