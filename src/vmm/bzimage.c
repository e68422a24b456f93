/* SPDX-License-Identifier: ISC */
/*
 * bzimage.c - Linux kernels as distributions install them
 *
 * A bzImage is entered at its 64-bit entry point where it has one (protocol
 * 2.12, Linux 3.8), else at the 32-bit one, with a "zero page" that says
 * what there is.  The real mode code in it, and the BIOS it would call, are
 * passed over.
 *
 * Source: Linux, Documentation/arch/x86/boot.rst and zero-page.rst.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

#define SECTOR			512U
#define SIGNATURE		0xaa55
#define MAGIC			0x53726448U	/* "HdrS" */
#define VERSION_MIN		0x0202		/* a command line by address */
#define VERSION_INITRD_MAX	0x0203
#define VERSION_CMDLINE_SIZE	0x0206
#define VERSION_PREFERENCE	0x020a
#define VERSION_64		0x020c
#define LOADED_HIGH		0x01
#define XLF_KERNEL_64		0x01
#define LOADER_UNKNOWN		0xff		/* who loaded it */
#define OLD_INITRD_MAX		0x37ffffffU
#define OLD_CMDLINE_SIZE	255
#define ENTRY_64		0x200		/* behind the 32-bit one */

/* Of the processor: SDM volume 3, chapters 2 and 4. */
#define CR0_PE			0x00000001U
#define CR0_PG			0x80000000U
#define CR4_PAE			0x20
#define EFER_LME		0x100
#define EFER_LMA		0x400
#define PTE_TABLE		0x03		/* present, writable */
#define PTE_PAGE		0x83		/* and of 2 MiB */
#define TABLE_PAGES		6		/* pml4, pdpt, 4 GiB */

#define packed			__attribute__((packed))

/* From 0x1f1 on, in the file and in the zero page. */
struct setup {
	uint8_t		setup_sects;
	uint16_t	root_flags;
	uint32_t	syssize;
	uint16_t	ram_size, vid_mode, root_dev, boot_flag;
	uint16_t	jump;			/* 0x200 */
	uint32_t	header;
	uint16_t	version;
	uint32_t	realmode_switch;
	uint16_t	start_sys_seg, kernel_version;
	uint8_t		type_of_loader;
	uint8_t		loadflags;
	uint16_t	setup_move_size;
	uint32_t	code32_start;
	uint32_t	ramdisk_image;
	uint32_t	ramdisk_size;
	uint32_t	bootsect_kludge;
	uint16_t	heap_end_ptr;
	uint8_t		ext_loader_ver, ext_loader_type;
	uint32_t	cmd_line_ptr;
	uint32_t	initrd_addr_max;
	uint32_t	kernel_alignment;
	uint8_t		relocatable_kernel, min_alignment;
	uint16_t	xloadflags;
	uint32_t	cmdline_size;
	uint32_t	hardware_subarch;
	uint64_t	hardware_subarch_data;
	uint32_t	payload_offset, payload_length;
	uint64_t	setup_data;
	uint64_t	pref_address;
	uint32_t	init_size;
	uint32_t	handover_offset;
} packed;

struct e820 {
	uint64_t	addr;
	uint64_t	bytes;
	uint32_t	type;
} packed;

#define E820_MAX	128

struct zero_page {
	uint8_t		before_rsdp[0x70];
	uint64_t	rsdp;
	uint8_t		before_e820[0x1e8 - 0x78];
	uint8_t		e820_entries;
	uint8_t		before_setup[0x1f1 - 0x1e9];
	struct setup	setup;
	uint8_t		before_map[0x2d0 - 0x1f1 - sizeof(struct setup)];
	struct e820	e820[E820_MAX];
	uint8_t		end[4096 - 0x2d0 - E820_MAX * sizeof(struct e820)];
} packed;
_Static_assert(sizeof(struct zero_page) == 4096, "zero page");
_Static_assert(offsetof(struct setup, jump) == 0x200 - 0x1f1, "setup");
_Static_assert(offsetof(struct setup, init_size) == 0x260 - 0x1f1, "setup");

/* What the file says, in the words of this program. */
struct image {
	struct setup	setup;
	uint64_t	offset;		/* of the kernel proper in the file */
	uint64_t	addr;		/* where it goes */
	uint64_t	bytes;
	uint64_t	end;		/* of the memory it needs to begin */
	uint64_t	initrd_top;
	uint64_t	cmdline_max;	/* with the NUL */
	bool		wide;		/* 64-bit entry */
};

static bool
bzimage_probe(const uint8_t head[LOADER_HEAD])
{
	struct setup s;

	memcpy(&s, head + 0x1f1, sizeof(s));
	return s.boot_flag == SIGNATURE && s.header == MAGIC;
}

/* Where it goes and what it needs; older protocols say less. */
static void
read_wishes(struct image *im)
{
	const struct setup *s = &im->setup;
	uint64_t need = im->bytes;

	im->addr = LOADER_KERNEL;
	im->initrd_top = OLD_INITRD_MAX;
	im->cmdline_max = OLD_CMDLINE_SIZE + 1;
	if (s->version >= VERSION_INITRD_MAX)
		im->initrd_top = s->initrd_addr_max;
	if (s->version >= VERSION_CMDLINE_SIZE)
		im->cmdline_max = (uint64_t)s->cmdline_size + 1;
	if (s->version >= VERSION_PREFERENCE) {
		im->addr = s->pref_address;
		need = MAX(need, s->init_size);
	}
	im->wide = s->version >= VERSION_64 &&
	    (s->xloadflags & XLF_KERNEL_64) != 0;
	im->end = im->addr + need;
}

static int
read_setup(struct image *im, const struct load *load, struct err *e)
{
	struct stat st;
	unsigned sectors;

	if (fstat(load->kernel, &st) == -1)
		return err_sys(e, "stat");
	if (loader_peek(load, &im->setup, sizeof(im->setup), 0x1f1, e) == -1)
		return -1;
	if (im->setup.version < VERSION_MIN ||
	    (im->setup.loadflags & LOADED_HIGH) == 0)
		return err_set(e, ENOEXEC, "a kernel of boot protocol %u.%u "
		    "that is not loaded high is too old",
		    im->setup.version >> 8, im->setup.version & 0xffU);
	sectors = im->setup.setup_sects == 0 ? 4 : im->setup.setup_sects;
	im->offset = (sectors + 1) * SECTOR;
	if ((uint64_t)st.st_size <= im->offset)
		return err_set(e, ENOEXEC, "the file ends too early");
	im->bytes = (uint64_t)st.st_size - im->offset;
	read_wishes(im);
	return 0;
}

static int
load_kernel(const struct load *load, const struct image *im, struct err *e)
{
	struct loader_range to = { .addr = im->addr, .len = im->bytes };

	/* It is entered, and unpacks itself, below 4 GiB. */
	if (im->addr < LOADER_KERNEL || im->end < im->addr ||
	    im->end > MEMORY_LOW_MAX ||
	    memory_at(load->memory, im->addr, im->end - im->addr) == NULL)
		return err_set(e, ENOMEM, "it needs %llu bytes at 0x%llx, "
		    "which %llu MiB of memory have not",
		    (unsigned long long)(im->end - im->addr),
		    (unsigned long long)im->addr,
		    (unsigned long long)(memory_bytes(load->memory) >> 20));
	return loader_read_to(load, load->kernel, &to, im->offset, e);
}

static int
write_zero_page(const struct load *load, const struct image *im,
    const struct loader_range *initrd, struct err *e)
{
	struct loader_range map[LOADER_RANGES_MAX];
	struct zero_page z = { .rsdp = load->rsdp, .setup = im->setup };
	void *at = memory_at(load->memory, LOADER_INFO, sizeof(z));

	if (at == NULL)
		return err_set(e, ENOMEM, "no memory for the zero page");
	z.e820_entries = (uint8_t)loader_map(load, map);
	for (unsigned i = 0; i < z.e820_entries; i++)
		z.e820[i] = (struct e820){ map[i].addr, map[i].len,
		    map[i].type };
	z.setup.type_of_loader = LOADER_UNKNOWN;
	z.setup.cmd_line_ptr = LOADER_CMDLINE;
	z.setup.ramdisk_image = (uint32_t)initrd->addr;
	z.setup.ramdisk_size = (uint32_t)initrd->len;
	z.setup.code32_start = (uint32_t)im->addr;
	z.setup.setup_data = 0;
	memcpy(at, &z, sizeof(z));
	return 0;
}

/* The first 4 GiB mapped to themselves, in pages of 2 MiB. */
static int
write_page_tables(const struct load *load, struct x86_regs *r, struct err *e)
{
	uint64_t base = LOADER_TABLES + 4096;
	uint64_t *t = memory_at(load->memory, base, TABLE_PAGES * 4096);

	if (t == NULL)
		return err_set(e, ENOMEM, "no memory for page tables");
	t[0] = (base + 4096) | PTE_TABLE;
	for (uint64_t i = 0; i < 4; i++)
		t[512 + i] = (base + (2 + i) * 4096) | PTE_TABLE;
	for (uint64_t i = 0; i < 4ULL * 512; i++)
		t[2ULL * 512 + i] = i << 21 | PTE_PAGE;
	r->cr3 = base;
	r->cr4 = CR4_PAE;
	r->cr0 = CR0_PE | CR0_PG;
	r->efer = EFER_LME | EFER_LMA;
	return 0;
}

static int
bzimage_load(const struct load *load, struct x86_regs *ret, struct err *e)
{
	struct image im = { 0 };
	struct loader_range initrd;
	struct x86_regs r;

	if (read_setup(&im, load, e) == -1 ||
	    load_kernel(load, &im, e) == -1)
		return err_prefix(e, "kernel");
	if (loader_initrd(load, im.end, im.initrd_top, &initrd, e) == -1 ||
	    loader_cmdline(load, im.cmdline_max, e) == -1 ||
	    write_zero_page(load, &im, &initrd, e) == -1 ||
	    loader_flat(load, im.wide, &r, e) == -1)
		return -1;
	if (im.wide && write_page_tables(load, &r, e) == -1)
		return -1;
	r.rip = im.addr + (im.wide ? ENTRY_64 : 0);
	r.gpr[X86_RSI] = LOADER_INFO;
	*ret = r;
	return 0;
}

const struct loader loader_bzimage = {
	.name	= "bzimage",
	.probe	= bzimage_probe,
	.load	= bzimage_load,
};
