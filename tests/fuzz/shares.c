/* SPDX-License-Identifier: ISC */
/*
 * shares.c - fuzz: the record of what a VM shares
 *
 * What is taken are bounded paths, of the VM it is read for, with the rights
 * of a user that can be.
 */

#include <stdlib.h>
#include <string.h>

#include "priv/file_record.h"
#include "vmd/shares.h"

#define VM	"a12345678901234567890123"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct shares *s)
{
	if (s->n == 0 || s->n > PRIV_SHARE_MAX || s->uid == (uid_t)-1)
		abort();
	for (unsigned i = 0; i < s->n; i++)
		if (memchr(s->share[i].path, '\0',
		    sizeof(s->share[i].path)) == NULL ||
		    !file_record_path_valid(s->share[i].path))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct shares s;
	char *text = malloc(len + 1);

	if (text == NULL)
		abort();
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	memset(&s, 0, sizeof(s));
	if (shares_record_parse(&s, text, VM) == 0) {
		check(&s);
		if (strstr((const char *)text, "vm " VM) == NULL)
			abort();
	}
	free(text);
	return 0;
}
