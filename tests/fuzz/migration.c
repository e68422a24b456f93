/* SPDX-License-Identifier: ISC */
/*
 * migration.c - fuzz: the stream of a VM
 *
 * The first byte says how many bytes are fed at once, and whether they are
 * a VMM's.  What is told lies in bounds and in order; cut elsewhere it is
 * the same.
 */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "chapi/migration.h"

#define MEMORY	(64U * MIGRATION_PAGE)
#define DISK	100000U

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct told {
	uint64_t	bytes, ends;
	uint64_t	hash;
	unsigned	types;
};

static int
on_part(void *arg, const struct migration_part *p, struct err *e)
{
	struct told *t = arg;
	uint64_t max = p->type == MIGRATION_DISK ? DISK : MEMORY;
	const uint8_t *data = p->data;

	(void)e;
	if (p->type == MIGRATION_DISK || p->type == MIGRATION_MEMORY ||
	    p->type == MIGRATION_ZERO)
		if (p->place > max || p->len > max - p->place)
			abort();
	if (p->type == MIGRATION_END && (t->types &
	    (1U << MIGRATION_STATE)) == 0)
		abort();
	if (p->type == MIGRATION_COMMIT && (t->types &
	    (1U << MIGRATION_END)) == 0)
		abort();
	if ((t->types & (1U << MIGRATION_COMMIT)) != 0)
		abort();
	for (uint64_t i = 0; data != NULL && i < p->len; i++)
		t->hash = t->hash * 31 + data[i];
	t->bytes += p->len;
	if (p->last) {
		t->ends++;
		t->types |= 1U << p->type;
	}
	return 0;
}

static int
feed(struct told *t, const uint8_t *data, size_t len, size_t step, bool vmm)
{
	struct migration_reader r;
	ssize_t n;

	migration_reader_init(&r, vmm);
	r.memory = MEMORY;
	r.disk = DISK;
	r.part = on_part;
	r.arg = t;
	for (size_t at = 0; at < len; at += (size_t)n) {
		n = migration_read(&r, data + at,
		    len - at < step ? len - at : step, NULL);
		if (n == -1)
			return -1;
		if (n == 0)
			abort();
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct told one = { 0 }, other = { 0 };
	bool vmm;
	int r;

	if (len == 0)
		return 0;
	vmm = (data[0] & 1) != 0;
	r = feed(&one, data + 1, len - 1, 1 + data[0] / 2U, vmm);
	if (feed(&other, data + 1, len - 1, len, vmm) != r)
		abort();
	if (r == 0 && (one.hash != other.hash || one.bytes != other.bytes ||
	    one.ends != other.ends))
		abort();
	return 0;
}
