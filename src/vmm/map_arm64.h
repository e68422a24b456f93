/* SPDX-License-Identifier: ISC */
/*
 * map_arm64.h - the address map of the arm64 board
 *
 *	0x00000000    firmware, where there is some, to read
 *	0x04000000    flash with its variables
 *	0x08000000    GIC: distributor
 *	0x08020000    GIC: frame for messages, where there is no service
 *	0x08080000    GIC: interrupt translation service (messages)
 *	0x080a0000    GIC: redistributors, 128 KiB a processor
 *	0x09000000    serial port (PL011)
 *	0x09010000    clock (PL031)
 *	0x09020000    fw_cfg, with firmware
 *	0x09030000    power button (PL061)
 *	0x090a0000    stolen time, a page, where the host tells it
 *	0x0c000000    GIC: redistributors, where there is a frame: the host
 *		      takes 32 MiB for them, however few there are
 *	0x10000000    windows of PCI devices
 *	0x3eff0000    I/O ports of PCI devices, of which there are none
 *	0x3f000000    PCI configuration space (ECAM), one bus
 *	0x40000000    memory, up to 1023 GiB
 *
 * Where QEMU's "virt" machine has the same device it has it there too: that
 * map is known to be one that every system takes.
 */

#ifndef VMM_MAP_ARM64_H
#define VMM_MAP_ARM64_H

#define ARM64_CODE		0x00000000ULL
#define ARM64_VARIABLES		0x04000000ULL
#define ARM64_GICD		0x08000000ULL
#define ARM64_GICD_LEN		0x10000ULL
#define ARM64_FRAME		0x08020000ULL
#define ARM64_FRAME_LEN		0x10000ULL
#define ARM64_ITS		0x08080000ULL
#define ARM64_ITS_LEN		0x20000ULL
#define ARM64_GICR		0x080a0000ULL
#define ARM64_GICR_LEN		0x20000ULL	/* a processor's */
#define ARM64_GICR_FRAME	0x0c000000ULL
#define ARM64_UART		0x09000000ULL
#define ARM64_RTC		0x09010000ULL
#define ARM64_FW_CFG		0x09020000ULL
#define ARM64_GPIO		0x09030000ULL
#define ARM64_STOLEN		0x090a0000ULL
#define ARM64_DEVICE_LEN	0x1000ULL	/* of each of these three */
#define ARM64_PCI		0x10000000ULL
#define ARM64_PCI_END		0x3eff0000ULL
#define ARM64_PCI_IO		0x3eff0000ULL
#define ARM64_PCI_IO_LEN	0x10000ULL
#define ARM64_ECAM		0x3f000000ULL
#define ARM64_RAM		0x40000000ULL
#define ARM64_RAM_MAX		((1ULL << 40) - ARM64_RAM)	/* bytes */

/* GSIs; number n is the GIC's shared peripheral interrupt n. */
#define ARM64_GSI_UART		1
#define ARM64_GSI_RTC		2
#define ARM64_GSI_GPIO		3
#define ARM64_GSI_PCI		4		/* and 3 more */

/* Interrupt ids that messages to the frame become. */
#define ARM64_MSI_FIRST		64
#define ARM64_MSI_COUNT		448

#endif
