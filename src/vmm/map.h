/* SPDX-License-Identifier: ISC */
/*
 * map.h - where a board's memory and PCI bus are, for what every board has
 *
 * Each machine_ARCH.c has a map_ARCH.c, and only one of them is linked.
 */

#ifndef VMM_MAP_H
#define VMM_MAP_H

#include <stdint.h>

#define MAP_LINES	4	/* interrupt lines that PCI slots share */

/* Guest physical addresses, and bytes. */
struct map {
	uint64_t	low;		/* memory begins, in one piece up to */
	uint64_t	low_max;	/* so many bytes; what is more begins */
	uint64_t	high;		/* here */
	uint64_t	max;		/* bytes there can be in all */
	uint64_t	pci, pci_end;	/* 32-bit windows of PCI devices */
	uint64_t	pci64, pci64_end;	/* 64-bit ones; equal: none */
	uint64_t	ecam;		/* MEMORY_ECAM_LEN of them */
	uint8_t		line[MAP_LINES];	/* GSIs */
};

extern const struct map map;

#endif
