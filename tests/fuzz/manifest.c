/* SPDX-License-Identifier: ISC */
/* manifest.c - manifests, indexes and configurations of strangers */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oci/manifest.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct manifest m;
	struct config *c = NULL;
	struct platform p;
	struct blob b;
	json_t *doc, *v;
	struct err e;

	if (manifest_parse(&m, data, len, &e) == 0 &&
	    (m.nlayers > LAYERS_MAX || m.config.size > CONFIG_MAX))
		abort();
	if (config_parse(&c, data, len, &e) == 0) {
		v = config_summary(c);
		if (v == NULL || c->ndiff_ids > LAYERS_MAX)
			abort();
		json_decref(v);
		config_destroy(c);
	}
	if (json_parse(&doc, data, len, &e) == -1)
		return 0;
	platform_host(&p);
	if (manifest_is_index(doc) &&
	    manifest_choose(&b, doc, &p, &e) == 0 &&
	    strlen(b.digest.text) != DIGEST_TEXT)
		abort();
	json_decref(doc);
	return 0;
}
