/* SPDX-License-Identifier: ISC */
/*
 * firmware.h - the image of a PC's BIOS, and where it is
 *
 * Its last byte is the last below 4 GiB, and can only be read.  It is below
 * 1 MiB a second time, as the chipset of a PC would show it there, in memory
 * of the guest: what it keeps in its own segment it can write at once.  It
 * begins where a processor does, in real mode, 16 bytes before the end.
 *
 * SeaBIOS as it is packaged for QEMU is such an image; what it asks the
 * board for is in machine_firmware.c.
 */

#ifndef VMM_FIRMWARE_H
#define VMM_FIRMWARE_H

#include <stdint.h>

#include "accel/accel_x86.h"
#include "lib/err.h"
#include "lib/own.h"

#define FIRMWARE_MIN		4096U		/* bytes of an image */
#define FIRMWARE_MAX		(256U << 10)

/* What boots from virtio network cards: iPXE, as it is packaged for QEMU. */
#define FIRMWARE_NET	"/usr/lib/ipxe/qemu/pxe-virtio.rom"

/* The ACPI tables are at the end of memory below 4 GiB, so many bytes. */
#define FIRMWARE_TABLES_LEN	0x10000ULL

struct board;
struct firmware;
struct memory;

/*
 * Read an image from its file, and give it to the VM.  Refused: a size that
 * cannot be.
 */
int	firmware_new(struct firmware **ret, struct board *, int fd,
	    struct err *);
void	firmware_destroy(struct firmware *);
OWN_DEFINE(struct firmware, firmware_destroy);

/* Put it below 1 MiB, into memory of zeroes. */
int	firmware_shadow(const struct firmware *, struct memory *,
	    struct err *);

/* The boot processor after power on: Intel SDM volume 3, table 10-1. */
void	firmware_entry(struct x86_regs *ret);

/* Where the ACPI tables are. */
uint64_t firmware_tables(const struct memory *);

/* A number that another image does not have, but by chance. */
uint64_t firmware_sum(const struct firmware *);

#endif
