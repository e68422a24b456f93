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

#include <sys/eventfd.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accel/accel_x86.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/acpi.h"
#include "vmm/dev/cpuplug.h"
#include "vmm/dev/debug.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/hotplug.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/power.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"
#include "vmm/loader.h"
#include "vmm/machine_private.h"
#include "vmm/memory.h"
#include "vmm/mptable.h"
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
	uint64_t one = 1;

	if (write(m->wake, &one, sizeof(one)) == -1 && errno != EAGAIN)
		fatal("machine: wake");
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
woken_cb(evutil_socket_t fd, short what, void *arg)
{
	static const enum machine_event gravest_first[] = {
	    MACHINE_DEVICE_DIED, MACHINE_BROKEN, MACHINE_PANICKED,
	    MACHINE_POWERED_OFF, MACHINE_REBOOT, MACHINE_DEBUG };
	struct machine *m = arg;
	uint64_t n;
	unsigned happened;
	bool ejected;

	(void)what;
	if (read(fd, &n, sizeof(n)) == -1)
		return;
	board_lock(&m->board);
	machine_unplug(m, m->ejected);
	m->ejected = 0;
	ejected = m->cpus_ejected != 0;
	board_unlock(&m->board);
	if (ejected)
		machine_cpus_ejected(m);
	happened = atomic_exchange(&m->happened, 0);
	if (happened == 0)
		return;
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

static int
open_files(struct machine *m, const struct vm_config *c, struct err *e)
{
	if (open_file(&m->kernel, c->kernel, "kernel", e) == -1)
		return -1;
	if (c->initramfs != NULL &&
	    open_file(&m->initrd, c->initramfs, "initramfs", e) == -1)
		return -1;
	m->cmdline = strdup(c->cmdline == NULL ? "" : c->cmdline);
	if (m->cmdline == NULL)
		return err_sys(e, "command line");
	return 0;
}

/* The kernel into memory, and the boot processor to its entry. */
static int
set_regs(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct machine *m = arg;
	struct x86_regs regs;
	struct load load = {
		.memory = m->memory,
		.kernel = m->kernel,
		.initrd = m->initrd,
		.cmdline = m->cmdline,
		.rsdp = m->rsdp,
		.ecam = m->board.pci != NULL,
	};

	if (loader_load(&load, &regs, e) == -1)
		return -1;
	return m->board.accel->x86->set_regs(v, &regs, e);
}

/*
 * What a kernel uses first: low memory, and the top, where Linux has its
 * tables of pages, a 64th of the whole, and more.
 */
#define FIRST_LOW	(12ULL << 20)		/* bytes */
#define FIRST_TOP_MAX	(32ULL << 20)

static void
want_first(const struct memory *memory)
{
	uint64_t bytes = memory_bytes(memory);
	uint64_t top = bytes <= MEMORY_LOW_MAX ? bytes :
	    MEMORY_HIGH + bytes - MEMORY_LOW_MAX;
	uint64_t n = MIN(bytes / 64 + (4ULL << 20), FIRST_TOP_MAX);

	if (bytes > MEMORY_LOW_MAX)
		n = MIN(n, bytes - MEMORY_LOW_MAX);
	/* A small VM is not to be filled with what it might use. */
	if (bytes < 4 * (FIRST_LOW + n))
		return;
	memory_want(memory, 0, FIRST_LOW);
	memory_want(memory, top - n, n);
}

/* Firmware's tables, and memory for the kernel. */
static int
prepare(struct machine *m, struct err *e)
{
	struct acpi_setup acpi = {
		.memory = m->memory,
		.cpus = m->cpus,
		.cpus_max = m->cpuplug != NULL ? m->cpus_max : 0,
		.pci = m->board.pci != NULL,
		.slots = m->board.pci == NULL ? 0 : pci_slots(m->board.pci),
		.serial = m->uart != NULL,
		.pvpanic = m->pvpanic,
		.pic = m->pic,
	};

	want_first(m->memory);
	if (mptable_write(m->memory, acpi.cpus, acpi.pci, e) == -1 ||
	    acpi_write(&acpi, &m->rsdp, e) == -1)
		return -1;
	return power_write_vector(m->memory, e);
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
		.irqchip = c->irqchip == VM_IRQCHIP_KERNEL ?
		    ACCEL_IRQCHIP_KERNEL : ACCEL_IRQCHIP_SPLIT,
		/* Devices share them. */
		.level = machine_needs_pci(m, c) ? pci_intx_lines() : 0,
	};

	m->pic = s.irqchip == ACCEL_IRQCHIP_KERNEL;
	m->board.msi_only = !m->pic;
	m->board.transitional = c->virtio == VM_VIRTIO_TRANSITIONAL;
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
		.first = m->setup.restore ? NULL : set_regs,
	};

	if (!m->setup.restore && prepare(m, e) == -1)
		return -1;
	return vcpus_new(&m->vcpus, &s, e);
}

static int
make_wake(struct machine *m, struct err *e)
{
	m->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->wake == -1)
		return err_sys(e, "machine: eventfd");
	m->woken = event_new(m->setup.base, m->wake, EV_READ | EV_PERSIST,
	    woken_cb, m);
	if (m->woken == NULL || event_add(m->woken, NULL) == -1)
		return err_set(e, ENOMEM, "machine: event");
	return 0;
}

/* The devices that every board has. */
static int
make_board(struct machine *m, struct err *e)
{
	if (i8042_add(&m->board, e) == -1 || power_add(&m->board, e) == -1)
		return -1;
	if (rtc_new(&m->rtc, &m->board, memory_bytes(m->memory), e) == -1 ||
	    debug_new(&m->debug, &m->board, m->pvpanic, e) == -1)
		return -1;
	if (m->setup.serial != -1 && uart_new(&m->uart, &m->board,
	    take_fd(&m->setup.serial), e) == -1)
		return -1;
	return 0;
}

/* The memory map, for firmware; kernels are told by their loaders. */
static int
make_fw_cfg(struct machine *m, struct err *e)
{
	struct load load = { .memory = m->memory,
	    .ecam = m->board.pci != NULL };
	struct loader_range map[LOADER_RANGES_MAX];
	struct __attribute__((packed)) {
		uint64_t	addr;
		uint64_t	bytes;
		uint32_t	type;
	} e820[LOADER_RANGES_MAX];
	unsigned n = loader_map(&load, map);

	for (unsigned i = 0; i < n; i++) {
		e820[i].addr = map[i].addr;
		e820[i].bytes = map[i].len;
		e820[i].type = map[i].type;
	}
	if (fw_cfg_new(&m->fw_cfg, &m->board, e) == -1)
		return -1;
	return fw_cfg_add(m->fw_cfg, "etc/e820", e820, n * sizeof(e820[0]), e);
}

static struct machine *
machine_alloc(const struct machine_setup *s)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->setup = *s;
	m->cpus_max = MAX(s->config->cpus, s->config->cpus_max);
	m->kernel = m->initrd = m->wake = -1;
	m->board.accel = s->accel;
	m->board.base = s->base;
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
	if (open_files(m, c, e) == -1 || make_wake(m, e) == -1 ||
	    make_memory(m, c, e) == -1 || make_vm(m, c, e) == -1)
		return -1;
	m->board.memory = m->memory;
	m->pvpanic = c->pvpanic;
	if (make_board(m, e) == -1 || machine_make_cpuplug(m, c, e) == -1 ||
	    machine_make_devices(m, c, e) == -1 ||
	    make_fw_cfg(m, e) == -1 || make_vcpus(m, c, e) == -1)
		return -1;
	if (m->board.pci == NULL && power_add_control(&m->board, e) == -1)
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
	machine_destroy_devices(m);
	uart_destroy(m->uart);
	fw_cfg_destroy(m->fw_cfg);
	debug_destroy(m->debug);
	cpuplug_destroy(m->cpuplug);
	rtc_destroy(m->rtc);
	if (m->board.vm != NULL)
		m->board.accel->vm_destroy(m->board.vm);
	memory_destroy(m->memory);
	if (m->woken != NULL)
		event_free(m->woken);
	for (unsigned i = 0; i < 5; i++) {
		int fd = (int[]){ m->wake, m->kernel, m->initrd,
		    m->setup.console, m->setup.serial }[i];

		if (fd != -1)
			(void)close(fd);
	}
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
	fw_cfg_reset(m->fw_cfg);
	if (m->uart != NULL)
		uart_reset(m->uart);
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
	if (prepare(m, e) == -1)
		return -1;
	return vcpus_call(m->vcpus, 0, set_regs, m, e);
}

void
machine_power_button(struct machine *m)
{
	board_lock(&m->board);
	acpi_notify(&m->board, ACPI_GSI_BUTTON);
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

uint64_t
machine_boot_us(struct machine *m)
{
	uint64_t reached;

	board_lock(&m->board);
	reached = debug_reached_us(m->debug);
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
