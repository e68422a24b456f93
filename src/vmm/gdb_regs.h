/* SPDX-License-Identifier: ISC */
/*
 * gdb_regs.h - x86-64's registers as gdb numbers them
 *
 * The target description tells gdb the same table.  Registers that a
 * debugger of kernels does without (x87) are there, but unavailable.
 *
 * Source: gdb manual, appendices E.1 (packets) and G.5.15 (i386 features).
 */

#ifndef VMM_GDB_REGS_H
#define VMM_GDB_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct x86_regs;

/* All registers as hexadecimal digits, 'x' for what is unavailable. */
int	gdb_regs_put(struct buf *, const struct x86_regs *);
/* The other way; unavailable ones are skipped.  -1: wrong digits, length. */
int	gdb_regs_get(struct x86_regs *, const char *hex);

/* One of them; -1: there is none of that number, or it cannot be set. */
int	gdb_reg_put(struct buf *, const struct x86_regs *, uint64_t n);
int	gdb_reg_get(struct x86_regs *, uint64_t n, const char *hex);

/* The target description, XML. */
int	gdb_regs_describe(struct buf *);

/* A digit's value, or -1. */
int	gdb_digit(char);

#endif
