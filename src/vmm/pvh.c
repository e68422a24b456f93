/* SPDX-License-Identifier: ISC */
/*
 * pvh.c - ELF kernels with a PVH entry
 *
 * An ELF file of 64 bits whose note XEN_ELFNOTE_PHYS32_ENTRY names the
 * physical address where it is entered, in protected mode without paging,
 * %ebx pointing to a struct hvm_start_info.  Linux (vmlinux), FreeBSD and
 * unikernels are such: no decompression, no firmware.
 *
 * Source: Xen, docs/misc/pvh.pandoc and
 * xen/include/public/arch-x86/hvm/start_info.h.
 */

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/elf.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

#define NOTES_MAX	65536U		/* bytes of notes that are read */
#define NOTE_ENTRY	18		/* XEN_ELFNOTE_PHYS32_ENTRY */
#define START_MAGIC	0x336ec578U

/* At LOADER_INFO, one behind the other; little-endian as the host. */
struct start_info {
	uint32_t	magic;
	uint32_t	version;	/* 1: there is a memory map */
	uint32_t	flags;
	uint32_t	nmodules;
	uint64_t	modules;	/* gpa */
	uint64_t	cmdline;	/* gpa */
	uint64_t	rsdp;		/* gpa, or 0 */
	uint64_t	memmap;		/* gpa */
	uint32_t	memmap_entries;
	uint32_t	reserved;
};

struct start_module {
	uint64_t	addr;
	uint64_t	bytes;
	uint64_t	cmdline;
	uint64_t	reserved;
};

struct start_range {
	uint64_t	addr;
	uint64_t	bytes;
	uint32_t	type;
	uint32_t	reserved;
};

struct boot_page {
	struct start_info	info;
	struct start_module	module;
	struct start_range	map[LOADER_RANGES_MAX];
};

static bool
pvh_probe(const uint8_t head[LOADER_HEAD])
{
	return memcmp(head, ELF_MAGIC, ELF_MAGIC_LEN) == 0;
}

/* Look for the entry in one note segment. */
static int
read_notes(const struct elf *k, const struct elf_segment *p, uint64_t *entry,
    struct err *e)
{
	static const char owner[] = "Xen";
	uint8_t notes[NOTES_MAX];
	uint64_t len = MIN(p->p_filesz, NOTES_MAX), at = 0, name, desc;
	struct elf_note h;

	if (loader_read(k->load->kernel, notes, len, p->p_offset, e) == -1)
		return -1;
	while (len - at >= sizeof(h)) {
		memcpy(&h, notes + at, sizeof(h));
		name = at + sizeof(h);
		desc = name + (((uint64_t)h.n_namesz + 3) & ~3ULL);
		at = desc + (((uint64_t)h.n_descsz + 3) & ~3ULL);
		if (at > len)
			return 0;
		if (h.n_type == NOTE_ENTRY && h.n_namesz == sizeof(owner) &&
		    memcmp(notes + name, owner, sizeof(owner)) == 0 &&
		    (h.n_descsz == 4 || h.n_descsz == 8))
			memcpy(entry, notes + desc, h.n_descsz);
	}
	return 0;
}

static int
find_entry(const struct elf *k, uint64_t *ret, struct err *e)
{
	uint64_t entry = 0;

	for (unsigned i = 0; i < k->nsegments && entry == 0; i++)
		if (k->segment[i].p_type == ELF_SEGMENT_NOTE &&
		    read_notes(k, &k->segment[i], &entry, e) == -1)
			return -1;
	if (entry == 0)
		return err_set(e, ENOEXEC, "has no PVH entry "
		    "(Linux: CONFIG_PVH)");
	if (entry > UINT32_MAX)
		return err_set(e, ENOEXEC, "its entry is above 4 GiB");
	*ret = entry;
	return 0;
}

/* The page the kernel is handed. */
static int
write_info(const struct load *load, const struct loader_range *initrd,
    struct err *e)
{
	struct boot_page page = { .info = {
		.magic = START_MAGIC,
		.version = 1,
		.cmdline = LOADER_CMDLINE,
		.rsdp = load->rsdp,
		.memmap = LOADER_INFO + offsetof(struct boot_page, map),
	} };
	struct loader_range map[LOADER_RANGES_MAX];
	void *at = memory_at(load->memory, LOADER_INFO, sizeof(page));

	if (at == NULL)
		return err_set(e, ENOMEM, "no memory for the start info");
	page.info.memmap_entries = loader_map(load, map);
	for (unsigned i = 0; i < page.info.memmap_entries; i++) {
		page.map[i].addr = map[i].addr;
		page.map[i].bytes = map[i].len;
		page.map[i].type = map[i].type;
	}
	if (initrd->len > 0) {
		page.info.nmodules = 1;
		page.info.modules = LOADER_INFO +
		    offsetof(struct boot_page, module);
		page.module.addr = initrd->addr;
		page.module.bytes = initrd->len;
	}
	memcpy(at, &page, sizeof(page));
	return 0;
}

static int
pvh_load(const struct load *load, struct x86_regs *ret, struct err *e)
{
	struct loader_range initrd;
	struct x86_regs r;
	uint64_t entry = 0;
	struct elf k;

	if (elf_read(&k, load, e) == -1 || find_entry(&k, &entry, e) == -1 ||
	    elf_load(&k, e) == -1)
		return err_prefix(e, "kernel");
	if (loader_initrd(load, k.end, UINT32_MAX, &initrd, e) == -1 ||
	    loader_cmdline(load, LOADER_CMDLINE_MAX, e) == -1 ||
	    write_info(load, &initrd, e) == -1 ||
	    loader_flat(load, false, &r, e) == -1)
		return -1;
	r.rip = entry;
	r.gpr[X86_RBX] = LOADER_INFO;
	*ret = r;
	return 0;
}

const struct loader loader_pvh = {
	.name	= "pvh",
	.probe	= pvh_probe,
	.load	= pvh_load,
};
