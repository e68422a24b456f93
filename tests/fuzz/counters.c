/* SPDX-License-Identifier: ISC */
/* counters.c - fuzz what a device says it has counted */

#include <assert.h>
#include <stdint.h>

#include "chapi/counters.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The first byte says in pieces of what length the rest arrives. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct counters c = { .asked = true };
	json_t *all, *value;
	const char *name;
	size_t piece, n;

	if (len == 0)
		return 0;
	piece = (size_t)data[0] + 1;
	for (size_t at = 1; at < len; at += n) {
		n = piece < len - at ? piece : len - at;
		if (counters_heard(&c, (const char *)data + at, n))
			c.asked = true;
	}
	all = counters_json(&c);
	assert(json_object_size(all) <= COUNTERS_MAX);
	json_object_foreach(all, name, value)
		assert(json_integer_value(value) >= 0);
	json_decref(all);
	counters_fini(&c);
	return 0;
}
