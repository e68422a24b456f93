/* SPDX-License-Identifier: ISC */
/* elf.c - ELF kernels; see elf.h */

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/elf.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

int
elf_read(struct elf *k, const struct load *load, struct err *e)
{
	const Elf64_Ehdr *h = &k->head;

	memset(k, 0, sizeof(*k));
	k->load = load;
	if (loader_read(load->kernel, &k->head, sizeof(k->head), 0, e) == -1)
		return -1;
	if (h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		return err_set(e, ENOEXEC, "not an ELF file of x86-64");
	if (h->e_phentsize != sizeof(k->segment[0]) || h->e_phnum == 0 ||
	    h->e_phnum > ELF_SEGMENTS_MAX)
		return err_set(e, ENOEXEC, "%u segments of %u bytes each: "
		    "1 to %d are possible", h->e_phnum, h->e_phentsize,
		    ELF_SEGMENTS_MAX);
	k->nsegments = h->e_phnum;
	return loader_read(load->kernel, k->segment,
	    h->e_phnum * sizeof(k->segment[0]), h->e_phoff, e);
}

static int
load_segment(struct elf *k, unsigned i, struct err *e)
{
	const Elf64_Phdr *p = &k->segment[i];
	const struct loader_range to = { .addr = p->p_paddr,
	    .len = p->p_filesz };

	if (p->p_filesz > p->p_memsz)
		return err_set(e, ENOEXEC, "segment %u is larger in the file "
		    "than in memory", i);
	if (p->p_paddr < LOADER_KERNEL ||
	    memory_at(k->load->memory, p->p_paddr, p->p_memsz) == NULL)
		return err_set(e, ENOMEM, "segment %u: %llu bytes at 0x%llx "
		    "do not fit into %llu MiB of memory", i,
		    (unsigned long long)p->p_memsz,
		    (unsigned long long)p->p_paddr, (unsigned long long)
		    (memory_bytes(k->load->memory) >> 20));
	if (loader_read_to(k->load, k->load->kernel, &to, p->p_offset,
	    e) == -1)
		return -1;
	k->end = MAX(k->end, p->p_paddr + p->p_memsz);
	return 0;
}

int
elf_load(struct elf *k, struct err *e)
{
	for (unsigned i = 0; i < k->nsegments; i++)
		if (k->segment[i].p_type == PT_LOAD &&
		    k->segment[i].p_memsz != 0 && load_segment(k, i, e) == -1)
			return -1;
	if (k->end == 0)
		return err_set(e, ENOEXEC, "nothing in it is to be loaded");
	return 0;
}
