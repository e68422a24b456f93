/* SPDX-License-Identifier: ISC */
/*
 * machine.c - a whole virtual machine; see machine.h
 *
 * What the guest does reaches the main thread through 'wake': a set of bits,
 * and an eventfd that says that there are some.
 *
 * Process: vmm.  Sandbox: after machine_new() only the descriptors that are
 * held are used.  Needs: the accelerator, the kernel's files.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/dev/console.h"
#include "vmm/dev/cpuplug.h"
#include "vmm/dev/hotplug.h"
#include "vmm/dev/vmmci.h"
#include "vmm/firmware.h"
#include "vmm/machine_private.h"
#include "vmm/memory.h"
#include "vmm/pci.h"
#include "vmm/vcpu.h"

#define STOPPED_HITS	16	/* first bit of them in 'stopped' */

/* --- what happens to the guest ------------------------------------------ */

/* Any thread. */
static void
tell(struct machine *m, enum machine_event what)
{
	atomic_fetch_or(&m->happened, 1U << what);
	machine_wake(m);
}

void
machine_wake(struct machine *m)
{
	os_notify_send(m->wake.wr);
}

static void
board_event(void *arg, enum board_event what)
{
	static const enum machine_event means[BOARD_EVENTS] = {
		[BOARD_RESET] = MACHINE_REBOOT,
		[BOARD_POWER_OFF] = MACHINE_POWERED_OFF,
		[BOARD_PANIC] = MACHINE_PANICKED,
	};

	tell(arg, means[what]);
}

void
machine_broken(struct machine *m, enum machine_event what, const char *fmt,
    ...)
{
	va_list ap;

	if (m->broken[0] == '\0') {	/* the first reason is the reason */
		va_start(ap, fmt);
		(void)vsnprintf(m->broken, sizeof(m->broken), fmt, ap);
		va_end(ap);
	}
	tell(m, what);
}

/* A vCPU met what no device answers; on its thread. */
static void
vcpu_stopped(void *arg, unsigned id, const struct accel_exit *x)
{
	struct machine *m = arg;

	if (x->why == ACCEL_EXIT_RESET) {
		tell(m, MACHINE_REBOOT);
	} else if (x->why == ACCEL_EXIT_OFF) {
		tell(m, MACHINE_POWERED_OFF);
	} else if (x->why == ACCEL_EXIT_DEBUG) {
		atomic_store(&m->stopped, id | x->hits << STOPPED_HITS);
		tell(m, MACHINE_DEBUG);
	} else {
		board_lock(&m->board);
		machine_broken(m, MACHINE_BROKEN, "%s", x->text);
		board_unlock(&m->board);
	}
}

/* Of all that happened the gravest; the owner may destroy the machine. */
static void
woken_cb(void *arg, unsigned what)
{
	static const enum machine_event gravest_first[] = {
	    MACHINE_DEVICE_DIED, MACHINE_BROKEN, MACHINE_PANICKED,
	    MACHINE_POWERED_OFF, MACHINE_REBOOT, MACHINE_DEBUG };
	struct machine *m = arg;
	unsigned happened;
	bool ejected;

	(void)what;
	if (!os_notify_take(m->wake.rd))
		return;
	board_lock(&m->board);
	machine_arch_turn(m);
	machine_unplug(m, m->ejected);
	m->ejected = 0;
	ejected = m->cpus_ejected != 0;
	board_unlock(&m->board);
	if (ejected)
		machine_cpus_ejected(m);
	happened = atomic_exchange(&m->happened, 0);
	if (happened == 0)
		return;
	if (happened & 1U << MACHINE_REBOOT && m->vmmci != NULL &&
	    vmmci_stopping(m->vmmci))
		happened |= 1U << MACHINE_POWERED_OFF;
	machine_pause(m);
	for (unsigned i = 0; i < COUNT(gravest_first); i++) {
		if ((happened & 1U << gravest_first[i]) == 0)
			continue;
		m->setup.event(m->setup.arg, gravest_first[i], m->broken);
		return;
	}
}

/* --- kernel ------------------------------------------------------------- */

static int
open_file(int *ret, const char *path, const char *what, struct err *e)
{
	*ret = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret == -1)
		return err_sys(e, "%s: %s", what, path);
	return 0;
}

/* What is not there yet is made. */
static int
open_variables(int *ret, const char *path, struct err *e)
{
	if (path == NULL)
		return 0;
	*ret = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	return *ret == -1 ? err_sys(e, "variables: %s", path) : 0;
}

void
machine_close(struct machine_files *f)
{
	if (f->kernel != -1)
		(void)close(take_fd(&f->kernel));
	if (f->initrd != -1)
		(void)close(take_fd(&f->initrd));
	if (f->variables != -1)
		(void)close(take_fd(&f->variables));
}

int
machine_open(struct machine_files *f, const struct vm_config *c,
    struct err *e)
{
	if (f->kernel == -1 && (c->kernel != NULL ?
	    open_file(&f->kernel, c->kernel, "kernel", e) :
	    open_file(&f->kernel, c->firmware, "firmware", e)) == -1)
		return -1;
	if ((c->initramfs != NULL &&
	    open_file(&f->initrd, c->initramfs, "initramfs", e) == -1) ||
	    (c->boot == VM_BOOT_NET && machine_arch_net_rom != NULL &&
	    open_file(&f->initrd, machine_arch_net_rom,
	    "network boot (ipxe-qemu)", e) == -1) ||
	    open_variables(&f->variables, c->variables, e) == -1) {
		machine_close(f);
		return -1;
	}
	return 0;
}

static int
take_files(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct machine_files *given = m->setup.files;

	m->setup.files = NULL;
	if (given != NULL && given->kernel != -1) {
		m->files.kernel = take_fd(&given->kernel);
		m->files.initrd = take_fd(&given->initrd);
		m->files.variables = take_fd(&given->variables);
	} else if (machine_open(&m->files, c, e) == -1) {
		return -1;
	}
	m->cmdline = strdup(c->cmdline == NULL ? "" : c->cmdline);
	if (m->cmdline == NULL)
		return err_sys(e, "command line");
	return 0;
}

/* --- building ----------------------------------------------------------- */

static int
make_memory(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct memory_setup s = {
		.bytes = c->memory.size,
		.page = c->memory.page,
		/* With nobody; a device that comes later gets copies. */
		.shared = c->memory.shared && (c->ndisks > 0 || c->nnets > 0 ||
		    c->nfs > 0 || c->vsock.vhost_socket != NULL),
		.thp = c->memory.thp,
		.prefault = c->memory.prefault,
		.file = m->setup.restore ? m->setup.memory : -1,
	};

	return memory_new(&m->memory, &s, e);
}

static int
make_vm(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct accel_setup s = {
		.cpus = m->cpus_max,
		.cpu = c->cpu == VM_CPU_HOST ? ACCEL_CPU_HOST :
		    ACCEL_CPU_BASELINE,
	};

	if (machine_arch_setup(m, c, &s, e) == -1)
		return -1;
	if (m->board.accel->vm_new(&m->board.vm, &s, e) == -1)
		return -1;
	return memory_attach(m->memory, m->board.accel, m->board.vm, e);
}

/* The first of them loads the kernel, unless a snapshot has it. */
static int
make_vcpus(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct vcpus_setup s = {
		.board = &m->board,
		.n = c->cpus,
		.max = m->cpus_max,
		.stopped = vcpu_stopped,
		.arg = m,
		.first = m->setup.restore ? NULL : machine_arch_enter,
	};

	if (!m->setup.restore && machine_arch_prepare(m, e) == -1)
		return -1;
	return vcpus_new(&m->vcpus, &s, e);
}

static int
make_wake(struct machine *m, struct err *e)
{
	if (os_notify_init(&m->wake, e) == -1)
		return err_prefix(e, "machine");
	event_watch_init(&m->woken, m->setup.loop, m->wake.rd, woken_cb, m);
	if (event_watch_set(&m->woken, EVENT_READ) == -1)
		return err_sys(e, "machine: its events");
	return 0;
}

static struct machine *
machine_alloc(const struct machine_setup *s)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->setup = *s;
	m->cpus_max = MAX(s->config->cpus, s->config->cpus_max);
	m->files = (struct machine_files){ -1, -1, -1 };
	m->wake = OS_NOTIFY_NONE;
	m->board.accel = s->accel;
	m->board.loop = s->loop;
	m->board.event = board_event;
	m->board.event_arg = m;
	(void)pthread_mutex_init(&m->board.lock, NULL);
	return m;
}

int
machine_new(struct machine **ret, const struct machine_setup *s, struct err *e)
{
	OWN(machine_destroy) struct machine *m = NULL;
	own_fd int console = s->console, serial = s->serial;
	const struct vm_config *c = s->config;

	m = machine_alloc(s);
	if (m == NULL)
		return err_sys(e, "machine");
	(void)take_fd(&console);
	(void)take_fd(&serial);
	if (take_files(m, c, e) == -1 || make_wake(m, e) == -1 ||
	    make_memory(m, c, e) == -1 || make_vm(m, c, e) == -1)
		return -1;
	m->board.memory = m->memory;
	if (machine_arch_make(m, c, e) == -1 ||
	    machine_make_cpuplug(m, c, e) == -1 ||
	    machine_make_devices(m, c, e) == -1 ||
	    machine_arch_made(m, e) == -1 || make_vcpus(m, c, e) == -1)
		return -1;
	m->setup.config = NULL;		/* the caller's, and not needed more */
	m->setup.state = NULL;
	*ret = take(&m);
	return 0;
}

void
machine_destroy(struct machine *m)
{
	if (m == NULL)
		return;
	vcpus_destroy(m->vcpus);
	(void)machine_log(m, false, NULL);
	machine_destroy_devices(m);
	cpuplug_destroy(m->cpuplug);
	machine_arch_destroy(m);
	if (m->board.vm != NULL)
		m->board.accel->vm_destroy(m->board.vm);
	memory_destroy(m->memory);
	event_watch_fini(&m->woken);
	machine_close(&m->files);
	os_notify_fini(&m->wake);
	if (m->setup.console != -1)
		(void)close(m->setup.console);
	if (m->setup.serial != -1)
		(void)close(m->setup.serial);
	(void)pthread_mutex_destroy(&m->board.lock);
	free(m->cmdline);
	free(m);
}

/* --- running ------------------------------------------------------------ */

void
machine_pause(struct machine *m)
{
	vcpus_pause(m->vcpus);
	m->running = false;
}

int
machine_resume(struct machine *m, struct err *e)
{
	if (machine_resume_devices(m, e) == -1)
		return -1;
	if (m->started_us == 0)
		m->started_us = os_now_us();
	vcpus_resume(m->vcpus);
	m->running = true;
	return 0;
}

static int
reset_vcpu(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct machine *m = arg;

	return m->board.accel->vcpu_reset(v, e);
}

/* Devices before their bus: their windows go with it. */
static void
reset_board(struct machine *m)
{
	board_lock(&m->board);
	for (unsigned i = 0; i < m->ndevices; i++)
		vio_reset(m->device[i]);
	m->devices_paused = false;
	/* Who did not give a device up has it no more after a reset. */
	machine_unplug(m, m->leaving);
	if (m->hotplug != NULL)
		hotplug_reset(m->hotplug);
	machine_reset_cpus(m);
	if (m->board.pci != NULL)
		pci_reset(m->board.pci);
	machine_arch_reset(m);
	board_unlock(&m->board);
}

int
machine_reset(struct machine *m, struct err *e)
{
	machine_pause(m);
	reset_board(m);
	if (memory_clear(m->memory, e) == -1 ||
	    m->board.accel->vm_reset(m->board.vm, e) == -1)
		return -1;
	for (unsigned i = 0; i < vcpus_count(m->vcpus); i++)
		if (vcpus_call(m->vcpus, i, reset_vcpu, m, e) == -1)
			return -1;
	if (machine_arch_prepare(m, e) == -1)
		return -1;
	return vcpus_call(m->vcpus, 0, machine_arch_enter, m, e);
}

/* A driver of vmmci's is asked by that; others look at the button. */
void
machine_power_button(struct machine *m)
{
	board_lock(&m->board);
	if (m->vmmci == NULL || !vmmci_stop(m->vmmci))
		machine_arch_power_button(m);
	board_unlock(&m->board);
}

void
machine_sync_clock(struct machine *m)
{
	board_lock(&m->board);
	if (m->vmmci != NULL)
		vmmci_sync(m->vmmci);
	/* An alarm may be due by now. */
	machine_arch_turn(m);
	board_unlock(&m->board);
}

static int
send_nmi(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct machine *m = arg;

	return m->board.accel->nmi(v, e);
}

int
machine_nmi(struct machine *m, struct err *e)
{
	bool running = m->running;
	int r = 0;

	machine_pause(m);
	for (unsigned i = 0; i < vcpus_count(m->vcpus) && r == 0; i++)
		r = vcpus_call(m->vcpus, i, send_nmi, m, e);
	return running && machine_resume(m, e) == -1 ? -1 : r;
}

int
machine_break(struct machine *m, struct err *e)
{
	bool there;

	board_lock(&m->board);
	there = machine_arch_break(m);
	board_unlock(&m->board);
	return there ? 0 : err_set(e, ENODEV, "the VM has no serial port");
}

int
machine_console_size(struct machine *m, unsigned cols, unsigned rows,
    struct err *e)
{
	if (m->console == NULL)
		return err_set(e, ENODEV, "the VM has no console but a serial "
		    "port");
	board_lock(&m->board);
	vio_console_resize(m->console, (uint16_t)cols, (uint16_t)rows);
	board_unlock(&m->board);
	return 0;
}

uint64_t
machine_boot_us(struct machine *m)
{
	uint64_t reached;

	board_lock(&m->board);
	reached = machine_arch_reached_us(m);
	board_unlock(&m->board);
	return reached > m->started_us ? reached - m->started_us : 0;
}

unsigned
machine_stopped(const struct machine *m, unsigned *hits)
{
	unsigned stopped = atomic_load(&m->stopped);

	*hits = stopped >> STOPPED_HITS;
	return stopped & ((1U << STOPPED_HITS) - 1);
}

struct board *
machine_board(struct machine *m)
{
	return &m->board;
}

struct vcpus *
machine_vcpus(struct machine *m)
{
	return m->vcpus;
}
