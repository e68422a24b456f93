/* SPDX-License-Identifier: ISC */
/*
 * working_set.c - fuzz: a snapshot's record of the pages used first
 *
 * What is taken lies in memory, in order.
 */

#include <stdint.h>
#include <stdlib.h>

#include "vmm/working_set.h"

#define BYTES	(64ULL << 20)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct working_set w;
	struct err e;
	uint64_t at = 0;

	if (working_set_parse(&w, data, len, BYTES, &e) == -1)
		return 0;
	if (w.n > WORKING_SET_RANGES_MAX)
		abort();
	for (unsigned i = 0; i < w.n; i++) {
		if (w.range[i].first < at || w.range[i].pages == 0 ||
		    w.range[i].pages > BYTES / 4096 - w.range[i].first)
			abort();
		at = w.range[i].first + w.range[i].pages;
	}
	working_set_fini(&w);
	return 0;
}
