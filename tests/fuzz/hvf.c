/* SPDX-License-Identifier: ISC */
/*
 * hvf.c - fuzz target: a fault of a guest, its instruction and page tables
 *
 * The input is the syndrome, the instruction, the address and the registers
 * of translation; what follows is the guest's memory.
 */

#include <stdlib.h>
#include <string.h>

#include "accel/hvf_access.h"
#include "accel/walk_arm64.h"

struct memory {
	const uint8_t	*bytes;
	size_t		 len;
	unsigned	 reads;
};

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static _Bool
read_word(void *arg, uint64_t gpa, uint64_t *ret)
{
	struct memory *m = arg;

	/* No walk has more levels. */
	if (++m->reads > 4)
		abort();
	if (m->len < 8)
		return 0;
	memcpy(ret, m->bytes + gpa % (m->len - 7), sizeof(*ret));
	return 1;
}

static void
check(const struct hvf_access *a)
{
	if (a->n < 1 || a->n > HVF_PARTS_MAX || a->len > 8 ||
	    (a->len & (a->len - 1)) != 0 || a->rt[0] > 31 || a->rt[1] > 31 ||
	    a->rn > 31)
		abort();
	(void)hvf_access_loaded(a, UINT64_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t word[7], gpa;
	struct memory m = { .bytes = data + sizeof(word) };
	struct walk_arm64 w = { .read = read_word, .arg = &m };
	struct hvf_access a;

	if (size < sizeof(word))
		return 0;
	memcpy(word, data, sizeof(word));
	m.len = size - sizeof(word);
	if (hvf_abort_access(&a, word[0]) == HVF_ABORT_ACCESS)
		check(&a);
	if (hvf_insn_access(&a, (uint32_t)word[1]) == NULL)
		check(&a);
	w.sctlr = word[3] | 1;
	w.tcr = word[4];
	w.ttbr[0] = word[5];
	w.ttbr[1] = word[6];
	(void)walk_arm64(&w, word[2], &gpa);
	return 0;
}
