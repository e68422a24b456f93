/* SPDX-License-Identifier: ISC */
/* The configuration of a guest. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest_config.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guest_config c;
	struct err e;

	guest_config_init(&c);
	if (guest_config_parse(&c, data, len, &e) == 0)
		for (size_t i = 0; i < c.argv.n; i++)
			if (strlen(c.argv.v[i]) > len)
				abort();
	guest_config_fini(&c);
	return 0;
}
