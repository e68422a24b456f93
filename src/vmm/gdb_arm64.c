/* SPDX-License-Identifier: ISC */
/*
 * gdb_arm64.c - arm64's registers as gdb numbers them; see gdb_regs.h
 *
 * Source: gdb manual, appendix G.5.1 (AArch64 features).
 */

#include "lib/util.h"
#include "vmm/gdb_regs.h"

#define FIELD(name, field, type)					\
	{ name, type, 8, 8, offsetof(struct arm64_regs, field) }
#define X(n)	FIELD("x" #n, x[n], "int")

static const struct gdb_reg core[] = {
	X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10),
	X(11), X(12), X(13), X(14), X(15), X(16), X(17), X(18), X(19), X(20),
	X(21), X(22), X(23), X(24), X(25), X(26), X(27), X(28), X(29), X(30),
	FIELD("sp", sp, "data_ptr"), FIELD("pc", pc, "code_ptr"),
	{ "cpsr", "int", 4, 4, offsetof(struct arm64_regs, pstate) },
};

static const struct gdb_feature features[] = {
	{ "org.gnu.gdb.aarch64.core", core, COUNT(core) },
};

const struct gdb_arch gdb_arm64 = {
	.name		= "aarch64",
	.features	= features,
	.nfeatures	= COUNT(features),
	.pc		= offsetof(struct arm64_regs, pc),
	.reads		= true,
};
