/* SPDX-License-Identifier: ISC */
/*
 * openbsd.c - OpenBSD kernels
 *
 * An ELF file of 64 bits with a segment for random bytes.  It is entered in
 * protected mode, as boot(8) does it: the arguments are on the stack, one of
 * them the address of a list that says what memory and console there are,
 * and its own symbols lie behind it.
 *
 * The command line is what is typed behind "boot" there: flags such as -s.
 *
 * Source: OpenBSD 7.3, sys/stand/boot/boot.c and libsa/loadfile_elf.c (what
 * is loaded), sys/arch/amd64/include/biosvar.h (the list), locore0.S and
 * machdep.c (who reads it); boot(8).
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/elf.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

#define PT_OPENBSD_RANDOMIZE	0x65a3dbe6U
#define RANDOM_MAX		(1U << 20)	/* bytes of such a segment */
#define SECTIONS_MAX		512
#define NAMES_MAX		(1U << 20)	/* bytes of sections' names */

/* A kernel is linked at this, and more, above its place in memory. */
#define ADDRESS_BITS		0x0fffffffULL
#define TOP			(ADDRESS_BITS + 1)

#define STACK_TOP		(LOADER_STACK + 0x1000)
#define LOW_KB			(LOADER_LOW_END >> 10)

/* reboot(2), and what the boot loader knows besides. */
enum {
	RB_ASKNAME	= 0x0001,
	RB_SINGLE	= 0x0002,
	RB_KDB		= 0x0040,
	RB_CONFIG	= 0x0400,
	RB_GOODRANDOM	= 0x10000,
};

#define BOOTDEV_SD0A	0xa0000004U
#define BOOT_API	0x0e	/* a list, with a map of memory in it */

/* The list: a head, then what the type says; sizes are of both. */
struct bootarg {
	uint32_t	type;
	uint32_t	size;
	uint32_t	next;	/* the loader's own */
};

enum {
	BOOTARG_MEMMAP	= 0,
	BOOTARG_CONSDEV	= 5,
	BOOTARG_BOOTDUID = 9,
};
#define BOOTARG_END	UINT32_MAX

#define DUID_LEN	8
#define packed		__attribute__((packed))

struct bios_range {
	uint64_t	addr;
	uint64_t	bytes;
	uint32_t	type;		/* 0: the last, no range */
} packed;

struct console {
	uint32_t	device;
	int32_t		speed;
	uint64_t	addr;
	int32_t		frequency;	/* 0: that of a PC */
	uint32_t	flags;
	int32_t		reg_width, reg_shift;
} packed;

#define COM0		0x800U		/* major 8: com(4) */
#define COM0_PORT	0x3f8
#define COM0_SPEED	115200

/* At LOADER_INFO; less than a page, which the kernel has for it. */
struct arguments {
	struct bootarg		memory;
	struct bios_range	map[LOADER_RANGES_MAX + 1];
	struct bootarg		console_head;
	struct console		console;
	struct bootarg		duid_head;	/* or the end */
	uint8_t			duid[DUID_LEN];
	struct bootarg		end;
} packed;
_Static_assert(sizeof(struct arguments) < 4096, "boot arguments");

/* What the command line says. */
struct wishes {
	uint32_t	howto;
	bool		have_duid;
	uint8_t		duid[DUID_LEN];
};

static bool
openbsd_probe(const uint8_t head[LOADER_HEAD])
{
	struct elf_head h;
	struct elf_segment p;

	memcpy(&h, head, sizeof(h));
	if (memcmp(h.e_ident, ELF_MAGIC, ELF_MAGIC_LEN) != 0 ||
	    h.e_ident[ELF_CLASS] != ELF_CLASS_64)
		return false;
	for (unsigned i = 0; i < h.e_phnum && i < ELF_SEGMENTS_MAX; i++) {
		if (h.e_phoff > LOADER_HEAD - (i + 1) * sizeof(p))
			return false;
		memcpy(&p, head + h.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_OPENBSD_RANDOMIZE)
			return true;
	}
	return false;
}

/* --- the command line ----------------------------------------------------- */

static int
take_flags(struct wishes *w, const char *letters, struct err *e)
{
	static const struct {
		char		letter;
		uint32_t	howto;
	} flags[] = {
		{ 'a', RB_ASKNAME }, { 'c', RB_CONFIG }, { 'd', RB_KDB },
		{ 's', RB_SINGLE },
	};
	unsigned i;

	for (; *letters != '\0'; letters++) {
		for (i = 0; i < COUNT(flags); i++)
			if (flags[i].letter == *letters)
				break;
		if (i == COUNT(flags))
			return err_set(e, EINVAL, "command line: \"-%c\": an "
			    "OpenBSD kernel takes -a, -c, -d and -s",
			    *letters);
		w->howto |= flags[i].howto;
	}
	return 0;
}

static int
take_duid(struct wishes *w, const char *text, struct err *e)
{
	for (unsigned i = 0; i < DUID_LEN; i++)
		if (!isxdigit((unsigned char)text[2 * i]) ||
		    !isxdigit((unsigned char)text[2 * i + 1]) ||
		    sscanf(text + 2 * i, "%2hhx", &w->duid[i]) != 1)
			return err_set(e, EINVAL, "command line: \"duid=%s\": "
			    "want %d hexadecimal digits", text, 2 * DUID_LEN);
	if (text[2 * DUID_LEN] != '\0')
		return err_set(e, EINVAL, "command line: \"duid=%s\": more "
		    "than %d hexadecimal digits", text, 2 * DUID_LEN);
	w->have_duid = true;
	return 0;
}

static int
take_word(struct wishes *w, const char *word, struct err *e)
{
	if (word[0] == '-' && word[1] != '\0')
		return take_flags(w, word + 1, e);
	if (strncmp(word, "duid=", 5) == 0)
		return take_duid(w, word + 5, e);
	/* The only one there is, by two names. */
	if (strcmp(word, "console=ttyS0") == 0 ||
	    strcmp(word, "console=com0") == 0)
		return 0;
	return err_set(e, EINVAL, "command line: \"%s\": an OpenBSD kernel "
	    "takes flags such as -s, duid=, console=com0", word);
}

static int
take_cmdline(struct wishes *w, const struct load *load, struct err *e)
{
	char copy[LOADER_CMDLINE_MAX], *rest = copy, *word;

	if (snprintf(copy, sizeof(copy), "%s", load->cmdline) >=
	    (int)sizeof(copy))
		return err_set(e, E2BIG, "command line: more than %zu bytes",
		    sizeof(copy) - 1);
	while ((word = strsep(&rest, " \t")) != NULL)
		if (*word != '\0' && take_word(w, word, e) == -1)
			return -1;
	return 0;
}

/* --- symbols -------------------------------------------------------------- */

/* Where they are in the file, and where in memory. */
struct symbols {
	struct elf_section	section[SECTIONS_MAX];
	unsigned	n;
	char		names[NAMES_MAX + 1];
};

static uint64_t
round8(uint64_t n)
{
	return (n + 7) & ~7ULL;
}

/* The name of a section; "" where it has none that can be. */
static const char *
name_of(const struct symbols *s, unsigned i)
{
	return s->section[i].sh_name < NAMES_MAX ?
	    s->names + s->section[i].sh_name : "";
}

static int
read_sections(struct symbols *s, const struct elf *k, struct err *e)
{
	const struct elf_head *h = &k->head;
	const struct elf_section *names;

	if (h->e_shnum == 0)
		return 0;
	if (h->e_shnum > SECTIONS_MAX ||
	    h->e_shentsize != sizeof(s->section[0]))
		return err_set(e, ENOEXEC, "%u sections of %u bytes each: at "
		    "most %d are possible", h->e_shnum, h->e_shentsize,
		    SECTIONS_MAX);
	s->n = h->e_shnum;
	if (loader_read(k->load->kernel, s->section, s->n *
	    sizeof(s->section[0]), h->e_shoff, e) == -1)
		return -1;
	if (h->e_shstrndx >= s->n)
		return 0;
	names = &s->section[h->e_shstrndx];
	if (names->sh_size > NAMES_MAX)
		return err_set(e, ENOEXEC, "more than %u bytes of names of "
		    "sections", NAMES_MAX);
	return loader_read(k->load->kernel, s->names, names->sh_size,
	    names->sh_offset, e);
}

/* What a debugger in the kernel reads. */
static bool
is_wanted(const struct symbols *s, unsigned i)
{
	return s->section[i].sh_type == ELF_SECTION_SYMBOLS ||
	    s->section[i].sh_type == ELF_SECTION_STRINGS ||
	    strcmp(name_of(s, i), ".debug_line") == 0 ||
	    strcmp(name_of(s, i), ".SUNW_ctf") == 0;
}

static bool
has_symbols(const struct symbols *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->section[i].sh_type == ELF_SECTION_SYMBOLS)
			return true;
	return false;
}

/* The headers, which say where the kernel finds the rest, counted from them. */
static int
write_headers(const struct symbols *s, const struct elf *k, uint64_t at,
    struct err *e)
{
	uint64_t bytes = s->n * sizeof(s->section[0]);
	struct elf_head h = k->head;
	uint8_t *to = memory_at(k->load->memory, at, sizeof(h) + bytes);

	if (to == NULL)
		return err_set(e, ENOMEM, "its symbols do not fit into %llu "
		    "MiB of memory", (unsigned long long)
		    (memory_bytes(k->load->memory) >> 20));
	h.e_phoff = 0;
	h.e_phentsize = h.e_phnum = 0;
	h.e_shoff = sizeof(h);
	memcpy(to, &h, sizeof(h));
	memcpy(to + sizeof(h), s->section, bytes);
	return 0;
}

/* Behind the kernel; *end: where they end, 0 without any. */
static int
load_symbols(struct symbols *s, const struct elf *k, uint64_t *end,
    struct err *e)
{
	uint64_t base = round8(k->end), at;
	struct loader_range to;

	*end = 0;
	if (read_sections(s, k, e) == -1)
		return -1;
	if (!has_symbols(s))
		return 0;
	at = base + sizeof(k->head) + s->n * sizeof(s->section[0]);
	for (unsigned i = 0; i < s->n; i++) {
		if (!is_wanted(s, i))
			continue;
		to = (struct loader_range){ .addr = at,
		    .len = s->section[i].sh_size };
		if (loader_read_to(k->load, k->load->kernel, &to,
		    s->section[i].sh_offset, e) == -1)
			return err_prefix(e, "symbols");
		s->section[i].sh_offset = at - base;
		s->section[i].sh_flags |= ELF_SECTION_ALLOC;
		at += round8(to.len);
	}
	*end = at;
	return write_headers(s, k, base, e);
}

/* --- what the kernel is handed -------------------------------------------- */

static int
fill_random(const struct elf *k, struct err *e)
{
	const struct elf_segment *p;
	void *at;

	for (unsigned i = 0; i < k->nsegments; i++) {
		p = &k->segment[i];
		if (p->p_type != PT_OPENBSD_RANDOMIZE)
			continue;
		at = memory_at(k->load->memory, p->p_paddr, p->p_filesz);
		if (p->p_paddr < LOADER_KERNEL || at == NULL ||
		    p->p_filesz > RANDOM_MAX)
			return err_set(e, ENOEXEC, "%llu random bytes at "
			    "0x%llx cannot be",
			    (unsigned long long)p->p_filesz,
			    (unsigned long long)p->p_paddr);
		os_random(at, p->p_filesz);
	}
	return 0;
}

static struct bootarg
bootarg(uint32_t type, size_t bytes)
{
	return (struct bootarg){ .type = type,
	    .size = (uint32_t)(sizeof(struct bootarg) + bytes) };
}

/* *len: bytes of the list. */
static int
write_arguments(const struct load *load, const struct wishes *w,
    uint32_t *len, struct err *e)
{
	struct loader_range map[LOADER_RANGES_MAX];
	struct arguments a = {
		.memory = bootarg(BOOTARG_MEMMAP, sizeof(a.map)),
		.console_head = bootarg(BOOTARG_CONSDEV, sizeof(a.console)),
		.console = { .device = COM0, .speed = COM0_SPEED,
		    .addr = COM0_PORT },
		.duid_head = bootarg(BOOTARG_END, 0),
	};
	void *at = memory_at(load->memory, LOADER_INFO, sizeof(a));
	unsigned n = loader_map(load, map);

	if (at == NULL)
		return err_set(e, ENOMEM, "no memory for boot arguments");
	/* Unused places of the map, behind the ranges, are its end. */
	for (unsigned i = 0; i < n; i++)
		a.map[i] = (struct bios_range){ map[i].addr, map[i].len,
		    map[i].type };
	*len = offsetof(struct arguments, duid);
	if (w->have_duid) {
		a.duid_head = bootarg(BOOTARG_BOOTDUID, DUID_LEN);
		memcpy(a.duid, w->duid, DUID_LEN);
		a.end = bootarg(BOOTARG_END, 0);
		*len = sizeof(a);
	}
	memcpy(at, &a, sizeof(a));
	return 0;
}

static int
write_stack(const struct load *load, const struct wishes *w, uint64_t end,
    uint32_t len, struct x86_regs *r, struct err *e)
{
	const uint32_t stack[] = {
		0,			/* nowhere to return to */
		w->howto | RB_GOODRANDOM,
		BOOTDEV_SD0A,
		BOOT_API,
		(uint32_t)end,		/* behind the symbols, or 0 */
		0,			/* memory above 1 MiB: see the map */
		LOW_KB,
		len,
		LOADER_INFO,
	};
	uint64_t at = STACK_TOP - sizeof(stack);
	void *to = memory_at(load->memory, at, sizeof(stack));

	if (to == NULL)
		return err_set(e, ENOMEM, "no memory for a stack");
	memcpy(to, stack, sizeof(stack));
	r->gpr[X86_RSP] = at;
	return 0;
}

static int
load_kernel(struct elf *k, uint64_t *end, struct err *e)
{
	own_mem struct symbols *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_sys(e, "symbols");
	if (elf_load(k, e) == -1 || fill_random(k, e) == -1 ||
	    load_symbols(s, k, end, e) == -1)
		return -1;
	if (MAX(k->end, *end) > TOP)
		return err_set(e, ENOEXEC, "it goes beyond %llu MiB",
		    (unsigned long long)(TOP >> 20));
	return 0;
}

static int
openbsd_load(const struct load *load, struct x86_regs *ret, struct err *e)
{
	struct wishes w = { .howto = 0 };
	uint64_t end = 0;
	struct x86_regs r;
	uint32_t len = 0;
	struct elf k;

	if (load->initrd != -1)
		return err_set(e, EINVAL, "initramfs: an OpenBSD kernel takes "
		    "none");
	if (!load->serial)
		return err_set(e, EINVAL, "serial: the console of an OpenBSD "
		    "kernel is the serial port, and there is none");
	if (!load->pit)
		return err_set(e, EINVAL, "irqchip: an OpenBSD kernel waits "
		    "for the timer that only \"kernel\" has");
	if (take_cmdline(&w, load, e) == -1)
		return -1;
	if (elf_read(&k, load, e) == -1 || load_kernel(&k, &end, e) == -1)
		return err_prefix(e, "kernel");
	if (write_arguments(load, &w, &len, e) == -1 ||
	    loader_flat(load, false, &r, e) == -1 ||
	    write_stack(load, &w, end, len, &r, e) == -1)
		return -1;
	r.rip = k.head.e_entry & ADDRESS_BITS;
	*ret = r;
	return 0;
}

const struct loader loader_openbsd = {
	.name	= "openbsd",
	.probe	= openbsd_probe,
	.load	= openbsd_load,
};
