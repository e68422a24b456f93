/* SPDX-License-Identifier: ISC */
/*
 * layer_tar.c - layers of strangers, merged
 *
 * The input is cut into up to three layers of any compression: two numbers of
 * 16 bits say where, in units of 16 bytes.  What comes out of a merge that
 * was not refused must be a tar that a writer of root images can take.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "merge_kit.h"

#define OUT_OF_BOUNDS	(1U << 20)	/* bytes: longer inputs tell no more */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kit k = { .n = 0 };
	size_t cut[4] = { 4, 0, 0, len };
	struct err e = { 0 };

	if (len < 4 || len > OUT_OF_BOUNDS)
		return 0;
	cut[1] = 4 + 16 * (size_t)(data[0] | data[1] << 8);
	cut[2] = cut[1] + 16 * (size_t)(data[2] | data[3] << 8);
	for (size_t i = 0; i < 3; i++) {
		if (cut[i] > len)
			break;
		k.layers[k.n].data = data + cut[i];
		k.layers[k.n++].len = (cut[i + 1] < len ? cut[i + 1] : len) -
		    cut[i];
	}
	if (kit_merge(&k, &e) == 0) {
		if (!kit_check(&k))
			abort();
	} else if (e.text[0] == '\0') {
		abort();
	}
	buf_fini(&k.out);
	return 0;
}
