/* SPDX-License-Identifier: ISC */
/*
 * elf.h - ELF kernels, for the loaders that have such
 *
 * Source: System V ABI, chapters 4 and 5.
 */

#ifndef VMM_ELF_H
#define VMM_ELF_H

#include <stdint.h>

#include "lib/err.h"

#define ELF_SEGMENTS_MAX	64

/* --- the file, of 64 bits and little-endian; fields have the ABI's names -- */

#define ELF_MAGIC	"\177ELF"
#define ELF_MAGIC_LEN	4
#define ELF_CLASS	4		/* in e_ident: */
#define ELF_CLASS_64	2
#define ELF_DATA	5
#define ELF_DATA_LITTLE	1
#define ELF_VERSION	1
#define ELF_CORE	4		/* e_type */
#define ELF_X86_64	62		/* e_machine */
#define ELF_AARCH64	183

struct elf_head {
	uint8_t		e_ident[16];
	uint16_t	e_type;
	uint16_t	e_machine;
	uint32_t	e_version;
	uint64_t	e_entry;
	uint64_t	e_phoff;
	uint64_t	e_shoff;
	uint32_t	e_flags;
	uint16_t	e_ehsize;
	uint16_t	e_phentsize;
	uint16_t	e_phnum;
	uint16_t	e_shentsize;
	uint16_t	e_shnum;
	uint16_t	e_shstrndx;
};
_Static_assert(sizeof(struct elf_head) == 64, "Elf64_Ehdr");

#define ELF_SEGMENT_LOAD	1	/* p_type */
#define ELF_SEGMENT_NOTE	4
#define ELF_SEGMENT_RWX		7	/* p_flags */

struct elf_segment {
	uint32_t	p_type;
	uint32_t	p_flags;
	uint64_t	p_offset;
	uint64_t	p_vaddr;
	uint64_t	p_paddr;
	uint64_t	p_filesz;
	uint64_t	p_memsz;
	uint64_t	p_align;
};
_Static_assert(sizeof(struct elf_segment) == 56, "Elf64_Phdr");

#define ELF_SECTION_SYMBOLS	2	/* sh_type */
#define ELF_SECTION_STRINGS	3
#define ELF_SECTION_ALLOC	2	/* sh_flags */

struct elf_section {
	uint32_t	sh_name;
	uint32_t	sh_type;
	uint64_t	sh_flags;
	uint64_t	sh_addr;
	uint64_t	sh_offset;
	uint64_t	sh_size;
	uint32_t	sh_link;
	uint32_t	sh_info;
	uint64_t	sh_addralign;
	uint64_t	sh_entsize;
};
_Static_assert(sizeof(struct elf_section) == 64, "Elf64_Shdr");

#define ELF_NOTE_PRSTATUS	1	/* n_type, of "CORE" */

struct elf_note {
	uint32_t	n_namesz;
	uint32_t	n_descsz;
	uint32_t	n_type;
};

/* --- a kernel ------------------------------------------------------------- */

struct load;

/* What the file says, checked where it is used. */
struct elf {
	const struct load	*load;
	struct elf_head		 head;
	struct elf_segment	 segment[ELF_SEGMENTS_MAX];
	unsigned		 nsegments;
	uint64_t		 end;	/* gpa behind the last segment */
};

/* Read the headers of load->kernel; -1: not a file of x86-64. */
int	elf_read(struct elf *ret, const struct load *, struct err *);

/*
 * Put what is to be loaded at its physical addresses, above LOADER_KERNEL,
 * and set 'end'.  What is behind the file's bytes is zero already.
 */
int	elf_load(struct elf *, struct err *);

#endif
