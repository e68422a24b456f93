/* SPDX-License-Identifier: ISC */
/*
 * coredump.h - a VM as an ELF core file
 *
 * A segment for each piece of guest memory, virtual addresses being the
 * guest physical ones, and a note NT_PRSTATUS with the registers of each
 * vCPU, which are threads to gdb, from 1 on.  Pages of zeroes are holes.
 *
 * Source: System V ABI, chapters 4 and 5; Linux, the struct elf_prstatus of
 * x86-64 and arm64.
 */

#ifndef VMM_COREDUMP_H
#define VMM_COREDUMP_H

#include <stdbool.h>

#include "accel/accel_regs.h"
#include "lib/err.h"

struct machine;
struct memory;

struct coredump_cpus {
	bool			 arm64;		/* which of the two */
	unsigned		 n;
	union accel_regs	*regs;		/* of each */
};

/*
 * Write the file 'path', below dirfd (or AT_FDCWD) or absolute, of a machine
 * that is paused; whole or not at all.  Refused (EEXIST): it is there.
 */
int	coredump_save(struct machine *, int dirfd, const char *path,
	    struct err *);

/* The same of memory and registers, into an empty file. */
int	coredump_write(int fd, const struct memory *,
	    const struct coredump_cpus *, struct err *);

#endif
