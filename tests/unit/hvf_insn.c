/* SPDX-License-Identifier: ISC */
/*
 * hvf_insn.c - loads and stores as instructions and as syndromes, and the
 * guest's page tables
 *
 * The words are what an assembler makes of the text beside them; sections are
 * those of the Arm Architecture Reference Manual (DDI 0487).
 */

#include "unit.h"
#include "hvf_syndrome.h"

#include <stdbool.h>
#include <string.h>

#include "accel/hvf_access.h"
#include "accel/walk_arm64.h"
#include "lib/util.h"

enum { STORE = 1, SIGN = 2, WIDE = 4, WRITEBACK = 8, POST = 16 };

static const struct {
	const char	*text;
	uint32_t	 insn;
	unsigned	 flags;
	uint8_t		 len, n, rt[2], rn;
	int64_t		 offset;
} insns[] = {
	/* C6.2 LDR (immediate), STR (immediate) */
	{ "ldr w1, [x2], #4", 0xb8404441, WRITEBACK | POST, 4, 1, { 1 }, 2,
	    4 },
	{ "ldr x1, [x2, #8]!", 0xf8408c41, WIDE | WRITEBACK, 8, 1, { 1 }, 2,
	    8 },
	{ "str w3, [x4], #-4", 0xb81fc483, STORE | WRITEBACK | POST, 4, 1,
	    { 3 }, 4, -4 },
	{ "str xzr, [sp], #16", 0xf80107ff, STORE | WIDE | WRITEBACK | POST,
	    8, 1, { HVF_ZERO }, HVF_SP, 16 },
	{ "ldr w1, [x2, #16380]", 0xb97ffc41, 0, 4, 1, { 1 }, 2, 16380 },
	/* C6.2 STRB (immediate), LDRH (immediate) */
	{ "strb w5, [x6, #1]!", 0x38001cc5, STORE | WRITEBACK, 1, 1, { 5 }, 6,
	    1 },
	{ "ldrh w13, [x14], #255", 0x784ff5cd, WRITEBACK | POST, 2, 1, { 13 },
	    14, 255 },
	/* C6.2 LDRSB, LDRSH, LDRSW (immediate) */
	{ "ldrsb w7, [x8], #1", 0x38c01507, SIGN | WRITEBACK | POST, 1, 1,
	    { 7 }, 8, 1 },
	{ "ldrsb x7, [x8], #1", 0x38801507, SIGN | WIDE | WRITEBACK | POST, 1,
	    1, { 7 }, 8, 1 },
	{ "ldrsh w9, [x10], #2", 0x78c02549, SIGN | WRITEBACK | POST, 2, 1,
	    { 9 }, 10, 2 },
	{ "ldrsw x11, [x12], #-256", 0xb890058b, SIGN | WIDE | WRITEBACK |
	    POST, 4, 1, { 11 }, 12, -256 },
	/* C6.2 LDUR, LDTR: an offset, nothing is written back */
	{ "ldur w1, [x2, #-1]", 0xb85ff041, 0, 4, 1, { 1 }, 2, -1 },
	{ "ldtr w1, [x2, #3]", 0xb8403841, 0, 4, 1, { 1 }, 2, 3 },
	/* C6.2 LDR (register), STRH (register) */
	{ "ldr x3, [x4, x5, lsl #3]", 0xf8657883, WIDE, 8, 1, { 3 }, 4, 0 },
	{ "strh w3, [x4, w5, sxtw]", 0x7825c883, STORE, 2, 1, { 3 }, 4, 0 },
	/* C6.2 LDP, STP, LDPSW */
	{ "ldp w1, w2, [x3]", 0x29400861, 0, 4, 2, { 1, 2 }, 3, 0 },
	{ "ldp x1, x2, [x3, #-512]", 0xa9600861, WIDE, 8, 2, { 1, 2 }, 3,
	    -512 },
	{ "stp x1, xzr, [sp, #-16]!", 0xa9bf7fe1, STORE | WIDE | WRITEBACK, 8,
	    2, { 1, HVF_ZERO }, HVF_SP, -16 },
	{ "ldp w5, w6, [x7], #8", 0x28c118e5, WRITEBACK | POST, 4, 2,
	    { 5, 6 }, 7, 8 },
	{ "ldpsw x1, x2, [x3, #252]", 0x695f8861, SIGN | WIDE, 4, 2, { 1, 2 },
	    3, 252 },
	/* C6.2 STNP, LDNP */
	{ "stnp w1, w2, [x3, #8]", 0x28010861, STORE, 4, 2, { 1, 2 }, 3, 8 },
	{ "ldnp x4, x5, [x6]", 0xa84014c4, WIDE, 8, 2, { 4, 5 }, 6, 0 },
};

static void
decoded(void **state)
{
	struct hvf_access a;
	unsigned f;

	(void)state;
	for (unsigned i = 0; i < COUNT(insns); i++) {
		print_message("# %s\n", insns[i].text);
		assert_null(hvf_insn_access(&a, insns[i].insn));
		f = insns[i].flags;
		assert_int_equal(a.write, (f & STORE) != 0);
		assert_int_equal(a.sign, (f & SIGN) != 0);
		assert_int_equal(a.wide, (f & WIDE) != 0);
		assert_int_equal(a.writeback, (f & WRITEBACK) != 0);
		assert_int_equal(a.post, (f & POST) != 0);
		assert_int_equal(a.len, insns[i].len);
		assert_int_equal(a.n, insns[i].n);
		for (unsigned r = 0; r < a.n; r++)
			assert_int_equal(a.rt[r], insns[i].rt[r]);
		assert_int_equal(a.rn, insns[i].rn);
		if ((f & WRITEBACK) != 0 || a.n == 2)
			assert_int_equal(a.offset, insns[i].offset);
	}
}

static const struct {
	const char	*text;
	uint32_t	 insn;
	const char	*reason;
} refusals[] = {
	/* C4.1: SIMD and floating point, one and many */
	{ "ldr q0, [x1]", 0x3dc00020, "a SIMD register" },
	{ "stp d0, d1, [x2]", 0x6d000440, "a SIMD register" },
	{ "ld1 {v0.4s}, [x1]", 0x4c407820, "a SIMD register" },
	/* C4.1: exclusive, ordered, compare and swap */
	{ "ldxr w0, [x1]", 0x885f7c20, "an exclusive or ordered access" },
	{ "stlr w0, [x1]", 0x889ffc20, "an exclusive or ordered access" },
	{ "cas w0, w1, [x2]", 0x88a07c41, "an exclusive or ordered access" },
	{ "ldapur w0, [x1]", 0x99400020, "an ordered access" },
	/* C4.1: "atomic memory operations", "(pac)", literal, tags */
	{ "ldadd w0, w1, [x2]", 0xb8200041, "an atomic operation" },
	{ "ldraa x0, [x1]", 0xf8200420, "an authenticated pointer" },
	{ "ldr w0, .", 0x18000000, "a load of a literal" },
	{ "stg x0, [x1]", 0xd9200820, "a memory tag" },
	{ "stgp x0, x1, [x2]", 0x69000440, "a memory tag" },
	/* C6.2, DC */
	{ "dc zva, x5", 0xd50b7425, "DC ZVA" },
	{ "prfm pldl1keep, [x1]", 0xf9800020, "a prefetch" },
	{ "nop", 0xd503201f, "no load or store" },
	{ "zero", 0, "no load or store" },
	{ "ones", UINT32_MAX, "no load or store" },
	/* opc 3 of a word, and of a pair: unallocated */
	{ "", 0xb8c04441, "no instruction" },
	{ "", 0xe9400861, "no instruction" },
	{ "", 0x68400861, "no instruction" },
	/* K1.2, "constrained unpredictable" */
	{ "ldr x2, [x2], #8", 0xf8408442,
	    "a register that is address and data" },
	{ "str x2, [x2], #8", 0xf8008442,
	    "a register that is address and data" },
	{ "ldp x1, x1, [x2]", 0xa9400441, "a pair of one register" },
};

static void
refused(void **state)
{
	struct hvf_access a;

	(void)state;
	for (unsigned i = 0; i < COUNT(refusals); i++) {
		print_message("# %s\n", refusals[i].text);
		assert_string_equal(hvf_insn_access(&a, refusals[i].insn),
		    refusals[i].reason);
	}
}

/* Every word has an answer, and what is decoded can be done. */
static void
any_word(void **state)
{
	struct hvf_access a;
	uint32_t w = 1;

	(void)state;
	for (unsigned i = 0; i < 2000000; i++) {
		w = w * 1664525 + 1013904223;
		if (hvf_insn_access(&a, w ^ w >> 13) != NULL)
			continue;
		assert_in_range(a.n, 1, HVF_PARTS_MAX);
		assert_true(a.len == 1 || a.len == 2 || a.len == 4 ||
		    a.len == 8);
		assert_true(a.rt[0] < 32 && a.rt[1] < 32 && a.rn < 32);
		assert_true(!a.post || a.writeback);
	}
}

/* --- syndromes: ESR_ELx, "ISS encoding for an exception from a Data Abort" */

#define ABORT		(0x24U << 26 | 1U << 25)
#define TRANSLATION	7U

static const struct {
	uint32_t	iss;
	enum hvf_abort	is;
	unsigned	flags;
	uint8_t		len, rt;
} aborts[] = {
	{ ISV | SAS(0) | SRT(0), HVF_ABORT_ACCESS, 0, 1, 0 },
	{ ISV | SAS(1) | SRT(1) | WNR, HVF_ABORT_ACCESS, STORE, 2, 1 },
	{ ISV | SAS(2) | SRT(30) | SSE | SF, HVF_ABORT_ACCESS, SIGN | WIDE, 4,
	    30 },
	{ ISV | SAS(3) | SRT(31) | SF, HVF_ABORT_ACCESS, WIDE, 8, 31 },
	{ 0, HVF_ABORT_DECODE, 0, 0, 0 },
	{ WNR, HVF_ABORT_DECODE, 0, 0, 0 },
	{ CM | WNR, HVF_ABORT_SKIP, 0, 0, 0 },
	{ CM | ISV, HVF_ABORT_SKIP, 0, 0, 0 },
	{ S1PTW, HVF_ABORT_WALK, 0, 0, 0 },
};

static void
syndromes(void **state)
{
	struct hvf_access a;
	unsigned f;

	(void)state;
	for (unsigned i = 0; i < COUNT(aborts); i++) {
		assert_int_equal(hvf_abort_access(&a, ABORT | aborts[i].iss |
		    TRANSLATION), aborts[i].is);
		f = aborts[i].flags;
		assert_int_equal(a.write, (f & STORE) != 0);
		assert_int_equal(a.sign, (f & SIGN) != 0);
		assert_int_equal(a.wide, (f & WIDE) != 0);
		assert_int_equal(a.len, aborts[i].len);
		assert_int_equal(a.rt[0], aborts[i].rt);
	}
	/* A refused write, as to flash. */
	assert_int_equal(hvf_abort_access(&a, ABORT | ISV | WNR | 0xf),
	    HVF_ABORT_ACCESS);
}

/* What a load leaves in the register: C6.2, "LDR" and "LDRS". */
static void
extensions(void **state)
{
	static const struct {
		uint8_t		len;
		bool		sign, wide;
		uint64_t	bytes, is;
	} rows[] = {
		{ 1, false, false, 0xffffff80, 0x80 },
		{ 1, true, false, 0x80, 0xffffff80 },
		{ 1, true, true, 0x80, 0xffffffffffffff80 },
		{ 1, true, true, 0x7f, 0x7f },
		{ 2, true, false, 0x8000, 0xffff8000 },
		{ 2, true, true, 0x18000, 0xffffffffffff8000 },
		{ 2, false, true, UINT64_MAX, 0xffff },
		{ 4, true, true, 0x80000000, 0xffffffff80000000 },
		{ 4, false, true, UINT64_MAX, 0xffffffff },
		{ 4, false, false, UINT64_MAX, 0xffffffff },
		{ 8, false, true, UINT64_MAX, UINT64_MAX },
		{ 8, true, true, 1ULL << 63, 1ULL << 63 },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		struct hvf_access a = { .len = rows[i].len,
		    .sign = rows[i].sign, .wide = rows[i].wide };

		assert_true(hvf_access_loaded(&a, rows[i].bytes) ==
		    rows[i].is);
	}
}

/* --- page tables: D8.2, "Translation process" ----------------------------- */

#define PAGES		16
#define BASE		0x80000ULL
#define GRANULE_4K	0x0ULL
#define TG0_64K		(1ULL << 14)
#define TG0_16K		(2ULL << 14)
#define TG1_16K		(1ULL << 30)
#define TG1_4K		(2ULL << 30)
#define TG1_64K		(3ULL << 30)
#define T0SZ(n)		((uint64_t)(n))
#define T1SZ(n)		((uint64_t)(n) << 16)

static uint64_t table[PAGES * 0x10000 / 8];

static _Bool
read_word(void *arg, uint64_t gpa, uint64_t *ret)
{
	(void)arg;
	if (gpa < BASE || gpa - BASE > sizeof(table) - 8 || gpa % 8 != 0)
		return false;
	*ret = table[(gpa - BASE) / 8];
	return true;
}

static void
put(uint64_t page, unsigned size, unsigned index, uint64_t entry)
{
	table[page * size / 8 + index] = entry;
}

static const char *
walk(uint64_t tcr, uint64_t va, uint64_t *gpa)
{
	const struct walk_arm64 w = { .sctlr = 1, .tcr = tcr,
	    .ttbr = { BASE | 5ULL << 48, BASE }, .read = read_word };

	return walk_arm64(&w, va, gpa);
}

#define K4	0x1000U
#define K16	0x4000U
#define K64	0x10000U

static void
tables(void **state)
{
	uint64_t gpa = 0, va = 0xffff800012345678ULL;

	(void)state;
	memset(table, 0, sizeof(table));
	/* 4 KiB, 48 bits: 0x100, 0, 0x91, 0x145 in four levels */
	put(0, K4, va >> 39 & 0x1ff, (BASE + K4) | 3);
	put(1, K4, va >> 30 & 0x1ff, (BASE + 2 * K4) | 3);
	put(2, K4, va >> 21 & 0x1ff, (BASE + 3 * K4) | 3);
	put(3, K4, va >> 12 & 0x1ff, 0x0060000040abc703ULL);
	assert_null(walk(TG1_4K | T1SZ(16), va, &gpa));
	assert_true(gpa == 0x40abc678);
	/* 2 MiB, and 1 GiB */
	put(2, K4, va >> 21 & 0x1ff, 0x0060000040a00701ULL);
	assert_null(walk(TG1_4K | T1SZ(16), va, &gpa));
	assert_true(gpa == 0x40b45678);
	put(1, K4, va >> 30 & 0x1ff, 0x0060000040000701ULL);
	assert_null(walk(TG1_4K | T1SZ(16), va, &gpa));
	assert_true(gpa == 0x52345678);
	/* The first level has no blocks, and half the entries with 39 bits. */
	put(0, K4, va >> 39 & 0x1ff, 0x0060000040000701ULL);
	assert_string_equal(walk(TG1_4K | T1SZ(16), va, &gpa), "no page");
	put(0, K4, 1, 0x0060000080000701ULL);
	assert_null(walk(GRANULE_4K | T0SZ(25), 0x40000123, &gpa));
	assert_true(gpa == 0x80000123);
}

static void
other_granules(void **state)
{
	uint64_t gpa = 0;

	(void)state;
	/* 16 KiB, 47 bits: three levels */
	memset(table, 0, sizeof(table));
	put(0, K16, 1, (BASE + K16) | 3);
	put(1, K16, 2, (BASE + 2 * K16) | 3);
	put(2, K16, 3, 0x40004003);
	assert_null(walk(TG0_16K | T0SZ(17), 1ULL << 36 | 2ULL << 25 |
	    3ULL << 14 | 0x1234, &gpa));
	assert_true(gpa == 0x40005234);
	/* 64 KiB, 42 bits: two */
	memset(table, 0, sizeof(table));
	put(0, K64, 1, (BASE + K64) | 3);
	put(1, K64, 7, 0x40010003);
	assert_null(walk(TG0_64K | T0SZ(22), 1ULL << 29 | 7ULL << 16 | 0xabcd,
	    &gpa));
	assert_true(gpa == 0x4001abcd);
}

static void
no_address(void **state)
{
	const struct walk_arm64 off = { .read = read_word };
	uint64_t gpa = 0;

	(void)state;
	memset(table, 0, sizeof(table));
	assert_null(walk_arm64(&off, 0x40001234, &gpa));
	assert_true(gpa == 0x40001234);
	assert_string_equal(walk(T0SZ(16), 0x1234, &gpa), "no page");
	assert_string_equal(walk(T0SZ(25), 1ULL << 40, &gpa),
	    "no address of that size");
	assert_string_equal(walk(TG1_4K | T1SZ(25), 0xff80000000000000, &gpa),
	    "no address of that size");
	assert_string_equal(walk(1ULL << 59 | T0SZ(12), 0, &gpa),
	    "addresses of 52 bits");
	assert_string_equal(walk(3ULL << 14 | T0SZ(16), 0, &gpa),
	    "page tables of no known format");
	assert_string_equal(walk(T0SZ(63), 0, &gpa),
	    "page tables of no known format");
	put(0, K4, 0, 3);	/* a table at 0 */
	assert_string_equal(walk(T0SZ(16), 0, &gpa),
	    "page tables outside memory");
}

/* Every format with every table: an end, and no access but by read. */
static void
any_tables(void **state)
{
	uint32_t seed = 7;
	uint64_t gpa, tcr;

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / 8; i++) {
		seed = seed * 1664525 + 1013904223;
		table[i] = (BASE + (seed >> 12) % sizeof(table)) |
		    (seed >> 10 & 3);
	}
	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * 1664525 + 1013904223;
		tcr = (uint64_t)seed << 1 ^ seed >> 9;
		(void)walk(tcr & ~(1ULL << 59), (uint64_t)seed << 32 >>
		    (seed & 31), &gpa);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoded),
		cmocka_unit_test(refused),
		cmocka_unit_test(any_word),
		cmocka_unit_test(syndromes),
		cmocka_unit_test(extensions),
		cmocka_unit_test(tables),
		cmocka_unit_test(other_granules),
		cmocka_unit_test(no_address),
		cmocka_unit_test(any_tables),
	};

	return unit_run("hvf_insn", tests);
}
