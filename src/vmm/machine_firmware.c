/* SPDX-License-Identifier: ISC */
/*
 * machine_firmware.c - what firmware is told of a machine; see
 * machine_private.h
 *
 * In files of fw_cfg: where memory is, what to boot from, the program that
 * does it for network cards, and where the ACPI tables are.  These stay where
 * they are; the firmware is told to copy their root to where guests look for
 * it.
 *
 * Source: SeaBIOS, docs/Runtime_config.md, src/optionroms.c; PCI Firmware
 * Specification 3.2, section 5.1 (images); QEMU, docs/specs/fw_cfg.rst,
 * hw/acpi/bios-linker-loader.c (the commands); ACPI 6.5, section 15 (types
 * of memory).
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/acpi.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/uart.h"
#include "vmm/firmware.h"
#include "vmm/loader.h"
#include "vmm/machine_private.h"
#include "vmm/memory.h"
#include "vmm/pci.h"

#define RSDP_FILE	"etc/acpi/rsdp"
#define ORDER_LEN_MAX	2048		/* bytes of the boot order */

/* --- memory --------------------------------------------------------------- */

struct e820 {
	uint64_t	addr;
	uint64_t	bytes;
	uint32_t	type;
} __attribute__((packed));

int
machine_firmware_map(struct machine *m, struct fw_cfg *f, bool firmware,
    struct err *e)
{
	const struct load load = { .memory = m->memory,
	    .ecam = m->board.pci != NULL };
	struct loader_range map[LOADER_RANGES_MAX];
	struct e820 e820[LOADER_RANGES_MAX + 1];
	uint64_t tables = firmware_tables(m->memory);
	unsigned n = loader_map(&load, map);

	for (unsigned i = 0; i < n; i++)
		e820[i] = (struct e820){ map[i].addr,
		    map[i].len, map[i].type };
	for (unsigned i = 0; i < n && firmware; i++)
		if (map[i].addr == LOADER_KERNEL)
			e820[i].bytes = tables - LOADER_KERNEL;
	if (firmware)
		e820[n++] = (struct e820){ tables,
		    FIRMWARE_TABLES_LEN, LOADER_RESERVED };
	return fw_cfg_add(f, "etc/e820", e820, n * sizeof(e820[0]), e);
}

/* --- what to boot from ---------------------------------------------------- */

struct order {
	char	text[ORDER_LEN_MAX];
	size_t	len;
	bool	full;
};

__attribute__((format(printf, 2, 3)))
static void
put(struct order *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->text + o->len, sizeof(o->text) - o->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(o->text) - o->len)
		o->full = true;
	else
		o->len += (size_t)n;
}

/* Kinds of devices, in the order in which they are tried. */
static const struct {
	enum vm_boot	 boot;
	unsigned	 id;		/* VIRTIO_ID_ */
	const char	*name, *unit;	/* Open Firmware's path, but the slot */
} kinds[] = {
	{ VM_BOOT_DISK, VIRTIO_ID_BLOCK, "scsi", "disk@0,0" },
	{ VM_BOOT_CDROM, VIRTIO_ID_SCSI, "scsi", "channel@0/disk@0,0" },
	{ VM_BOOT_NET, VIRTIO_ID_NET, "ethernet", "ethernet-phy@0" },
};

int
machine_firmware_order(struct machine *m, struct fw_cfg *f,
    enum vm_boot boot, bool halt, struct err *e)
{
	struct order o = { .len = 0 };

	for (size_t k = 0; k < COUNT(kinds); k++)
		for (unsigned i = 0; i < m->ndevices; i++)
			if ((boot == VM_BOOT_ANY || boot == kinds[k].boot) &&
			    m->device[i]->class->id == kinds[k].id)
				put(&o, "%s/pci@i0cf8/%s@%x/%s",
				    o.len == 0 ? "" : "\n", kinds[k].name,
				    pci_slot(m->device[i]->pci),
				    kinds[k].unit);
	if (halt)
		put(&o, "%sHALT", o.len == 0 ? "" : "\n");
	if (o.full)
		return err_set(e, ENOSPC, "boot: too many devices");
	/* With the NUL, which it is read up to. */
	return fw_cfg_add(f, "bootorder", o.text, o.len + 1, e);
}

/* --- boot from a network -------------------------------------------------- */

/* In place of a ROM of the cards', whose identification its name has. */
#define ROM_BLOCK	512U

static int
add_net_rom(struct machine *m, struct fw_cfg *f, struct err *e)
{
	uint8_t image[UINT8_MAX * ROM_BLOCK];
	const char *name = m->board.transitional ? "pci1af4,1000.rom" :
	    "pci1af4,1041.rom";
	size_t len;

	if (loader_read(m->files.initrd, image, ROM_BLOCK, 0, e) == -1)
		return err_prefix(e, FIRMWARE_NET);
	len = image[2] * ROM_BLOCK;
	if (image[0] != 0x55 || image[1] != 0xaa || len == 0)
		return err_set(e, ENOEXEC, FIRMWARE_NET ": no image of a ROM");
	if (loader_read(m->files.initrd, image, len, 0, e) == -1)
		return err_prefix(e, FIRMWARE_NET);
	return fw_cfg_add(f, name, image, len, e);
}

/* --- the tables ----------------------------------------------------------- */

#define LOADER_ALLOCATE		1	/* commands and zones */
#define LOADER_ZONE_FSEG	2
#define LOADER_FILE_LEN		56

struct command {
	uint32_t	what;
	char		file[LOADER_FILE_LEN];
	uint32_t	align;
	uint8_t		zone;
	uint8_t		unused[63];
} __attribute__((packed));
_Static_assert(sizeof(struct command) == 128, "a linker's command");

static int
add_tables(struct machine *m, struct fw_cfg *f, struct err *e)
{
	const struct command place = {
		.what = LOADER_ALLOCATE,
		.file = RSDP_FILE,
		.align = 16,
		.zone = LOADER_ZONE_FSEG,
	};
	uint8_t rsdp[ACPI_RSDP_LEN];

	acpi_rsdp(firmware_tables(m->memory), rsdp);
	if (fw_cfg_add(f, RSDP_FILE, rsdp, sizeof(rsdp), e) == -1)
		return -1;
	return fw_cfg_add(f, "etc/table-loader", &place, sizeof(place), e);
}

int
machine_firmware_files(struct machine *m, struct fw_cfg *f, enum vm_boot boot,
    bool serial, struct err *e)
{
	const uint16_t port = UART_PORT;

	/* There is no screen: its text goes to the serial port. */
	if (serial &&
	    fw_cfg_add(f, "etc/sercon-port", &port, sizeof(port), e) == -1)
		return -1;
	if (machine_firmware_order(m, f, boot, boot != VM_BOOT_ANY,
	    e) == -1 ||
	    (boot == VM_BOOT_NET && add_net_rom(m, f, e) == -1))
		return -1;
	return add_tables(m, f, e);
}
