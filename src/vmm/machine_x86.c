/* SPDX-License-Identifier: ISC */
/*
 * machine_x86.c - the board of an x86-64 machine; see machine_private.h
 *
 * A PC without its chipset: COM1, RTC, fw_cfg and a few ports, described by
 * ACPI and MP tables.
 *
 * In a machine's state it has
 *
 *	clock     the RTC
 *	fw_cfg    what is selected
 *	serial    COM1, where there is one
 *	firmware  the number of its image, where there is one
 *	pm        ACPI's fixed hardware, there
 *
 * Process: vmm.  Sandbox, Needs: as machine.c.
 */

#include <errno.h>
#include <stdlib.h>

#include "accel/accel_x86.h"
#include "chapi/vm_config.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/acpi.h"
#include "vmm/dev/debug.h"
#include "vmm/dev/debugcon.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/power.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"
#include "vmm/firmware.h"
#include "vmm/loader.h"
#include "vmm/machine_private.h"
#include "vmm/memory.h"
#include "vmm/mptable.h"
#include "vmm/pci.h"
#include "vmm/vcpu.h"

struct machine_arch {
	struct uart	*uart;		/* or NULL */
	struct rtc	*rtc;
	struct debug	*debug;
	struct fw_cfg	*fw_cfg;
	struct firmware	*firmware;	/* or NULL: we load a kernel */
	struct pm	*pm;		/* with firmware */
	struct debugcon	*debugcon;	/* or NULL */
	enum vm_boot	 boot;		/* what firmware boots from */
	uint64_t	 acpi;		/* gpa of the tables */
	bool		 pic;		/* there are 8259s */
	bool		 pvpanic;	/* the guest may tell a panic */
};

const bool machine_arch_hotplug = true;
const char *const machine_arch_net_rom = FIRMWARE_NET;

/* --- building ----------------------------------------------------------- */

int
machine_arch_setup(struct machine *m, const struct vm_config *c,
    struct accel_setup *s, struct err *e)
{
	if (c->variables != NULL)
		return err_set(e, ENOTSUP, "payload: variables: a BIOS has "
		    "none");
	m->arch = calloc(1, sizeof(*m->arch));
	if (m->arch == NULL)
		return err_sys(e, "machine");
	s->irqchip = c->irqchip == VM_IRQCHIP_KERNEL ?
	    ACCEL_IRQCHIP_KERNEL : ACCEL_IRQCHIP_SPLIT;
	/* Devices share them. */
	s->level = machine_needs_pci(m, c) ? pci_intx_lines() : 0;
	m->arch->pic = s->irqchip == ACCEL_IRQCHIP_KERNEL;
	m->arch->pvpanic = c->pvpanic;
	m->arch->acpi = ACPI_ADDR;
	m->board.msi_only = !m->arch->pic;
	m->board.transitional = c->virtio == VM_VIRTIO_TRANSITIONAL;
	return 0;
}

/* Its image, and a port for what it says of itself. */
static int
make_firmware(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct machine_arch *a = m->arch;

	if (!a->pic)
		return err_set(e, ENOTSUP, "firmware: needs the interrupt "
		    "controllers and the timer of irqchip: kernel");
	a->boot = c->boot;
	a->acpi = firmware_tables(m->memory);
	if (pm_new(&a->pm, &m->board, e) == -1)
		return -1;
	if (log_debugs() && debugcon_new(&a->debugcon, &m->board, e) == -1)
		return -1;
	return firmware_new(&a->firmware, &m->board, m->files.kernel, e);
}

static void
wake(void *arg)
{
	machine_wake(arg);
}

int
machine_arch_make(struct machine *m, const struct vm_config *c, struct err *e)
{
	const struct rtc_setup rtc = { &m->board, memory_bytes(m->memory),
	    wake, m };
	struct machine_arch *a = m->arch;

	if (i8042_add(&m->board, e) == -1 || power_add(&m->board, e) == -1)
		return -1;
	if (rtc_new(&a->rtc, &rtc, e) == -1 ||
	    debug_new(&a->debug, &m->board, a->pvpanic, e) == -1)
		return -1;
	if (m->setup.serial != -1 && uart_new(&a->uart, &m->board,
	    take_fd(&m->setup.serial), e) == -1)
		return -1;
	return c->firmware == NULL ? 0 : make_firmware(m, c, e);
}

static void
count_cpus(struct machine *m, unsigned cpus)
{
	fw_cfg_set(m->arch->fw_cfg, FW_CFG_CPUS, (uint16_t)cpus);
	fw_cfg_set(m->arch->fw_cfg, FW_CFG_CPUS_MAX, (uint16_t)m->cpus_max);
}

/* The memory map for all who ask; kernels are told by their loaders. */
static int
make_fw_cfg(struct machine *m, struct err *e)
{
	struct machine_arch *a = m->arch;

	if (fw_cfg_new(&a->fw_cfg, &m->board, e) == -1 ||
	    machine_firmware_map(m, a->fw_cfg, a->firmware != NULL, e) == -1)
		return -1;
	if (a->firmware == NULL)
		return 0;
	fw_cfg_set(a->fw_cfg, FW_CFG_NO_SCREEN, 1);
	count_cpus(m, m->cpus);
	return machine_firmware_files(m, a->fw_cfg, a->boot, a->uart != NULL,
	    e);
}

int
machine_arch_made(struct machine *m, struct err *e)
{
	if (make_fw_cfg(m, e) == -1)
		return -1;
	return m->board.pci == NULL ? power_add_control(&m->board, e) : 0;
}

void
machine_arch_destroy(struct machine *m)
{
	if (m->arch == NULL)
		return;
	uart_destroy(m->arch->uart);
	fw_cfg_destroy(m->arch->fw_cfg);
	debugcon_destroy(m->arch->debugcon);
	pm_destroy(m->arch->pm);
	firmware_destroy(m->arch->firmware);
	debug_destroy(m->arch->debug);
	rtc_destroy(m->arch->rtc);
	free(m->arch);
}

/* --- kernel ------------------------------------------------------------- */

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

/* For kernels that look for what firmware has left. */
static int
without_firmware(struct machine *m, struct err *e)
{
	if (mptable_write(m->memory, m->cpus, m->board.pci != NULL, e) == -1)
		return -1;
	return power_write_vector(m->memory, e);
}

int
machine_arch_prepare(struct machine *m, struct err *e)
{
	struct machine_arch *a = m->arch;
	struct acpi_setup acpi = {
		.memory = m->memory,
		.addr = a->acpi,
		.cpus = m->cpus,
		.cpus_max = m->cpuplug != NULL ? m->cpus_max : 0,
		.pci = m->board.pci != NULL,
		.slots = m->board.pci == NULL ? 0 : pci_slots(m->board.pci),
		.serial = a->uart != NULL,
		.pvpanic = a->pvpanic,
		.pic = a->pic,
		.fixed = a->pm != NULL,
	};

	want_first(m->memory);
	if (acpi_write(&acpi, e) == -1)
		return -1;
	return a->firmware == NULL ? without_firmware(m, e) :
	    firmware_shadow(a->firmware, m->memory, e);
}

int
machine_arch_enter(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct machine *m = arg;
	struct x86_regs regs;
	struct load load = {
		.memory = m->memory,
		.kernel = m->files.kernel,
		.initrd = m->files.initrd,
		.cmdline = m->cmdline,
		.rsdp = m->arch->acpi,
		.ecam = m->board.pci != NULL,
		.serial = m->arch->uart != NULL,
		.pit = m->arch->pic,
	};

	if (m->arch->firmware != NULL)
		firmware_entry(&regs);
	else if (loader_load(&load, &regs, e) == -1)
		return -1;
	return m->board.accel->x86->set_regs(v, &regs, e);
}

/* --- running ------------------------------------------------------------ */

void
machine_arch_turn(struct machine *m)
{
	rtc_turn(m->arch->rtc);
}

void
machine_arch_reset(struct machine *m)
{
	rtc_reset(m->arch->rtc);
	fw_cfg_reset(m->arch->fw_cfg);
	/* All that ever were there: who has left would answer, too. */
	count_cpus(m, vcpus_count(m->vcpus));
	if (m->arch->debugcon != NULL)
		debugcon_reset(m->arch->debugcon);
	if (m->arch->uart != NULL)
		uart_reset(m->arch->uart);
	if (m->arch->pm != NULL)
		pm_reset(m->arch->pm);
}

void
machine_arch_power_button(struct machine *m)
{
	if (m->arch->pm != NULL)
		pm_power_button(m->arch->pm);
	else
		acpi_notify(&m->board, ACPI_GSI_BUTTON);
}

bool
machine_arch_break(struct machine *m)
{
	if (m->arch->uart == NULL)
		return false;
	uart_break(m->arch->uart);
	return true;
}

uint64_t
machine_arch_reached_us(const struct machine *m)
{
	return debug_reached_us(m->arch->debug);
}

void
machine_arch_forked(struct machine *m)
{
	acpi_new_genid(m->memory, m->arch->acpi);
	acpi_notify(&m->board, ACPI_GSI_GENID);
}

/* --- state -------------------------------------------------------------- */

static int
save_firmware(const struct machine_arch *a, json_t *o)
{
	if (a->firmware == NULL)
		return 0;
	if (json_object_set_new(o, "pm", pm_save(a->pm)) == -1)
		return -1;
	return json_object_set_new(o, "firmware",
	    json_integer((json_int_t)firmware_sum(a->firmware)));
}

static int
load_firmware(struct machine_arch *a, const json_t *o, struct err *e)
{
	json_t *pm = NULL;

	if (a->firmware == NULL)
		return 0;
	if (json_integer_value(json_object_get(o, "firmware")) !=
	    (json_int_t)firmware_sum(a->firmware))
		return err_set(e, EINVAL, "firmware: the snapshot's is another "
		    "image than this");
	if (json_get_obj(&pm, o, "pm", SIZE_MAX, e) == -1)
		return -1;
	return pm_load(a->pm, pm, e);
}

int
machine_arch_save(struct machine *m, json_t *o, struct err *e)
{
	struct machine_arch *a = m->arch;

	if (json_object_set_new(o, "clock", rtc_save(a->rtc)) == -1 ||
	    json_object_set_new(o, "fw_cfg", fw_cfg_save(a->fw_cfg)) == -1 ||
	    (a->uart != NULL &&
	    json_object_set_new(o, "serial", uart_save(a->uart)) == -1) ||
	    save_firmware(a, o) == -1)
		return err_set(e, ENOMEM, "state: out of memory");
	return 0;
}

int
machine_arch_load(struct machine *m, const json_t *o, struct err *e)
{
	struct machine_arch *a = m->arch;
	json_t *serial = NULL, *clock = NULL, *fw_cfg = NULL;

	if (load_firmware(a, o, e) == -1)
		return -1;
	if (json_get_obj(&fw_cfg, o, "fw_cfg", SIZE_MAX, e) == -1 ||
	    fw_cfg_load(a->fw_cfg, fw_cfg, e) == -1)
		return -1;
	if (json_get_obj(&clock, o, "clock", SIZE_MAX, e) == -1 ||
	    rtc_load(a->rtc, clock, e) == -1)
		return -1;
	if (json_get_obj(&serial, o, "serial", SIZE_MAX, e) == -1)
		return -1;
	if ((serial != NULL) != (a->uart != NULL))
		return err_set(e, EINVAL, "serial: %s", serial == NULL ?
		    "has no state" : "there is none");
	return serial == NULL ? 0 : uart_load(a->uart, serial, e);
}
