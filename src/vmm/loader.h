/* SPDX-License-Identifier: ISC */
/*
 * loader.h - put a kernel into guest memory and say how it is entered
 *
 * One loader a format: pvh.c (ELF with a PVH note), bzimage.c.  The first
 * whose probe accepts the file loads it.  Files are not trusted: whatever is
 * in them, nothing outside the guest's memory is written.
 */

#ifndef VMM_LOADER_H
#define VMM_LOADER_H

#include <stdint.h>

#include "accel/accel_x86.h"
#include "lib/err.h"

#define LOADER_CMDLINE_MAX	2048		/* bytes with the NUL */
#define LOADER_INITRD_MAX	(2ULL << 30)	/* bytes */

struct memory;

struct load {
	struct memory	*memory;
	int		 kernel;	/* descriptors; read by pread(2) */
	int		 initrd;	/* or -1 */
	const char	*cmdline;
	uint64_t	 rsdp;		/* gpa of the ACPI tables; 0: none */
};

struct loader {
	const char	*name;
	/* head: the first 4096 bytes of the file, zeroes where it ends. */
	bool		(*probe)(const uint8_t head[4096]);
	/* Load, and fill the registers of the boot processor. */
	int		(*load)(const struct load *, struct x86_regs *ret,
			    struct err *);
};

/* Try each; -1 when none knows the file, or the one that does refuses it. */
int	loader_load(const struct load *, struct x86_regs *ret, struct err *);

extern const struct loader loader_pvh;
extern const struct loader loader_bzimage;

#endif
