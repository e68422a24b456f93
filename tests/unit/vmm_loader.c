/* SPDX-License-Identifier: ISC */
/* vmm_loader.c - kernels are put into memory as their protocols say */

#include "unit.h"
#include "kernel_kit.h"

#include "accel/accel.h"
#include "lib/util.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

#define MIB	(1ULL << 20)

struct world {
	struct memory	*memory;
	struct load	 load;
};

static void
begin(struct world *w, uint64_t bytes, int kernel)
{
	struct memory_setup s = { .bytes = bytes, .file = -1 };

	assert_int_equal(memory_new(&w->memory, &s, NULL), 0);
	w->load = (struct load){ .memory = w->memory, .kernel = kernel,
	    .initrd = -1, .cmdline = "console=ttyS0", .rsdp = 0xe0000,
	    .serial = true, .pit = true };
}

static void
end(struct world *w)
{
	(void)close(w->load.kernel);
	if (w->load.initrd != -1)
		(void)close(w->load.initrd);
	memory_destroy(w->memory);
}

static uint64_t
peek(struct world *w, uint64_t gpa, unsigned len)
{
	uint64_t v = 0;

	memcpy(&v, memory_at(w->memory, gpa, len), len);
	return v;
}

static void
pvh(void **state)
{
	struct kit_pvh k = kit_pvh();
	struct x86_regs r;
	struct world w;
	uint64_t info, module, map;

	(void)state;
	begin(&w, 64 * MIB, kit_file(&k, sizeof(k)));
	w.load.initrd = kit_file("archive", 7);
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);

	/* The entry state of the PVH boot protocol. */
	assert_int_equal(r.rip, KIT_ENTRY);
	assert_int_equal(r.cr0 & 0x80000001, 1);	/* no paging */
	assert_int_equal(r.cr4, 0);
	assert_int_equal(r.efer, 0);
	assert_int_equal(r.rflags & 0x20200, 0);	/* no VM, no IF */
	assert_int_equal(r.seg[X86_CS].flags & 0x40ff, 0x409b);
	assert_int_equal(r.seg[X86_CS].base, 0);
	assert_int_equal(r.seg[X86_CS].limit, UINT32_MAX);
	assert_int_equal(r.seg[X86_DS].flags & 0x40ff, 0x4093);
	assert_int_equal(r.seg[X86_TR].limit, 0x67);

	assert_memory_equal(memory_at(w.memory, 0x100000, sizeof(k.code)),
	    KIT_CODE, sizeof(k.code));
	info = r.gpr[X86_RBX];
	assert_int_equal(peek(&w, info, 4), 0x336ec578);
	assert_int_equal(peek(&w, info + 4, 4), 1);
	assert_int_equal(peek(&w, info + 12, 4), 1);	/* modules */
	assert_string_equal(memory_at(w.memory, peek(&w, info + 24, 8), 14),
	    "console=ttyS0");
	assert_int_equal(peek(&w, info + 32, 8), 0xe0000);
	module = peek(&w, info + 16, 8);
	assert_int_equal(peek(&w, module + 8, 8), 7);
	assert_memory_equal(memory_at(w.memory, peek(&w, module, 8), 7),
	    "archive", 7);

	/* Low memory, firmware, the rest. */
	map = peek(&w, info + 40, 8);
	assert_int_equal(peek(&w, info + 48, 4), 3);
	assert_int_equal(peek(&w, map + 8, 8), 0x9fc00);
	assert_int_equal(peek(&w, map + 2 * 24, 8), MIB);
	assert_int_equal(peek(&w, map + 2 * 24 + 8, 8), 63 * MIB);
	assert_int_equal(peek(&w, map + 2 * 24 + 16, 4), 1);
	end(&w);
}

/* Above 3 GiB memory goes on behind the windows; untouched it costs nothing. */
static void
large_memory(void **state)
{
	struct kit_pvh k = kit_pvh();
	struct loader_range map[LOADER_RANGES_MAX];
	struct x86_regs r;
	struct world w;
	unsigned n;

	(void)state;
	begin(&w, 8192 * MIB, kit_file(&k, sizeof(k)));
	w.load.initrd = kit_file("archive", 7);
	w.load.ecam = true;
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);
	n = loader_map(&w.load, map);
	assert_int_equal(n, 5);
	assert_int_equal(map[2].addr + map[2].len, MEMORY_LOW_MAX);
	assert_int_equal(map[3].addr, MEMORY_ECAM);
	assert_int_equal(map[3].type, LOADER_RESERVED);
	assert_int_equal(map[4].addr, MEMORY_HIGH);
	assert_int_equal(map[4].len, 5120 * MIB);
	end(&w);
}

/*
 * Segments of which some follow each other in the file, with and without
 * bytes between, and some do not: each has its own bytes and nothing else.
 */
static void
segments(void **state)
{
	static const struct { unsigned offset, len; } at[] = {
		{ 1, 4095 }, { 4096, 100 }, { 4196, 1 }, { 4200, 5000 },
		{ 20000, 3000 }, { 4100, 7000 }, { 40000, 0 },
		{ 44999, 1 },
	};
	static struct {
		struct kit_pvh	k;
		Elf64_Phdr	p[COUNT(at) + 1];
		uint8_t		bytes[45000];
	} f;
	struct x86_regs r;
	struct world w;

	(void)state;
	f.k = kit_pvh();
	for (size_t i = 0; i < sizeof(f.bytes); i++)
		f.bytes[i] = (uint8_t)(i * 7 + i / 256);
	f.k.h.e_phoff = offsetof(__typeof__(f), p);
	f.k.h.e_phnum = COUNT(f.p);
	f.p[0] = f.k.p[0];
	for (unsigned i = 0; i < COUNT(at); i++)
		f.p[i + 1] = (Elf64_Phdr){ .p_type = PT_LOAD,
		    .p_paddr = MIB + i * 0x4000, .p_memsz = 0x4000,
		    .p_offset = offsetof(__typeof__(f), bytes) +
		    at[i].offset, .p_filesz = at[i].len };
	begin(&w, 64 * MIB, kit_file(&f, sizeof(f)));
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);
	for (unsigned i = 0; i < COUNT(at); i++) {
		const uint8_t *got = memory_at(w.memory, MIB + i * 0x4000,
		    0x4000);

		assert_memory_equal(got, f.bytes + at[i].offset, at[i].len);
		for (unsigned k = at[i].len; k < 0x4000; k++)
			assert_int_equal(got[k], 0);
	}
	end(&w);
	/* The last of them is cut off. */
	begin(&w, 64 * MIB, kit_file(&f, sizeof(f) - 1));
	assert_int_equal(loader_load(&w.load, &r, NULL), -1);
	end(&w);
}

static void
bzimage(void **state)
{
	struct kit_bzimage k = kit_bzimage();
	struct x86_regs r;
	struct world w;
	uint64_t z;

	(void)state;
	begin(&w, 64 * MIB, kit_file(&k, sizeof(k)));
	w.load.initrd = kit_file("archive", 7);
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);

	/* 64-bit boot protocol: long mode, the zero page in RSI. */
	assert_int_equal(r.rip, KIT_PREFERRED + 0x200);
	assert_int_equal(r.cr0 & 0x80000001, 0x80000001);
	assert_int_equal(r.cr4 & 0x20, 0x20);
	assert_int_equal(r.efer & 0x500, 0x500);
	assert_int_equal(r.seg[X86_CS].selector, 0x10);
	assert_int_equal(r.seg[X86_CS].flags & 0x20ff, 0x209b);
	assert_int_equal(r.seg[X86_DS].selector, 0x18);
	assert_memory_equal(memory_at(w.memory, KIT_PREFERRED,
	    sizeof(KIT_CODE)), KIT_CODE, sizeof(KIT_CODE));
	z = r.gpr[X86_RSI];
	assert_int_equal(peek(&w, z + 0x70, 8), 0xe0000);
	assert_int_equal(peek(&w, z + 0x1e8, 1), 3);
	assert_int_equal(peek(&w, z + 0x202, 4), 0x53726448);
	assert_int_equal(peek(&w, z + 0x210, 1), 0xff);
	assert_int_equal(peek(&w, z + 0x21c, 4), 7);
	assert_memory_equal(memory_at(w.memory, peek(&w, z + 0x218, 4), 7),
	    "archive", 7);
	assert_string_equal(memory_at(w.memory, peek(&w, z + 0x228, 4), 14),
	    "console=ttyS0");
	assert_int_equal(peek(&w, z + 0x2d0 + 2 * 20, 8), MIB);

	/* The kernel and the zero page are mapped to themselves. */
	assert_int_equal(peek(&w, r.cr3, 8) & 3, 3);
	end(&w);
}

/* Before protocol 2.12 there is only the 32-bit entry. */
static void
old_bzimage(void **state)
{
	struct kit_bzimage k = kit_bzimage();
	struct x86_regs r;
	struct world w;

	(void)state;
	kit_put(&k, 0x206, 0x0205, 2);
	begin(&w, 64 * MIB, kit_file(&k, sizeof(k)));
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);
	assert_int_equal(r.rip, 0x100000);
	assert_int_equal(r.cr0 & 0x80000001, 1);
	assert_int_equal(r.seg[X86_CS].flags & 0x40ff, 0x409b);
	assert_int_equal(r.seg[X86_CS].selector, 0x10);
	end(&w);
}

/* --- OpenBSD ------------------------------------------------------------- */

/* A word of the stack at the entry. */
static uint32_t
argument(struct world *w, const struct x86_regs *r, unsigned n)
{
	return (uint32_t)peek(w, r->gpr[X86_RSP] + 4 * n, 4);
}

static void
openbsd_symbols(struct world *w, const struct kit_openbsd *k, uint64_t end)
{
	uint64_t base = (KIT_BSD_END + 7) & ~7U, at;
	const size_t wanted[] = { 2, 3, 4, 5 };
	uint64_t next = base + sizeof(k->h) + sizeof(k->s);

	assert_memory_equal(memory_at(w->memory, base, SELFMAG), ELFMAG,
	    SELFMAG);
	assert_int_equal(peek(w, base + offsetof(Elf64_Ehdr, e_phoff), 8), 0);
	assert_int_equal(peek(w, base + offsetof(Elf64_Ehdr, e_phnum), 2), 0);
	assert_int_equal(peek(w, base + offsetof(Elf64_Ehdr, e_phentsize), 2),
	    0);
	assert_int_equal(peek(w, base + offsetof(Elf64_Ehdr, e_shoff), 8), 64);
	for (unsigned i = 0; i < 4; i++) {
		const Elf64_Shdr *s = memory_at(w->memory, base + 64 +
		    wanted[i] * sizeof(*s), sizeof(*s));

		at = base + s->sh_offset;
		assert_int_equal(at, next);
		assert_true(s->sh_flags & SHF_ALLOC);
		assert_int_equal(s->sh_size, k->s[wanted[i]].sh_size);
		assert_memory_equal(memory_at(w->memory, at, s->sh_size),
		    (const char *)k + k->s[wanted[i]].sh_offset, s->sh_size);
		next = at + ((s->sh_size + 7) & ~7ULL);
	}
	assert_int_equal(end, next);
	/* What is not for it is as it was, and not there. */
	assert_int_equal(peek(w, base + 64 + 6 * 64 + 24, 8),
	    offsetof(struct kit_openbsd, comment));
	assert_int_equal(peek(w, end, 8), 0);
}

/* The list, in order: memory, console, and what else was asked for. */
static uint64_t
openbsd_list(struct world *w, uint64_t list)
{
	uint64_t at = list + 12;

	assert_int_equal(peek(w, list, 4), 0);
	assert_int_equal(peek(w, at, 8), 0);
	assert_int_equal(peek(w, at + 8, 8), LOADER_LOW_END);
	assert_int_equal(peek(w, at + 16, 4), 1);
	assert_int_equal(peek(w, at + 20 + 16, 4), 2);
	assert_int_equal(peek(w, at + 40, 8), MIB);
	assert_int_equal(peek(w, at + 48, 8), 63 * MIB);
	assert_int_equal(peek(w, at + 60 + 16, 4), 0);	/* the last */
	list += peek(w, list + 4, 4);
	assert_int_equal(peek(w, list, 4), 5);
	assert_int_equal(peek(w, list + 4, 4), 12 + 32);
	assert_int_equal(peek(w, list + 12, 4), 0x800);
	assert_int_equal(peek(w, list + 16, 4), 115200);
	assert_int_equal(peek(w, list + 20, 8), 0x3f8);
	assert_int_equal(peek(w, list + 28, 8), 0);
	return list + peek(w, list + 4, 4);
}

static void
openbsd(void **state)
{
	struct kit_openbsd k = kit_openbsd();
	static const uint8_t zeroes[32];
	struct x86_regs r;
	struct world w;
	uint64_t at;

	(void)state;
	begin(&w, 64 * MIB, kit_file(&k, sizeof(k)));
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);
	assert_int_equal(r.rip, KIT_BSD_TEXT);
	assert_int_equal(r.cr0 & 0x80000001, 1);	/* no paging */
	assert_int_equal(r.rflags & 0x200, 0);
	assert_int_equal(r.seg[X86_CS].flags & 0x40ff, 0x409b);
	assert_memory_equal(memory_at(w.memory, KIT_BSD_TEXT, 22), KIT_CODE,
	    22);
	assert_memory_equal(memory_at(w.memory, KIT_BSD_DATA, 5), "data", 5);
	assert_memory_not_equal(memory_at(w.memory, KIT_BSD_RANDOM, 32),
	    zeroes, 32);
	assert_int_equal(peek(&w, KIT_BSD_RANDOM + 32, 8), 0);

	assert_int_equal(argument(&w, &r, 1), 0x10000);	/* random bytes */
	assert_int_equal(argument(&w, &r, 2), 0xa0000004);
	assert_int_equal(argument(&w, &r, 3), 0x0e);
	openbsd_symbols(&w, &k, argument(&w, &r, 4));
	assert_int_equal(argument(&w, &r, 6), 639);
	at = openbsd_list(&w, argument(&w, &r, 8));
	assert_int_equal(peek(&w, at, 4), UINT32_MAX);
	assert_int_equal(at + 12 - argument(&w, &r, 8), argument(&w, &r, 7));
	end(&w);
}

static void
openbsd_options(void **state)
{
	struct kit_openbsd k = kit_openbsd();
	struct x86_regs r;
	struct world w;
	uint64_t at;

	(void)state;
	k.h.e_shnum = 0;
	begin(&w, 64 * MIB, kit_file(&k, sizeof(k)));
	w.load.cmdline = "-s  -cd duid=0123456789abcdEF console=com0";
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);
	assert_int_equal(argument(&w, &r, 1), 0x10000 | 2 | 0x400 | 0x40);
	assert_int_equal(argument(&w, &r, 4), 0);	/* no symbols */
	at = openbsd_list(&w, argument(&w, &r, 8));
	assert_int_equal(peek(&w, at, 4), 9);
	assert_int_equal(peek(&w, at + 4, 4), 20);
	assert_memory_equal(memory_at(w.memory, at + 12, 8),
	    "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	assert_int_equal(peek(&w, at + 20, 4), UINT32_MAX);
	assert_int_equal(at + 32 - argument(&w, &r, 8), argument(&w, &r, 7));
	end(&w);
}

/* --- what is refused ----------------------------------------------------- */

static void
refused(const void *bytes, size_t len, const char *why)
{
	struct x86_regs r;
	struct world w;
	struct err e;

	begin(&w, 64 * MIB, kit_file(bytes, len));
	assert_int_equal(loader_load(&w.load, &r, &e), -1);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\", not \"%s\"", e.text, why);
	end(&w);
}

static void
bad_pvh(void **state)
{
	struct kit_pvh k;

	(void)state;
	refused("#!/bin/sh", 9, "format is not known");
	refused("", 0, "format is not known");
	k = kit_pvh();
	refused(&k, 20, "ends too early");
	refused(&k, sizeof(k.h) + 8, "ends too early");
	refused(&k, offsetof(struct kit_pvh, code) + 3, "ends too early");
	k.h.e_machine = EM_AARCH64;
	refused(&k, sizeof(k), "not an ELF file of x86-64");
	k = kit_pvh();
	k.h.e_phnum = 65;
	refused(&k, sizeof(k), "segments");
	k = kit_pvh();
	k.h.e_phoff = UINT64_MAX - 10;
	refused(&k, sizeof(k), "no file is that long");
	k = kit_pvh();
	k.n.n_type = 17;
	refused(&k, sizeof(k), "no PVH entry");
	k = kit_pvh();
	k.n.n_namesz = UINT32_MAX;
	refused(&k, sizeof(k), "no PVH entry");
	k = kit_pvh();
	k.p[1].p_paddr = 0xff000;
	refused(&k, sizeof(k), "do not fit");
	k = kit_pvh();
	k.p[1].p_paddr = UINT64_MAX - 100;
	refused(&k, sizeof(k), "do not fit");
	k = kit_pvh();
	k.p[1].p_memsz = 64 * MIB;
	refused(&k, sizeof(k), "do not fit");
	k = kit_pvh();
	k.p[1].p_filesz = k.p[1].p_memsz + 1;
	refused(&k, sizeof(k), "larger");
	k = kit_pvh();
	k.p[1].p_type = PT_NULL;
	refused(&k, sizeof(k), "nothing");
}

static void
openbsd_words(const char *words, const char *why)
{
	struct kit_openbsd k = kit_openbsd();
	struct x86_regs r;
	struct world w;
	struct err e;

	begin(&w, 64 * MIB, kit_file(&k, sizeof(k)));
	w.load.cmdline = words;
	assert_int_equal(loader_load(&w.load, &r, &e), -1);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\", not \"%s\"", e.text, why);
	w.load.cmdline = "";
	w.load.serial = false;
	assert_int_equal(loader_load(&w.load, &r, &e), -1);
	assert_non_null(strstr(e.text, "serial port"));
	w.load.serial = true;
	w.load.pit = false;
	assert_int_equal(loader_load(&w.load, &r, &e), -1);
	assert_non_null(strstr(e.text, "irqchip"));
	w.load.pit = true;
	w.load.initrd = kit_file("archive", 7);
	assert_int_equal(loader_load(&w.load, &r, &e), -1);
	assert_non_null(strstr(e.text, "takes none"));
	end(&w);
}

static void
bad_openbsd(void **state)
{
	struct kit_openbsd k;

	(void)state;
	openbsd_words("-sx", "\"-x\"");
	openbsd_words("-s root=/dev/vda", "\"root=/dev/vda\"");
	openbsd_words("duid=0123456789abcde", "16 hexadecimal");
	openbsd_words("duid=0123456789abcdef0", "more than");
	k = kit_openbsd();
	refused(&k, sizeof(k) - 8, "ends too early");
	k.h.e_shnum = 513;
	refused(&k, sizeof(k), "sections");
	k = kit_openbsd();
	k.h.e_shentsize = 40;
	refused(&k, sizeof(k), "sections");
	k = kit_openbsd();
	k.h.e_shoff = UINT64_MAX - 10;
	refused(&k, sizeof(k), "no file is that long");
	k = kit_openbsd();
	k.s[4].sh_size = UINT64_MAX;
	refused(&k, sizeof(k), "names");
	k = kit_openbsd();
	k.s[2].sh_size = UINT64_MAX - 8;
	refused(&k, sizeof(k), "symbols");
	k = kit_openbsd();
	k.s[2].sh_offset = sizeof(k);
	refused(&k, sizeof(k), "symbols");
	k = kit_openbsd();
	k.p[2].p_filesz = UINT64_MAX;
	refused(&k, sizeof(k), "random bytes");
	k = kit_openbsd();
	k.p[2].p_paddr = 0;
	refused(&k, sizeof(k), "random bytes");
	k = kit_openbsd();
	k.p[1].p_memsz = 64 * MIB;
	refused(&k, sizeof(k), "do not fit");
	k = kit_openbsd();
	k.p[1].p_memsz = 48 * MIB - 0x1000;	/* and no room for symbols */
	refused(&k, sizeof(k), "symbols");
}

static void
bad_bzimage(void **state)
{
	struct kit_bzimage k = kit_bzimage();

	(void)state;
	refused(&k, 1024, "ends too early");
	kit_put(&k, 0x211, 0, 1);
	refused(&k, sizeof(k), "too old");
	k = kit_bzimage();
	kit_put(&k, 0x206, 0x0201, 2);
	refused(&k, sizeof(k), "too old");
	k = kit_bzimage();
	kit_put(&k, 0x258, UINT64_MAX, 8);
	refused(&k, sizeof(k), "have not");
	k = kit_bzimage();
	kit_put(&k, 0x258, 0x1000, 8);
	refused(&k, sizeof(k), "have not");
	k = kit_bzimage();
	kit_put(&k, 0x260, UINT32_MAX, 4);
	refused(&k, sizeof(k), "have not");
}

static void
does_not_fit(void **state)
{
	struct kit_bzimage k = kit_bzimage();
	char words[400], *archive = calloc(1, 20 * MIB);
	struct x86_regs r;
	struct world w;
	struct err e;

	(void)state;
	assert_non_null(archive);
	memset(words, 'a', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	kit_put(&k, 0x238, 255, 4);
	begin(&w, 32 * MIB, kit_file(&k, sizeof(k)));
	w.load.cmdline = words;
	assert_int_equal(loader_load(&w.load, &r, &e), -1);
	assert_non_null(strstr(e.text, "takes 255"));
	w.load.cmdline = "";
	w.load.initrd = kit_file(archive, 20 * MIB);
	assert_int_equal(loader_load(&w.load, &r, &e), -1);
	assert_non_null(strstr(e.text, "initramfs"));
	end(&w);
	free(archive);
}

/* An old kernel's initrd lies low. */
static void
initrd_top(void **state)
{
	struct kit_bzimage k = kit_bzimage();
	struct x86_regs r;
	struct world w;

	(void)state;
	kit_put(&k, 0x22c, 0x2ffffff, 4);
	begin(&w, 64 * MIB, kit_file(&k, sizeof(k)));
	w.load.initrd = kit_file("archive", 7);
	assert_int_equal(loader_load(&w.load, &r, NULL), 0);
	assert_int_equal(peek(&w, r.gpr[X86_RSI] + 0x218, 4), 0x2fff000);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pvh),
		cmocka_unit_test(large_memory),
		cmocka_unit_test(segments),
		cmocka_unit_test(bzimage),
		cmocka_unit_test(old_bzimage),
		cmocka_unit_test(openbsd),
		cmocka_unit_test(openbsd_options),
		cmocka_unit_test(bad_openbsd),
		cmocka_unit_test(bad_pvh),
		cmocka_unit_test(bad_bzimage),
		cmocka_unit_test(does_not_fit),
		cmocka_unit_test(initrd_top),
	};

	return unit_run("vmm_loader", tests);
}
