/* SPDX-License-Identifier: ISC */
/*
 * loader.h - put a kernel into guest memory and say how it is entered
 *
 * One loader a format: openbsd.c (ELF with a segment for random bytes), pvh.c
 * (ELF with a PVH note), bzimage.c.  The first whose probe accepts the file
 * loads it.  Files are not trusted: whatever is
 * in them, nothing outside the guest's memory is written.
 *
 * What every loader finds: memory of zeroes, but for the tables of firmware
 * from LOADER_FIRMWARE on.  What it may use below that is said here.
 */

#ifndef VMM_LOADER_H
#define VMM_LOADER_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stdint.h>

#include "accel/accel_x86.h"
#include "lib/err.h"

#define LOADER_CMDLINE_MAX	2048		/* bytes with the NUL */
#define LOADER_INITRD_MAX	(2ULL << 30)	/* bytes */
#define LOADER_HEAD		4096		/* bytes a probe looks at */

/* The first MiB; the first 4 KiB are left to the processor. */
#define LOADER_INFO		0x6000ULL	/* what a kernel is handed */
#define LOADER_CMDLINE		0x7000ULL
#define LOADER_TABLES		0x8000ULL	/* descriptors, page tables */
#define LOADER_STACK	0xf000ULL	/* a page, for who wants one */
#define LOADER_LOW_END		0x9fc00ULL	/* where low memory ends */
#define LOADER_FIRMWARE		0xe0000ULL	/* ACPI and MP tables */
#define LOADER_KERNEL		0x100000ULL	/* no kernel lies lower */

#define LOADER_RANGES_MAX	5

struct memory;

struct load {
	struct memory	*memory;
	int		 kernel;	/* descriptors; read by pread(2) */
	int		 initrd;	/* or -1 */
	const char	*cmdline;
	uint64_t	 rsdp;		/* gpa of the ACPI tables; 0: none */
	bool		 ecam;		/* there is PCI configuration space */
	bool		 serial;	/* there is COM1 */
	bool		 pit;		/* and an 8254 */
	const uint8_t	*head;		/* of the kernel; loader_load()'s */
	size_t		 head_len;
};

struct loader {
	const char	*name;
	/* head: the file's first bytes, zeroes where it ends. */
	bool		(*probe)(const uint8_t head[LOADER_HEAD]);
	/* Load, and fill the registers of the boot processor. */
	int		(*load)(const struct load *, struct x86_regs *ret,
			    struct err *);
};

/* Try each; -1 when none knows the file, or the one that does refuses it. */
int	loader_load(const struct load *, struct x86_regs *ret, struct err *);

extern const struct loader loader_openbsd;
extern const struct loader loader_pvh;
extern const struct loader loader_bzimage;

/* --- for loaders ---------------------------------------------------------- */

/* The memory map as e820 and PVH know it; the types' numbers are theirs. */
enum loader_type {
	LOADER_RAM	= 1,
	LOADER_RESERVED	= 2,
};

struct loader_range {
	uint64_t		addr;
	uint64_t		len;	/* bytes */
	enum loader_type	type;
};

/* Returns how many, by address. */
unsigned loader_map(const struct load *,
	    struct loader_range ret[LOADER_RANGES_MAX]);

/* Exactly len bytes of a file; one that ends before is refused. */
int	loader_read(int fd, void *to, uint64_t len, uint64_t offset,
	    struct err *);

/* The same into several places, one behind the other; iov is used up. */
int	loader_readv(int fd, struct iovec *iov, unsigned n, uint64_t offset,
	    struct err *);

/* The same of the kernel: what the probes have seen is not read again. */
int	loader_peek(const struct load *, void *to, uint64_t len,
	    uint64_t offset, struct err *);

/* The same into guest memory, which must be above LOADER_KERNEL. */
int	loader_read_to(const struct load *, int fd,
	    const struct loader_range *to, uint64_t offset, struct err *);

/*
 * Put the initrd as high as it may lie (its last byte at most at 'top'), and
 * not below 'kernel_end'.  Without one *ret is all zero.
 */
int	loader_initrd(const struct load *, uint64_t kernel_end, uint64_t top,
	    struct loader_range *ret, struct err *);

/* Put the command line at LOADER_CMDLINE; max: bytes, with the NUL. */
int	loader_cmdline(const struct load *, uint64_t max, struct err *);

/*
 * Registers with interrupts off and flat segments: code of 32 or 64 bits,
 * data, and a task segment, described by a table at LOADER_TABLES.
 */
int	loader_flat(const struct load *, bool wide, struct x86_regs *ret,
	    struct err *);

#endif
