/* SPDX-License-Identifier: ISC */
/*
 * kernel_kit.h - the smallest files that are kernels
 *
 * For tests of loaders and of the machine.  A kernel is made in a memfd;
 * tests then spoil single fields of it.
 */

#ifndef KERNEL_KIT_H
#define KERNEL_KIT_H

#include <sys/mman.h>

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIT_ENTRY	0x100040U	/* of the PVH kernel */
#define KIT_CODE	"these are instructions"

/* An ELF file: header, two program headers, note, code. */
struct kit_pvh {
	Elf64_Ehdr	h;
	Elf64_Phdr	p[2];
	Elf64_Nhdr	n;
	char		owner[4];
	uint32_t	entry;
	char		code[sizeof(KIT_CODE)];
};

static inline struct kit_pvh
kit_pvh(void)
{
	struct kit_pvh k = {
		.h = { .e_machine = EM_X86_64, .e_phnum = 2,
		    .e_phentsize = sizeof(k.p[0]),
		    .e_phoff = offsetof(struct kit_pvh, p) },
		.p[0] = { .p_type = PT_NOTE,
		    .p_offset = offsetof(struct kit_pvh, n),
		    .p_filesz = sizeof(k.n) + 8 },
		.p[1] = { .p_type = PT_LOAD, .p_paddr = 0x100000,
		    .p_offset = offsetof(struct kit_pvh, code),
		    .p_filesz = sizeof(k.code), .p_memsz = 0x3000 },
		.n = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 },
		.owner = "Xen",
		.entry = KIT_ENTRY,
		.code = KIT_CODE,
	};

	memcpy(k.h.e_ident, ELFMAG, SELFMAG);
	k.h.e_ident[EI_CLASS] = ELFCLASS64;
	k.h.e_ident[EI_DATA] = ELFDATA2LSB;
	return k;
}

/* One sector of set-up code, and the kernel proper. */
struct kit_bzimage {
	uint8_t		b[3 * 512];
};

#define KIT_PREFERRED	0x1000000U	/* of the bzImage */

static inline void
kit_put(struct kit_bzimage *k, unsigned at, uint64_t value, unsigned len)
{
	memcpy(k->b + at, &value, len);
}

static inline struct kit_bzimage
kit_bzimage(void)
{
	struct kit_bzimage k = { { 0 } };

	kit_put(&k, 0x1f1, 1, 1);		/* sectors of set-up code */
	kit_put(&k, 0x1fe, 0xaa55, 2);
	kit_put(&k, 0x202, 0x53726448, 4);
	kit_put(&k, 0x206, 0x020f, 2);		/* protocol */
	kit_put(&k, 0x211, 1, 1);		/* loaded high */
	kit_put(&k, 0x22c, 0x7fffffff, 4);	/* initrd's last byte */
	kit_put(&k, 0x236, 1, 2);		/* 64-bit entry */
	kit_put(&k, 0x238, 2047, 4);		/* command line */
	kit_put(&k, 0x258, KIT_PREFERRED, 8);
	kit_put(&k, 0x260, 0x200000, 4);	/* memory to unpack itself */
	memcpy(k.b + 1024, KIT_CODE, sizeof(KIT_CODE));
	return k;
}

static inline int
kit_file(const void *bytes, size_t len)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	if (fd == -1 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	return fd;
}

#endif
