/* SPDX-License-Identifier: ISC */
/*
 * machine_arm64.c - the board of an arm64 machine; see machine_private.h
 *
 * Serial port, clock and power button, described by a device tree; processors
 * and power are PSCI's, which the accelerator answers.
 *
 * In a machine's state it has
 *
 *	clock     the PL031
 *	gpio      the PL061
 *	serial    the PL011, where there is one
 *	stolen    the page that tells of it, where there is one
 *	firmware  UEFI and its flash, where there is some
 *	fw_cfg    what is selected, there
 *
 * Process: vmm.  Sandbox, Needs: as machine.c.
 */

#include <errno.h>
#include <stdlib.h>

#include "accel/accel_arm64.h"
#include "chapi/vm_config.h"
#include "lib/json.h"
#include "lib/util.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/pl011.h"
#include "vmm/dev/pl031.h"
#include "vmm/dev/pl061.h"
#include "vmm/devtree.h"
#include "vmm/efi.h"
#include "vmm/image.h"
#include "vmm/machine_private.h"
#include "vmm/map_arm64.h"
#include "vmm/memory.h"
#include "vmm/stolen.h"

struct machine_arch {
	struct pl011	*uart;		/* or NULL */
	struct pl031	*rtc;
	struct pl061	*gpio;
	struct stolen	*stolen;	/* or NULL: the host does not tell */
	struct efi	*efi;		/* or NULL: we load a kernel */
	struct fw_cfg	*fw_cfg;	/* with firmware */
	enum vm_boot	 boot;		/* what that boots from */
};

const bool machine_arch_hotplug = false;
const char *const machine_arch_net_rom = NULL;

static const struct arm64_gic gic_its = {
	.distributor	= ARM64_GICD,
	.redistributors	= ARM64_GICR,
	.its		= ARM64_ITS,
};

static const struct arm64_gic gic_frame = {
	.distributor	= ARM64_GICD,
	.redistributors	= ARM64_GICR_FRAME,
	.frame		= ARM64_FRAME,
	.frame_first	= ARM64_MSI_FIRST,
	.frame_count	= ARM64_MSI_COUNT,
};

/* --- building ------------------------------------------------------------ */

int
machine_arch_setup(struct machine *m, const struct vm_config *c,
    struct accel_setup *s, struct err *e)
{
	const char *no = c->irqchip != VM_IRQCHIP_KERNEL ? "irqchip: split" :
	    c->virtio == VM_VIRTIO_TRANSITIONAL ? "virtio: transitional" :
	    c->vmmci ? "vmmci" :
	    c->pvpanic ? "pvpanic" :
	    c->gdb != NULL && m->board.accel->debug == NULL ? "gdb" : NULL;

	if (no != NULL)
		return err_set(e, ENOTSUP, "%s: not on arm64", no);
	m->arch = calloc(1, sizeof(*m->arch));
	if (m->arch == NULL)
		return err_sys(e, "machine");
	m->arch->boot = c->boot;
	s->gic = m->board.accel->arm64->frame ? &gic_frame : &gic_its;
	s->stolen = m->board.accel->arm64->stolen ? ARM64_STOLEN : 0;
	return 0;
}

int
machine_arch_make(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct machine_arch *a = m->arch;
	struct pl011_setup uart = { &m->board, ARM64_UART, ARM64_GSI_UART };
	struct pl061_setup gpio = { &m->board, ARM64_GPIO, ARM64_GSI_GPIO };
	struct efi_setup efi = { &m->board, m->files.kernel,
	    m->files.variables };

	if (m->board.accel->arm64->stolen && stolen_new(&a->stolen, &m->board,
	    ARM64_STOLEN, e) == -1)
		return -1;
	if (pl031_new(&a->rtc, &m->board, ARM64_RTC, e) == -1 ||
	    pl061_new(&a->gpio, &gpio, e) == -1)
		return -1;
	if (m->setup.serial != -1 && pl011_new(&a->uart, &uart,
	    take_fd(&m->setup.serial), e) == -1)
		return -1;
	return c->firmware == NULL ? 0 : efi_new(&a->efi, &efi, e);
}

/* What EDK II asks for: what to boot, and that nobody is waited for. */
int
machine_arch_made(struct machine *m, struct err *e)
{
	struct machine_arch *a = m->arch;
	const uint16_t wait_ms = 0;

	if (a->efi == NULL)
		return 0;
	if (fw_cfg_new_mmio(&a->fw_cfg, &m->board, ARM64_FW_CFG, e) == -1)
		return -1;
	fw_cfg_set(a->fw_cfg, FW_CFG_MENU, 1);
	if (fw_cfg_add(a->fw_cfg, "etc/boot-menu-wait", &wait_ms,
	    sizeof(wait_ms), e) == -1)
		return -1;
	return machine_firmware_order(m, a->fw_cfg, a->boot, false, e);
}

void
machine_arch_destroy(struct machine *m)
{
	if (m->arch == NULL)
		return;
	pl011_destroy(m->arch->uart);
	pl061_destroy(m->arch->gpio);
	pl031_destroy(m->arch->rtc);
	stolen_destroy(m->arch->stolen);
	fw_cfg_destroy(m->arch->fw_cfg);
	efi_destroy(m->arch->efi);
	free(m->arch);
}

/* --- kernel -------------------------------------------------------------- */

/* The tree names where the kernel's initrd is: see machine_arch_enter(). */
int
machine_arch_prepare(struct machine *m, struct err *e)
{
	(void)m;
	(void)e;
	return 0;
}

/* Firmware finds the tree where memory begins. */
static int
load(struct image_at *ret, const struct machine *m, struct err *e)
{
	const struct image image = { m->memory, m->files.kernel,
	    m->files.initrd };

	if (m->arch->efi == NULL)
		return image_load(ret, &image, e);
	*ret = (struct image_at){ .entry = ARM64_CODE, .tree = ARM64_RAM };
	return 0;
}

int
machine_arch_enter(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct machine *m = arg;
	struct image_at at;
	struct arm64_regs regs = { .pstate = ARM64_PSTATE_EL1 };
	struct devtree_setup tree = {
		.memory = memory_bytes(m->memory),
		.cpus = m->cpus,
		.frame = m->board.accel->arm64->frame,
		.pci = m->board.pci != NULL,
		.serial = m->arch->uart != NULL,
		.cmdline = m->cmdline,
		.flash = m->arch->efi == NULL ? 0 :
		    efi_variables_bytes(m->arch->efi),
	};

	if (load(&at, m, e) == -1)
		return -1;
	tree.initrd = at.initrd;
	tree.initrd_end = at.initrd_end;
	if (devtree_write(memory_at(m->memory, at.tree, IMAGE_TREE_MAX),
	    IMAGE_TREE_MAX, &tree, e) == -1)
		return -1;
	regs.pc = at.entry;
	regs.x[0] = at.tree;
	return m->board.accel->arm64->set_regs(v, &regs, e);
}

/* --- running ------------------------------------------------------------- */

/* No device of the board's has anything to do there. */
void
machine_arch_turn(struct machine *m)
{
	(void)m;
}

void
machine_arch_reset(struct machine *m)
{
	pl061_reset(m->arch->gpio);
	if (m->arch->efi != NULL) {
		efi_reset(m->arch->efi);
		fw_cfg_reset(m->arch->fw_cfg);
	}
	if (m->arch->uart != NULL)
		pl011_reset(m->arch->uart);
}

void
machine_arch_power_button(struct machine *m)
{
	pl061_press(m->arch->gpio);
}

bool
machine_arch_break(struct machine *m)
{
	if (m->arch->uart == NULL)
		return false;
	pl011_break(m->arch->uart);
	return true;
}

/* Nothing tells. */
uint64_t
machine_arch_reached_us(const struct machine *m)
{
	(void)m;
	return 0;
}

/* It has no identity that the board would tell. */
void
machine_arch_forked(struct machine *m)
{
	(void)m;
}

/* --- state --------------------------------------------------------------- */

static int
save_firmware(const struct machine_arch *a, json_t *o)
{
	if (a->efi == NULL)
		return 0;
	if (json_object_set_new(o, "firmware", efi_save(a->efi)) == -1)
		return -1;
	return json_object_set_new(o, "fw_cfg", fw_cfg_save(a->fw_cfg));
}

static int
load_firmware(struct machine_arch *a, const json_t *o, struct err *e)
{
	json_t *efi = NULL, *fw_cfg = NULL;

	if (json_get_obj(&efi, o, "firmware", SIZE_MAX, e) == -1)
		return -1;
	if ((efi != NULL) != (a->efi != NULL))
		return err_set(e, EINVAL, "firmware: %s", efi == NULL ?
		    "has no state" : "there is none");
	if (efi == NULL)
		return 0;
	if (efi_load(a->efi, efi, e) == -1 ||
	    json_get_obj(&fw_cfg, o, "fw_cfg", SIZE_MAX, e) == -1)
		return -1;
	return fw_cfg_load(a->fw_cfg, fw_cfg, e);
}

int
machine_arch_save(struct machine *m, json_t *o, struct err *e)
{
	struct machine_arch *a = m->arch;

	if (json_object_set_new(o, "clock", pl031_save(a->rtc)) == -1 ||
	    json_object_set_new(o, "gpio", pl061_save(a->gpio)) == -1 ||
	    (a->uart != NULL &&
	    json_object_set_new(o, "serial", pl011_save(a->uart)) == -1) ||
	    (a->stolen != NULL &&
	    json_object_set_new(o, "stolen", stolen_save(a->stolen)) == -1) ||
	    save_firmware(a, o) == -1)
		return err_set(e, ENOMEM, "state: out of memory");
	return 0;
}

int
machine_arch_load(struct machine *m, const json_t *o, struct err *e)
{
	struct machine_arch *a = m->arch;
	json_t *serial = NULL, *clock = NULL, *gpio = NULL;

	if (load_firmware(a, o, e) == -1 ||
	    (a->stolen != NULL && stolen_load(a->stolen, o, e) == -1))
		return -1;
	if (json_get_obj(&clock, o, "clock", SIZE_MAX, e) == -1 ||
	    pl031_load(a->rtc, clock, e) == -1)
		return -1;
	if (json_get_obj(&gpio, o, "gpio", SIZE_MAX, e) == -1 ||
	    pl061_load(a->gpio, gpio, e) == -1)
		return -1;
	if (json_get_obj(&serial, o, "serial", SIZE_MAX, e) == -1)
		return -1;
	if ((serial != NULL) != (a->uart != NULL))
		return err_set(e, EINVAL, "serial: %s", serial == NULL ?
		    "has no state" : "there is none");
	return serial == NULL ? 0 : pl011_load(a->uart, serial, e);
}
