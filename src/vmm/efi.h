/* SPDX-License-Identifier: ISC */
/*
 * efi.h - UEFI firmware of an arm64 machine: two pieces of flash
 *
 * The first is the firmware itself, to read and execute; the second keeps its
 * variables, in a file.  It begins at its first byte, in EL1, and is told of
 * the board by the device tree where memory begins.
 *
 * EDK II as it is packaged for QEMU's "virt" machine is such a firmware
 * (QEMU_EFI.fd, AAVMF_CODE.fd).
 */

#ifndef VMM_EFI_H
#define VMM_EFI_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define EFI_CODE_MAX	(64ULL << 20)	/* bytes, as of the variables */
#define EFI_CODE_MIN	4096U

/* Variables of a new file: what EDK II uses, three blocks. */
#define EFI_VARIABLES	(768ULL << 10)

struct board;
struct efi;

struct efi_setup {
	struct board	*board;
	int		 code;		/* its file, read here */
	int		 variables;	/* or -1: gone with the VM */
};

/* Descriptors stay the caller's.  Refused: sizes that cannot be. */
int	efi_new(struct efi **ret, const struct efi_setup *, struct err *);
void	efi_destroy(struct efi *);
OWN_DEFINE(struct efi, efi_destroy);

uint64_t efi_variables_bytes(const struct efi *);

/* As after power on; the board is locked. */
void	efi_reset(struct efi *);

/*
 * Which image it is, and what its flash is doing.  The caller owns the state;
 * NULL: out of memory.  Refused: another image's.
 */
json_t	*efi_save(const struct efi *);
int	 efi_load(struct efi *, const json_t *, struct err *);

#endif
