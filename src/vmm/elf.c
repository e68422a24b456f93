/* SPDX-License-Identifier: ISC */
/* elf.c - ELF kernels; see elf.h */

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/elf.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

#define GAP_MAX	4096	/* bytes between segments that are read too */

/* Segments that follow each other in the file: one system call. */
struct run {
	struct iovec	 iov[2 * ELF_SEGMENTS_MAX];
	unsigned	 n;
	uint64_t	 from, end;	/* in the file */
	uint8_t		 gap[GAP_MAX];	/* what nobody wants */
};

int
elf_read(struct elf *k, const struct load *load, struct err *e)
{
	const struct elf_head *h = &k->head;

	memset(k, 0, sizeof(*k));
	k->load = load;
	if (loader_peek(load, &k->head, sizeof(k->head), 0, e) == -1)
		return -1;
	if (h->e_ident[ELF_CLASS] != ELF_CLASS_64 ||
	    h->e_ident[ELF_DATA] != ELF_DATA_LITTLE ||
	    h->e_machine != ELF_X86_64)
		return err_set(e, ENOEXEC, "not an ELF file of x86-64");
	if (h->e_phentsize != sizeof(k->segment[0]) || h->e_phnum == 0 ||
	    h->e_phnum > ELF_SEGMENTS_MAX)
		return err_set(e, ENOEXEC, "%u segments of %u bytes each: "
		    "1 to %d are possible", h->e_phnum, h->e_phentsize,
		    ELF_SEGMENTS_MAX);
	k->nsegments = h->e_phnum;
	return loader_peek(load, k->segment,
	    h->e_phnum * sizeof(k->segment[0]), h->e_phoff, e);
}

static int
run_end(struct run *r, int fd, struct err *e)
{
	unsigned n = r->n;

	r->n = 0;
	return loader_readv(fd, r->iov, n, r->from, e);
}

static int
run_add(struct run *r, int fd, const struct iovec *to, uint64_t offset,
    struct err *e)
{
	if (r->n > 0 && (offset < r->end || offset - r->end > GAP_MAX) &&
	    run_end(r, fd, e) == -1)
		return -1;
	if (r->n == 0)
		r->from = r->end = offset;
	if (offset > r->end)
		r->iov[r->n++] = (struct iovec){ r->gap, offset - r->end };
	r->iov[r->n++] = *to;
	r->end = offset + to->iov_len;
	return 0;
}

static int
load_segment(struct elf *k, struct run *r, unsigned i, struct err *e)
{
	const struct elf_segment *p = &k->segment[i];
	struct iovec to = { .iov_len = p->p_filesz };

	if (p->p_filesz > p->p_memsz)
		return err_set(e, ENOEXEC, "segment %u is larger in the file "
		    "than in memory", i);
	to.iov_base = memory_at(k->load->memory, p->p_paddr, p->p_memsz);
	if (p->p_paddr < LOADER_KERNEL || to.iov_base == NULL)
		return err_set(e, ENOMEM, "segment %u: %llu bytes at 0x%llx "
		    "do not fit into %llu MiB of memory", i,
		    (unsigned long long)p->p_memsz,
		    (unsigned long long)p->p_paddr, (unsigned long long)
		    (memory_bytes(k->load->memory) >> 20));
	k->end = MAX(k->end, p->p_paddr + p->p_memsz);
	if (p->p_filesz == 0)
		return 0;
	memory_want(k->load->memory, p->p_paddr, p->p_filesz);
	return run_add(r, k->load->kernel, &to, p->p_offset, e);
}

int
elf_load(struct elf *k, struct err *e)
{
	struct run r = { .n = 0 };

	for (unsigned i = 0; i < k->nsegments; i++)
		if (k->segment[i].p_type == ELF_SEGMENT_LOAD &&
		    k->segment[i].p_memsz != 0 &&
		    load_segment(k, &r, i, e) == -1)
			return -1;
	if (k->end == 0)
		return err_set(e, ENOEXEC, "nothing in it is to be loaded");
	return run_end(&r, k->load->kernel, e);
}
