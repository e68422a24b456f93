/* SPDX-License-Identifier: ISC */
/*
 * coredump.h - a VM as an ELF core file
 *
 * A segment for each piece of guest memory, virtual addresses being the
 * guest physical ones, and a note NT_PRSTATUS with the registers of each
 * vCPU, which are threads to gdb, from 1 on.  Pages of zeroes are holes.
 *
 * Source: System V ABI, chapters 4 and 5; Linux, the struct elf_prstatus of
 * x86-64.
 */

#ifndef VMM_COREDUMP_H
#define VMM_COREDUMP_H

#include "lib/err.h"

struct machine;
struct memory;
struct x86_regs;

/*
 * Write the file 'path', below dirfd (or AT_FDCWD) or absolute, of a machine
 * that is paused; whole or not at all.  Refused (EEXIST): it is there.
 */
int	coredump_save(struct machine *, int dirfd, const char *path,
	    struct err *);

/* The same of memory and n sets of registers, into an empty file. */
int	coredump_write(int fd, const struct memory *, const struct x86_regs *,
	    unsigned n, struct err *);

#endif
