/* SPDX-License-Identifier: ISC */
/* firmware.c - the image of a PC's BIOS; see firmware.h */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/firmware.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

#define PAGE		4096U
#define MIB		0x100000ULL

struct firmware {
	struct board	*board;
	uint8_t		*image;
	uint64_t	 len;		/* a multiple of PAGE */
	bool		 mapped;	/* the guest has it */
};

static int
show(struct firmware *f, uint64_t bytes, struct err *e)
{
	const struct accel_memory m = {
		.slot = MEMORY_SLOT_FIRMWARE, .gpa = MEMORY_HIGH - f->len,
		.bytes = bytes, .host = f->image, .readonly = true,
	};

	return f->board->accel->map(f->board->vm, &m, e);
}

static int
read_image(struct firmware *f, int fd, struct err *e)
{
	struct stat st;
	uint64_t len;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "firmware");
	if (!S_ISREG(st.st_mode) || st.st_size < FIRMWARE_MIN ||
	    st.st_size > FIRMWARE_MAX)
		return err_set(e, ENOEXEC, "firmware: not a file of %u to %u "
		    "KiB", FIRMWARE_MIN >> 10, FIRMWARE_MAX >> 10);
	len = (uint64_t)st.st_size;
	f->len = (len + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	f->image = mmap(NULL, f->len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->image == MAP_FAILED) {
		f->image = NULL;
		return err_sys(e, "firmware");
	}
	/* It ends where it must, and begins wherever that makes it begin. */
	if (loader_read(fd, f->image + (f->len - len), len, 0, e) == -1)
		return err_prefix(e, "firmware");
	return 0;
}

int
firmware_new(struct firmware **ret, struct board *board, int fd,
    struct err *e)
{
	OWN(firmware_destroy) struct firmware *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_sys(e, "firmware");
	f->board = board;
	if (read_image(f, fd, e) == -1 || show(f, f->len, e) == -1)
		return -1;
	f->mapped = true;
	*ret = take(&f);
	return 0;
}

void
firmware_destroy(struct firmware *f)
{
	if (f == NULL)
		return;
	if (f->mapped)
		(void)show(f, 0, NULL);
	if (f->image != NULL)
		(void)munmap(f->image, f->len);
	free(f);
}

int
firmware_shadow(const struct firmware *f, struct memory *memory,
    struct err *e)
{
	void *to = memory_at(memory, MIB - f->len, f->len);

	if (to == NULL)
		return err_set(e, ENOMEM, "no memory for the firmware");
	memcpy(to, f->image, f->len);
	return 0;
}

void
firmware_entry(struct x86_regs *ret)
{
	const struct x86_segment data = { .limit = 0xffff, .flags = 0x93 };
	struct x86_regs r = {
		.rip = 0xfff0, .rflags = 2, .cr0 = 0x60000010,
		.gdt = { .limit = 0xffff }, .idt = { .limit = 0xffff },
	};

	for (unsigned i = 0; i < X86_SEGS; i++)
		r.seg[i] = data;
	r.seg[X86_CS].base = 0xffff0000;
	r.seg[X86_CS].selector = 0xf000;
	r.seg[X86_CS].flags = 0x9b;
	r.seg[X86_LDTR].flags = 0x82;
	r.seg[X86_TR].flags = 0x8b;
	*ret = r;
}

uint64_t
firmware_tables(const struct memory *memory)
{
	return MIN(memory_bytes(memory), MEMORY_LOW_MAX) -
	    FIRMWARE_TABLES_LEN;
}

/* FNV-1a, 64 bits: draft-eastlake-fnv, section 2. */
uint64_t
firmware_sum(const struct firmware *f)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (uint64_t i = 0; i < f->len; i++)
		sum = (sum ^ f->image[i]) * 0x100000001b3;
	return sum;
}
