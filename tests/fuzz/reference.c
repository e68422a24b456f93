/* SPDX-License-Identifier: ISC */
/* reference.c - names of images: what is taken prints as something stable */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oci/manifest.h"
#include "oci/reference.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char once[REFERENCE_MAX + 1], twice[REFERENCE_MAX + 1];
	char *text = malloc(len + 1);
	struct reference r, again;
	struct platform p;
	struct err e;

	if (text == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (reference_parse(&r, text, &e) == 0) {
		(void)reference_print(once, &r);
		if (reference_parse(&again, once, &e) == -1 ||
		    strcmp(reference_print(twice, &again), once) != 0)
			abort();
		for (const char *c = once; *c != '\0'; c++)
			if (*c <= ' ' || *c > '~')
				abort();
		if (strstr(once, "/../") != NULL || once[0] == '-')
			abort();
	}
	(void)platform_parse(&p, text, &e);
	free(text);
	return 0;
}
