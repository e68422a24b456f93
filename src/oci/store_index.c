/* SPDX-License-Identifier: ISC */
/* store_index.c - index.json of the store; see store.h */

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "oci/store.h"

/* Annotations of image-spec, annotations.md, and our own. */
#define ANNOTATION_NAME		"org.opencontainers.image.ref.name"
#define ANNOTATION_SOURCE	"org.openbsd.vmd.source-digest"

void
entries_fini(struct entries *es)
{
	free(es->v);
	es->v = NULL;
	es->n = 0;
}

/* --- reading ------------------------------------------------------------ */

/* An optional string of at most size - 1 bytes; absent: "". */
static int
text_get(char *to, size_t size, const json_t *obj, const char *name,
    struct err *e)
{
	const char *s = "";

	if (json_get_str(&s, obj, name, size - 1, e) == -1)
		return -1;
	(void)snprintf(to, size, "%s", s);
	return 0;
}

static int
entry_read(struct entry *ret, const json_t *obj, struct err *e)
{
	char digest[DIGEST_TEXT + 1], source[DIGEST_TEXT + 1];
	json_t *notes = json_object_get(obj, "annotations");
	json_t *platform = json_object_get(obj, "platform");
	struct platform *p = &ret->platform;

	memset(ret, 0, sizeof(*ret));
	if (text_get(digest, sizeof(digest), obj, "digest", e) == -1 ||
	    json_get_u64(&ret->size, obj, "size", 0, MANIFEST_MAX, e) == -1 ||
	    text_get(ret->name, sizeof(ret->name), notes, ANNOTATION_NAME,
	    e) == -1 ||
	    text_get(source, sizeof(source), notes, ANNOTATION_SOURCE,
	    e) == -1 ||
	    text_get(p->os, sizeof(p->os), platform, "os", e) == -1 ||
	    text_get(p->arch, sizeof(p->arch), platform, "architecture",
	    e) == -1 ||
	    text_get(p->variant, sizeof(p->variant), platform, "variant",
	    e) == -1)
		return -1;
	if (digest_parse(&ret->digest, digest, e) == -1)
		return -1;
	return digest_parse(&ret->source,
	    source[0] == '\0' ? digest : source, e);
}

static int
index_parse(struct entries *ret, const struct buf *b, struct err *e)
{
	own_json json_t *doc = NULL;
	own_mem struct entry *v = NULL;
	json_t *list = NULL, *obj;
	size_t i;

	if (json_parse(&doc, b->data, b->len, e) == -1 ||
	    json_get_arr(&list, doc, "manifests", STORE_ENTRIES_MAX, e) == -1)
		return -1;
	v = calloc(json_array_size(list) + 1, sizeof(*v));
	if (v == NULL)
		return err_sys(e, "index");
	json_array_foreach(list, i, obj)
		if (entry_read(&v[i], obj, e) == -1)
			return err_prefix(e, "manifest %zu", i + 1);
	ret->n = json_array_size(list);
	ret->v = take(&v);
	return 0;
}

int
store_entries(struct entries *ret, struct store *st, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, STORE_INDEX_MAX);
	r = file_read(&b, st->dir, "index.json", e);
	if (r == 0)
		r = index_parse(ret, &b, e);
	buf_fini(&b);
	if (r == -1) {
		if (e != NULL)
			e->code = "io";
		return err_prefix(e, "index.json of the store");
	}
	return 0;
}

/* --- writing ------------------------------------------------------------ */

static json_t *
entry_json(const struct entry *en)
{
	json_t *notes = json_object(), *platform = json_object();
	const struct platform *p = &en->platform;

	if (en->name[0] != '\0')
		(void)json_object_set_new(notes, ANNOTATION_NAME,
		    json_string(en->name));
	(void)json_object_set_new(notes, ANNOTATION_SOURCE,
	    json_string(en->source.text));
	(void)json_object_set_new(platform, "architecture",
	    json_string(p->arch));
	(void)json_object_set_new(platform, "os", json_string(p->os));
	if (p->variant[0] != '\0')
		(void)json_object_set_new(platform, "variant",
		    json_string(p->variant));
	return json_pack("{ss ss sI so so}", "mediaType", MEDIA_TYPE_MANIFEST,
	    "digest", en->digest.text, "size", (json_int_t)en->size,
	    "platform", platform, "annotations", notes);
}

static int
index_write(struct store *st, const struct entries *es, struct err *e)
{
	own_json json_t *doc = NULL;
	own_mem char *text = NULL;
	json_t *list = json_array();

	for (size_t i = 0; i < es->n; i++)
		if (json_array_append_new(list, entry_json(&es->v[i])) == -1) {
			json_decref(list);
			return err_set(e, ENOMEM, "index.json: no memory");
		}
	doc = json_pack("{si ss so}", "schemaVersion", 2, "mediaType",
	    "application/vnd.oci.image.index.v1+json", "manifests", list);
	text = doc == NULL ? NULL : json_print(doc);
	if (text == NULL)
		return err_set(e, ENOMEM, "index.json: no memory");
	/* What the index names must be there before the index is. */
	if (fsync(st->blobs) == -1)
		return err_sys(e, "sync blobs");
	return file_replace(st->dir, "index.json", text, strlen(text), 0644,
	    e);
}

int
store_edit(struct store *st, int (*edit)(struct entries *, void *,
    struct err *), void *arg, struct err *e)
{
	own_fd int guard = -1;
	struct entries es = { 0 };
	int r;

	guard = openat(st->dir, "index.lock",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (guard == -1 || flock(guard, LOCK_EX) == -1)
		return err_sys(e, "lock index.lock of the store");
	if (store_entries(&es, st, e) == -1)
		return -1;
	r = edit(&es, arg, e);
	if (r == 1)
		r = index_write(st, &es, e);
	entries_fini(&es);
	return r;
}

static bool
platform_same(const struct platform *a, const struct platform *b)
{
	return strcmp(a->os, b->os) == 0 && strcmp(a->arch, b->arch) == 0 &&
	    strcmp(a->variant, b->variant) == 0;
}

static int
edit_put(struct entries *es, void *arg, struct err *e)
{
	const struct entry *new = arg;
	struct entry *v;
	size_t n = 0;

	for (size_t i = 0; i < es->n; i++) {
		struct entry *old = &es->v[i];
		bool same = digest_equal(&old->digest, &new->digest);

		if (strcmp(old->name, new->name) == 0 &&
		    platform_same(&old->platform, &new->platform))
			old->name[0] = '\0';
		if (!same || old->name[0] != '\0')
			es->v[n++] = *old;
	}
	es->n = n;
	if (n >= STORE_ENTRIES_MAX)
		return err_api(e, ENOSPC, "io",
		    "the store holds %d images; remove some",
		    STORE_ENTRIES_MAX);
	v = realloc(es->v, (n + 1) * sizeof(*v));
	if (v == NULL)
		return err_sys(e, "index");
	v[n] = *new;
	es->v = v;
	es->n = n + 1;
	return 1;
}

int
store_put(struct store *st, const struct entry *en, struct err *e)
{
	struct entry copy = *en;

	return store_edit(st, edit_put, &copy, e);
}

/* --- looking up --------------------------------------------------------- */

int
wanted_parse(struct wanted *ret, const char *what, struct err *e)
{
	struct wanted w;

	memset(&w, 0, sizeof(w));
	if (strncmp(what, "sha256:", 7) == 0) {
		if (digest_parse(&w.digest, what, e) == -1)
			return -1;
	} else if (reference_parse(&w.ref, what, e) == -1) {
		return -1;
	}
	*ret = w;
	return 0;
}

static bool
either_digest(const struct entry *en, const struct digest *d)
{
	return digest_equal(&en->digest, d) || digest_equal(&en->source, d);
}

bool
wanted_match(const struct wanted *w, const struct entry *en)
{
	char name[REFERENCE_MAX + 1];
	size_t len;

	if (w->digest.text[0] != '\0')
		return either_digest(en, &w->digest);
	if (w->ref.digest.text[0] == '\0')
		return strcmp(en->name, reference_print(name, &w->ref)) == 0;
	/* By digest: any tag of the same repository will do. */
	len = (size_t)snprintf(name, sizeof(name), "%s/%s", w->ref.registry,
	    w->ref.repository);
	return either_digest(en, &w->ref.digest) &&
	    strncmp(en->name, name, len) == 0 &&
	    (en->name[len] == ':' || en->name[len] == '@');
}

int
store_find(struct entry *ret, struct store *st, const char *what,
    const struct platform *want, struct err *e)
{
	char text[PLATFORM_TEXT];
	struct entries es = { 0 };
	struct platform host;
	struct wanted w;
	const struct entry *found = NULL;

	if (wanted_parse(&w, what, e) == -1 || store_entries(&es, st, e) == -1)
		return -1;
	platform_host(&host);
	for (size_t i = 0; i < es.n; i++) {
		const struct entry *en = &es.v[i];

		if (!wanted_match(&w, en))
			continue;
		if (want != NULL && !platform_match(&en->platform, want))
			continue;
		if (found == NULL || platform_match(&en->platform, &host))
			found = en;
	}
	if (found != NULL)
		*ret = *found;
	entries_fini(&es);
	if (found == NULL)
		return err_api(e, ENOENT, "not_found",
		    "%.256s: no such image%s%s", what,
		    want == NULL ? "" : " for ",
		    want == NULL ? "" : platform_print(text, want));
	return 0;
}
