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

/*
 * An OpenBSD kernel: text, data with random bytes and a BSS of odd length,
 * and seven sections, of which four are for its debugger.
 */
#define KIT_BSD_TEXT	0x1000000U
#define KIT_BSD_DATA	0x1001000U
#define KIT_BSD_RANDOM	0x1001010U
#define KIT_BSD_END	0x1003005U
#define KIT_BSD_LINKED	0xffffffff80000000ULL
#define KIT_BSD_SECTIONS 7

struct kit_openbsd {
	Elf64_Ehdr	h;
	Elf64_Phdr	p[3];
	Elf64_Shdr	s[KIT_BSD_SECTIONS];
	char		data[64];
	Elf64_Sym	symbols[2];
	char		strings[13];
	char		names[64];
	char		ctf[5];
	char		comment[8];
	char		code[4096];
};

#define KIT_BSD_AT(member)	offsetof(struct kit_openbsd, member), \
	sizeof(((struct kit_openbsd *)0)->member)

static inline void
kit_section(Elf64_Shdr *s, unsigned name, unsigned type, size_t offset,
    size_t size)
{
	s->sh_name = name;
	s->sh_type = type;
	s->sh_offset = offset;
	s->sh_size = size;
}

static inline void
kit_segment(Elf64_Phdr *p, unsigned type, uint32_t at, size_t offset,
    size_t size)
{
	p->p_type = type;
	p->p_paddr = at;
	p->p_vaddr = KIT_BSD_LINKED + at;
	p->p_offset = offset;
	p->p_filesz = p->p_memsz = size;
}

static inline struct kit_openbsd
kit_openbsd(void)
{
	struct kit_openbsd k = {
		.h = { .e_machine = EM_X86_64, .e_phnum = 3,
		    .e_phentsize = sizeof(k.p[0]),
		    .e_phoff = offsetof(struct kit_openbsd, p),
		    .e_shnum = KIT_BSD_SECTIONS,
		    .e_shentsize = sizeof(k.s[0]), .e_shstrndx = 4,
		    .e_shoff = offsetof(struct kit_openbsd, s),
		    .e_entry = KIT_BSD_LINKED + KIT_BSD_TEXT },
		.data = "data", .strings = "\0_start\0_end",
		.symbols[1] = { .st_name = 1, .st_value = 0x5eed },
		.names = "\0.symtab\0.strtab\0.SUNW_ctf\0.comment",
		.ctf = "types", .comment = "by hand",
		.code = KIT_CODE,
	};

	memcpy(k.h.e_ident, ELFMAG, SELFMAG);
	k.h.e_ident[EI_CLASS] = ELFCLASS64;
	k.h.e_ident[EI_DATA] = ELFDATA2LSB;
	kit_segment(&k.p[0], PT_LOAD, KIT_BSD_TEXT, KIT_BSD_AT(code));
	kit_segment(&k.p[1], PT_LOAD, KIT_BSD_DATA, KIT_BSD_AT(data));
	k.p[1].p_memsz = KIT_BSD_END - KIT_BSD_DATA;
	kit_segment(&k.p[2], 0x65a3dbe6, KIT_BSD_RANDOM, 0, 32);
	kit_section(&k.s[1], 0, SHT_PROGBITS, KIT_BSD_AT(code));
	kit_section(&k.s[2], 1, SHT_SYMTAB, KIT_BSD_AT(symbols));
	kit_section(&k.s[3], 9, SHT_STRTAB, KIT_BSD_AT(strings));
	kit_section(&k.s[4], 9, SHT_STRTAB, KIT_BSD_AT(names));
	kit_section(&k.s[5], 17, SHT_PROGBITS, KIT_BSD_AT(ctf));
	kit_section(&k.s[6], 27, SHT_PROGBITS, KIT_BSD_AT(comment));
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
