/* SPDX-License-Identifier: ISC */
/*
 * hvf_insn.c - loads and stores of general registers, from their encoding;
 * see hvf_access.h
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), C4.1.
 */

#include <stddef.h>

#include "accel/hvf_access.h"

/* Bits hi to lo of a word. */
#define BITS(w, hi, lo)	((w) >> (lo) & ((1U << ((hi) - (lo) + 1)) - 1))

static int64_t
sign_extend(uint64_t value, unsigned bits)
{
	uint64_t top = 1ULL << (bits - 1);

	return (int64_t)((value ^ top) - top);
}

/* Where a load and its write-back meet, processors may do as they like. */
static const char *
check_writeback(const struct hvf_access *a)
{
	if (a->writeback && a->rn != HVF_SP)
		for (unsigned i = 0; i < a->n; i++)
			if (a->rt[i] == a->rn)
				return "a register that is address and data";
	if (!a->write && a->n == 2 && a->rt[0] == a->rt[1])
		return "a pair of one register";
	return NULL;
}

/* "Load/store register pair" and "no-allocate pair". */
static const char *
pair(struct hvf_access *a, uint32_t insn)
{
	enum { NO_ALLOCATE, POST, PLAIN, PRE } form = BITS(insn, 24, 23);
	unsigned opc = BITS(insn, 31, 30);

	a->write = BITS(insn, 22, 22) == 0;
	if (opc == 3 || (opc == 1 && form == NO_ALLOCATE))
		return "no instruction";
	if (opc == 1 && a->write)
		return "a memory tag";
	a->n = 2;
	a->len = opc == 2 ? 8 : 4;
	a->sign = opc == 1;
	a->wide = opc != 0;
	a->rt[0] = (uint8_t)BITS(insn, 4, 0);
	a->rt[1] = (uint8_t)BITS(insn, 14, 10);
	a->rn = (uint8_t)BITS(insn, 9, 5);
	a->offset = sign_extend(BITS(insn, 21, 15), 7) * a->len;
	a->post = form == POST;
	a->writeback = form == POST || form == PRE;
	return check_writeback(a);
}

/* Size and direction of "load/store register", all of its forms. */
static const char *
one_kind(struct hvf_access *a, uint32_t insn)
{
	unsigned size = BITS(insn, 31, 30), opc = BITS(insn, 23, 22);

	if (opc == 2 && size == 3)
		return "a prefetch";
	if (opc == 3 && size >= 2)
		return "no instruction";
	a->n = 1;
	a->len = (uint8_t)(1U << size);
	a->write = opc == 0;
	a->sign = opc >= 2;
	a->wide = opc == 2 || size == 3;
	a->rt[0] = (uint8_t)BITS(insn, 4, 0);
	a->rn = (uint8_t)BITS(insn, 9, 5);
	return NULL;
}

static const char *
one(struct hvf_access *a, uint32_t insn)
{
	enum { UNSCALED, POST, UNPRIVILEGED, PRE } form = BITS(insn, 11, 10);
	const char *no = one_kind(a, insn);

	if (BITS(insn, 24, 24) != 0) {
		a->offset = (int64_t)BITS(insn, 21, 10) * a->len;
		return no;
	}
	if (BITS(insn, 21, 21) != 0) {
		/* 2: the offset is a register, and nothing is written back */
		if (BITS(insn, 11, 10) == 2)
			return no;
		return BITS(insn, 11, 10) == 0 ? "an atomic operation" :
		    "an authenticated pointer";
	}
	a->offset = sign_extend(BITS(insn, 20, 12), 9);
	a->post = form == POST;
	a->writeback = form == POST || form == PRE;
	return no != NULL ? no : check_writeback(a);
}

static const char *
exclusive(struct hvf_access *a, uint32_t insn)
{
	(void)a;
	(void)insn;
	return "an exclusive or ordered access";
}

static const char *
literal(struct hvf_access *a, uint32_t insn)
{
	(void)a;
	if (BITS(insn, 24, 24) == 0)
		return "a load of a literal";
	return BITS(insn, 21, 21) == 0 ? "an ordered access" :
	    "a memory tag";
}

#define SIMD		(1U << 26)
#define DC_ZVA		0xd50b7420U	/* with the register cleared */
#define REGISTER	0x1fU

const char *
hvf_insn_access(struct hvf_access *ret, uint32_t insn)
{
	/* Bits 29 and 28: the classes of loads and stores. */
	static const char *(*const class[4])(struct hvf_access *,
	    uint32_t) = { exclusive, literal, pair, one };

	*ret = (struct hvf_access){ .n = 0 };
	if ((insn & ~REGISTER) == DC_ZVA)
		return "DC ZVA";
	if (BITS(insn, 27, 27) != 1 || BITS(insn, 25, 25) != 0)
		return "no load or store";
	if ((insn & SIMD) != 0)
		return "a SIMD register";
	return class[BITS(insn, 29, 28)](ret, insn);
}

/* --- the syndrome -------------------------------------------------------- */

#define ISV		(1U << 24)	/* the rest is valid */
#define SSE		(1U << 21)
#define SF		(1U << 15)
#define CM		(1U << 8)
#define S1PTW		(1U << 7)
#define WNR		(1U << 6)

/*
 * Status: there is no memory, or it may not be accessed.  Address size,
 * translation, access flag and permission faults of levels 0 to 3, then those
 * of levels -1 and -2.  All else is no address's fault.
 */
#define NO_MEMORY	(0xffffULL | 0xfULL << 0x29)

enum hvf_abort
hvf_abort_access(struct hvf_access *ret, uint64_t syndrome)
{
	uint32_t iss = (uint32_t)syndrome & 0x1ffffff;

	*ret = (struct hvf_access){ .n = 0 };
	if ((NO_MEMORY >> (iss & HVF_ABORT_STATUS) & 1) == 0)
		return HVF_ABORT_FAILED;
	if ((iss & CM) != 0)
		return HVF_ABORT_SKIP;
	if ((iss & S1PTW) != 0)
		return HVF_ABORT_WALK;
	if ((iss & ISV) == 0)
		return HVF_ABORT_DECODE;
	ret->n = 1;
	ret->len = (uint8_t)(1U << BITS(iss, 23, 22));
	ret->sign = (iss & SSE) != 0;
	ret->wide = (iss & SF) != 0;
	ret->write = (iss & WNR) != 0;
	ret->rt[0] = (uint8_t)BITS(iss, 20, 16);
	return HVF_ABORT_ACCESS;
}

uint64_t
hvf_access_loaded(const struct hvf_access *a, uint64_t bytes)
{
	uint64_t v = bytes;

	if (a->len < 8)
		v &= (1ULL << a->len * 8) - 1;
	if (a->sign)
		v = (uint64_t)sign_extend(v, a->len * 8);
	return a->wide ? v : (uint32_t)v;
}
