/* SPDX-License-Identifier: ISC */
/* vmm_loader.c - kernels are put into memory as their protocols say */

#include "unit.h"
#include "kernel_kit.h"

#include "accel/accel.h"
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
	    .initrd = -1, .cmdline = "console=ttyS0", .rsdp = 0xe0000 };
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
		cmocka_unit_test(bzimage),
		cmocka_unit_test(old_bzimage),
		cmocka_unit_test(bad_pvh),
		cmocka_unit_test(bad_bzimage),
		cmocka_unit_test(does_not_fit),
		cmocka_unit_test(initrd_top),
	};

	return unit_run("vmm_loader", tests);
}
