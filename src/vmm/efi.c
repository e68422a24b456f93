/* SPDX-License-Identifier: ISC */
/*
 * efi.c - UEFI firmware of an arm64 machine; see efi.h
 *
 * Images are as large as the flash, and filled up with zeroes: what is zero
 * takes no memory.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/pflash.h"
#include "vmm/efi.h"
#include "vmm/loader.h"
#include "vmm/map_arm64.h"
#include "vmm/memory.h"

#define PAGE	4096U
#define CHUNK	(64U << 10)

struct efi {
	struct board	*board;
	uint8_t		*code;
	uint64_t	 bytes;		/* of it, a multiple of PAGE */
	uint64_t	 used;		/* zeroes from here on */
	bool		 mapped;	/* the guest has it */
	struct pflash	*variables;
};

static int
show(struct efi *f, uint64_t bytes, struct err *e)
{
	const struct accel_memory m = {
		.slot = MEMORY_SLOT_FIRMWARE, .gpa = ARM64_CODE,
		.bytes = bytes, .host = f->code, .readonly = true,
	};

	return f->board->accel->map(f->board->vm, &m, e);
}

/* --- the image ----------------------------------------------------------- */

static bool
is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static int
read_code(struct efi *f, int fd, uint64_t len, struct err *e)
{
	uint8_t chunk[CHUNK];
	uint64_t n;

	for (uint64_t at = 0; at < len; at += n) {
		n = MIN(len - at, sizeof(chunk));
		if (loader_read(fd, chunk, n, at, e) == -1)
			return -1;
		if (is_zero(chunk, n))
			continue;
		memcpy(f->code + at, chunk, n);
		f->used = at + n;
	}
	return 0;
}

static int
make_code(struct efi *f, int fd, struct err *e)
{
	struct stat st;
	uint64_t len;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "firmware");
	len = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode) || len < EFI_CODE_MIN || len > EFI_CODE_MAX)
		return err_set(e, ENOEXEC, "firmware: not a file of %u KiB to "
		    "%llu MiB", EFI_CODE_MIN >> 10, EFI_CODE_MAX >> 20);
	f->bytes = (len + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	f->code = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->code == MAP_FAILED) {
		f->code = NULL;
		return err_sys(e, "firmware");
	}
	if (read_code(f, fd, len, e) == -1)
		return err_prefix(e, "firmware");
	if (show(f, f->bytes, e) == -1)
		return -1;
	f->mapped = true;
	return 0;
}

/* A number that another image does not have, but by chance: FNV-1a. */
static uint64_t
sum(const struct efi *f)
{
	uint64_t h = 0xcbf29ce484222325;

	for (uint64_t i = 0; i < f->used; i++)
		h = (h ^ f->code[i]) * 0x100000001b3;
	return h;
}

/* --- life ---------------------------------------------------------------- */

int
efi_new(struct efi **ret, const struct efi_setup *s, struct err *e)
{
	OWN(efi_destroy) struct efi *f = calloc(1, sizeof(*f));
	const struct pflash_setup variables = {
		.board = s->board, .addr = ARM64_VARIABLES,
		.slot = MEMORY_SLOT_VARIABLES, .fd = s->variables,
		.bytes = EFI_VARIABLES,
	};

	if (f == NULL)
		return err_sys(e, "firmware");
	f->board = s->board;
	if (make_code(f, s->code, e) == -1 ||
	    pflash_new(&f->variables, &variables, e) == -1)
		return -1;
	*ret = take(&f);
	return 0;
}

void
efi_destroy(struct efi *f)
{
	if (f == NULL)
		return;
	pflash_destroy(f->variables);
	if (f->mapped)
		(void)show(f, 0, NULL);
	if (f->code != NULL)
		(void)munmap(f->code, f->bytes);
	free(f);
}

uint64_t
efi_variables_bytes(const struct efi *f)
{
	return pflash_bytes(f->variables);
}

void
efi_reset(struct efi *f)
{
	pflash_reset(f->variables);
}

/* --- state --------------------------------------------------------------- */

json_t *
efi_save(const struct efi *f)
{
	json_t *flash = pflash_save(f->variables);

	return flash == NULL ? NULL : json_pack("{s:I,s:o}", "image",
	    (json_int_t)sum(f), "variables", flash);
}

int
efi_load(struct efi *f, const json_t *o, struct err *e)
{
	json_t *flash = NULL;

	if (json_integer_value(json_object_get(o, "image")) !=
	    (json_int_t)sum(f))
		return err_set(e, EINVAL, "firmware: the snapshot's is another "
		    "image than this");
	if (json_get_obj(&flash, o, "variables", SIZE_MAX, e) == -1 ||
	    pflash_load(f->variables, flash, e) == -1)
		return err_prefix(e, "firmware");
	return 0;
}
