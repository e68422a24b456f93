/* SPDX-License-Identifier: ISC */
/*
 * elf.h - ELF kernels, for the loaders that have such
 *
 * Source: System V ABI, chapters 4 and 5.
 */

#ifndef VMM_ELF_H
#define VMM_ELF_H

#include <elf.h>
#include <stdint.h>

#include "lib/err.h"

#define ELF_SEGMENTS_MAX	64

struct load;

/* What the file says, checked where it is used. */
struct elf {
	const struct load	*load;
	Elf64_Ehdr		 head;
	Elf64_Phdr		 segment[ELF_SEGMENTS_MAX];
	unsigned		 nsegments;
	uint64_t		 end;	/* gpa behind the last segment */
};

/* Read the headers of load->kernel; -1: not a file of x86-64. */
int	elf_read(struct elf *ret, const struct load *, struct err *);

/*
 * Put what is to be loaded at its physical addresses, above LOADER_KERNEL,
 * and set 'end'.  What is behind the file's bytes is zero already.
 */
int	elf_load(struct elf *, struct err *);

#endif
