/* SPDX-License-Identifier: ISC */
/*
 * gdb_regs.h - a processor's registers as gdb numbers them
 *
 * The target description tells gdb the same table.
 *
 * Source: gdb manual, appendices E.1 (packets) and G (target descriptions).
 */

#ifndef VMM_GDB_REGS_H
#define VMM_GDB_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/accel_regs.h"
#include "lib/buf.h"

struct gdb_reg {
	const char	*name;
	const char	*type;
	uint8_t		 bytes;		/* as gdb has it */
	uint8_t		 ours;		/* bytes of it; 0: unavailable */
	size_t		 offset;	/* in union accel_regs */
};

/* A row of registers; gdb knows most by name. */
struct gdb_feature {
	const char		*name;
	const struct gdb_reg	*regs;
	size_t			 n;
};

struct gdb_arch {
	const char			*name;
	const struct gdb_feature	*features;
	size_t				 nfeatures;
	size_t				 pc;	/* offset of 8 bytes */
	bool				 reads;	/* it stops at reads alone */
};

extern const struct gdb_arch gdb_arm64;
extern const struct gdb_arch gdb_x86;

/* The program counter. */
uint64_t gdb_regs_pc(const struct gdb_arch *, const union accel_regs *);

/* All registers as hexadecimal digits, 'x' for what is unavailable. */
int	gdb_regs_put(struct buf *, const struct gdb_arch *,
	    const union accel_regs *);
/* The other way; unavailable ones are skipped.  -1: wrong digits, length. */
int	gdb_regs_get(union accel_regs *, const struct gdb_arch *,
	    const char *hex);

/* One of them; -1: there is none of that number, or it cannot be set. */
int	gdb_reg_put(struct buf *, const struct gdb_arch *,
	    const union accel_regs *, uint64_t n);
int	gdb_reg_get(union accel_regs *, const struct gdb_arch *, uint64_t n,
	    const char *hex);

/* The target description, XML. */
int	gdb_regs_describe(struct buf *, const struct gdb_arch *);

/* A digit's value, or -1. */
int	gdb_digit(char);

#endif
