/* SPDX-License-Identifier: ISC */
/* image.c - an image of the store as JSON; see image.h */

#include <errno.h>
#include <stdio.h>

#include "oci/image.h"
#include "oci/store.h"
#include "oci/unpack.h"

/* Layers, and the bytes of every blob, one that comes twice counted once. */
static json_t *
layers_json(uint64_t *bytes, const struct manifest *m)
{
	json_t *ret = json_array();
	bool again;

	*bytes += m->config.size;
	for (size_t i = 0; i < m->nlayers; i++) {
		const struct blob *b = &m->layers[i];

		again = false;
		for (size_t k = 0; k < i; k++)
			again |= digest_equal(&b->digest,
			    &m->layers[k].digest);
		if (!again)
			*bytes += b->size;
		(void)json_array_append_new(ret, json_pack("{ss sI}",
		    "digest", b->digest.text, "size", (json_int_t)b->size));
	}
	return ret;
}

static json_t *
summary(struct store *st, const struct manifest *m, struct err *e)
{
	OWN(config_destroy) struct config *c = NULL;
	json_t *ret;
	struct buf b;
	int r;

	buf_init(&b, CONFIG_MAX);
	r = store_blob(&b, st, &m->config.digest, e);
	if (r == 0)
		r = config_parse(&c, b.data, b.len, e);
	buf_fini(&b);
	if (r == -1)
		return NULL;
	ret = config_summary(c);
	if (ret == NULL)
		(void)err_set(e, ENOMEM, "no memory");
	return ret;
}

int
image_describe(json_t **ret, struct store *st, const struct entry *en,
    struct err *e)
{
	own_mem struct manifest *m = calloc(1, sizeof(*m));
	char platform[PLATFORM_TEXT], root[sizeof("root/.sqfs") + DIGEST_HEX];
	uint64_t bytes = en->size;
	int64_t root_bytes = unpack_size(st, &en->digest);
	json_t *v, *layers;

	if (m == NULL)
		return err_sys(e, "image");
	if (store_manifest(m, st, &en->digest, e) == -1)
		return -1;
	v = summary(st, m, e);
	if (v == NULL)
		return -1;
	layers = layers_json(&bytes, m);
	(void)snprintf(root, sizeof(root), "root/%s.sqfs",
	    digest_hex(&en->digest));
	(void)json_object_set_new(v, "name", json_string(en->name));
	(void)json_object_set_new(v, "digest", json_string(en->digest.text));
	(void)json_object_set_new(v, "source_digest",
	    json_string(en->source.text));
	(void)json_object_set_new(v, "platform",
	    json_string(platform_print(platform, &en->platform)));
	(void)json_object_set_new(v, "size_bytes",
	    json_integer((json_int_t)bytes));
	(void)json_object_set_new(v, "root",
	    root_bytes == -1 ? json_null() : json_string(root));
	(void)json_object_set_new(v, "root_bytes",
	    json_integer(root_bytes == -1 ? 0 : root_bytes));
	(void)json_object_set_new(v, "layers", layers);
	*ret = v;
	return 0;
}
