/* SPDX-License-Identifier: ISC */
/*
 * fw_cfg.h - named files for firmware and kernels, as QEMU has them
 *
 * A guest selects an item by number and reads it byte by byte, or has it
 * copied into its memory.  Nothing can be written.
 */

#ifndef VMM_DEV_FW_CFG_H
#define VMM_DEV_FW_CFG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define FW_CFG_PORT		0x510
#define FW_CFG_MMIO_LEN		0x18ULL
#define FW_CFG_FILES_MAX	16
#define FW_CFG_NAME_MAX		55		/* bytes without the NUL */
#define FW_CFG_BYTES_MAX	(1U << 20)	/* of one file */

/* Numbers of 16 bits, which are no files; 0 unless they are set. */
enum fw_cfg_number {
	FW_CFG_NO_SCREEN	= 0x04,	/* 1: there is none */
	FW_CFG_CPUS		= 0x05,	/* that answer when all are started */
	FW_CFG_MENU		= 0x0e,	/* 1: wait as long as a file says */
	FW_CFG_CPUS_MAX		= 0x0f,
};

struct board;
struct fw_cfg;

/* At its ports; or, for boards that have none, at an address. */
int	fw_cfg_new(struct fw_cfg **ret, struct board *, struct err *);
int	fw_cfg_new_mmio(struct fw_cfg **ret, struct board *, uint64_t addr,
	    struct err *);
void	fw_cfg_destroy(struct fw_cfg *);
OWN_DEFINE(struct fw_cfg, fw_cfg_destroy);

/*
 * Add a file; name and bytes are copied.  Before the guest runs: a directory
 * does not change under its reader.
 */
int	fw_cfg_add(struct fw_cfg *, const char *name, const void *,
	    size_t len, struct err *);

/* Board locked, or before the guest runs. */
void	fw_cfg_set(struct fw_cfg *, enum fw_cfg_number, uint16_t);

/* As after power on. */
void	fw_cfg_reset(struct fw_cfg *);

/* The caller owns the state; NULL: out of memory. */
json_t	*fw_cfg_save(const struct fw_cfg *);
int	 fw_cfg_load(struct fw_cfg *, const json_t *, struct err *);

#endif
