/* SPDX-License-Identifier: ISC */
/*
 * import.c - images from an archive into the store; see import.h
 *
 * Process: vmd-image.  Sandbox: the store, no network.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oci/archive_files.h"
#include "oci/import.h"

#define IMAGES_MAX	1024	/* manifests an archive lists */
#define TAGS_MAX	1024	/* names of one image */
#define NESTED_MAX	4	/* indexes in each other */

#define ANNOTATION_NAME		"org.opencontainers.image.ref.name"
#define ANNOTATION_CONTAINERD	"io.containerd.image.name"

struct importing {
	const struct import	*want;
	struct store		*st;
	struct archive_files	*files;
	struct platform		 platform;	/* where there is a choice */
	struct entries		 found;		/* one a name */
	size_t			 images;	/* met, whatever platform */
	struct manifest		 manifest;	/* of the present one */
};

static int
invalid(struct err *e, const char *what)
{
	return err_api(e, EINVAL, "invalid_archive", "%s", what);
}

static int
parse_file(json_t **ret, const struct importing *im,
    const struct archive_file *f, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, MANIFEST_MAX);
	r = archive_file_text(&b, im->st, f, e);
	if (r == 0)
		r = json_parse(ret, b.data, b.len, e);
	buf_fini(&b);
	if (r == -1) {
		e->code = "invalid_archive";
		return err_prefix(e, "%.200s", f->path);
	}
	return 0;
}

/* --- an image into the store -------------------------------------------- */

static int
adopt_blob(struct importing *im, const struct blob *b, struct err *e)
{
	const struct archive_file *f;

	f = archive_files_hashed(im->files, &b->digest);
	if (f == NULL && store_blob_size(im->st, &b->digest) ==
	    (int64_t)b->size)
		return 0;	/* brought by another image */
	if (f == NULL)
		return err_api(e, ENOENT, "invalid_archive",
		    "the archive lacks blob %s", b->digest.text);
	if (f->size != b->size)
		return err_api(e, EINVAL, "invalid_archive",
		    "blob %s has %llu bytes, not %llu", b->digest.text,
		    (unsigned long long)f->size, (unsigned long long)b->size);
	return archive_file_adopt(im->st, f, e);
}

static int
read_platform(struct platform *ret, struct importing *im, struct err *e)
{
	OWN(config_destroy) struct config *c = NULL;
	struct buf b;
	int r;

	buf_init(&b, CONFIG_MAX);
	r = store_blob(&b, im->st, &im->manifest.config.digest, e);
	if (r == 0)
		r = config_parse(&c, b.data, b.len, e);
	buf_fini(&b);
	if (r == 0)
		*ret = c->platform;
	return r;
}

/*
 * Blobs of im->manifest into the store; en->digest is that of the manifest,
 * whose bytes the caller put there.
 */
static int
adopt(struct entry *en, struct importing *im, struct err *e)
{
	char has[PLATFORM_TEXT], want[PLATFORM_TEXT];
	struct manifest *m = &im->manifest;

	if (adopt_blob(im, &m->config, e) == -1)
		return -1;
	for (size_t i = 0; i < m->nlayers; i++)
		if (adopt_blob(im, &m->layers[i], e) == -1)
			return -1;
	if (read_platform(&en->platform, im, e) == -1)
		return -1;
	if (im->want->platform != NULL &&
	    !platform_match(&en->platform, im->want->platform))
		return err_api(e, ENOENT, "platform_not_available",
		    "not available for %s; there is: %s",
		    platform_print(want, im->want->platform),
		    platform_print(has, &en->platform));
	en->source = en->digest;
	return 0;
}

/* One more name for the image; "" for none. */
static int
found(struct importing *im, const struct entry *en, const char *name,
    struct err *e)
{
	struct reference ref;
	struct entry *v;

	if (im->want->name != NULL)
		name = im->want->name;
	if (name[0] == '\0')
		return invalid(e, "the archive has an image without a name; "
		    "say which name it is to have");
	if (reference_parse(&ref, name, e) == -1)
		return -1;
	v = realloc(im->found.v, (im->found.n + 1) * sizeof(*v));
	if (v == NULL)
		return err_sys(e, "import");
	im->found.v = v;
	v[im->found.n] = *en;
	(void)reference_print(v[im->found.n++].name, &ref);
	return 0;
}

/* --- an OCI layout ------------------------------------------------------ */

/* A manifest of the archive, or the one of an index that fits. */
static int
oci_manifest(struct entry *en, struct importing *im, const struct blob *from,
    struct err *e)
{
	struct blob b = *from;

	for (int depth = 0; depth < NESTED_MAX; depth++) {
		own_json json_t *doc = NULL;
		const struct archive_file *f;
		struct buf text;
		int r;

		f = archive_files_hashed(im->files, &b.digest);
		if (f == NULL)
			return err_api(e, ENOENT, "invalid_archive",
			    "the archive lacks blob %s", b.digest.text);
		if (parse_file(&doc, im, f, e) == -1)
			return -1;
		if (manifest_is_index(doc)) {
			if (manifest_choose(&b, doc, &im->platform, e) == -1)
				return -1;
			continue;
		}
		buf_init(&text, MANIFEST_MAX);
		r = archive_file_text(&text, im->st, f, e);
		if (r == 0)
			r = manifest_parse(&im->manifest, text.data, text.len,
			    e);
		buf_fini(&text);
		if (r == -1 || archive_file_adopt(im->st, f, e) == -1)
			return -1;
		en->digest = b.digest;
		en->size = f->size;
		return adopt(en, im, e);
	}
	return invalid(e, "too many indexes in each other");
}

/* A tag alone ("latest") is no name of an image. */
static const char *
oci_name(const json_t *descriptor)
{
	const json_t *notes = json_object_get(descriptor, "annotations");
	const char *name;

	name = json_string_value(json_object_get(notes,
	    ANNOTATION_CONTAINERD));
	if (name == NULL)
		name = json_string_value(json_object_get(notes,
		    ANNOTATION_NAME));
	return name == NULL || strpbrk(name, "/:") == NULL ? "" : name;
}

/* Is it said to be for another platform than the one that is wanted? */
static bool
for_another(const struct importing *im, const json_t *descriptor)
{
	json_t *list = json_pack("{s[O]}", "manifests", descriptor);
	struct blob ignored;
	struct err e;
	bool no;

	no = json_object_get(descriptor, "platform") != NULL &&
	    manifest_choose(&ignored, list, &im->platform, &e) == -1 &&
	    e.num == ENOENT;
	json_decref(list);
	return no;
}

static int
import_oci(struct importing *im, const struct archive_file *index,
    struct err *e)
{
	own_json json_t *doc = NULL;
	json_t *list = NULL, *v;
	size_t i;

	if (parse_file(&doc, im, index, e) == -1)
		return -1;
	if (json_get_arr(&list, doc, "manifests", IMAGES_MAX, e) != 1)
		return invalid(e, "index.json: no list of manifests");
	json_array_foreach(list, i, v) {
		const char *digest = json_string_value(json_object_get(v,
		    "digest"));
		struct entry en = { .name = "" };
		struct blob b = { .size = 0 };

		if (digest == NULL || digest_parse(&b.digest, digest, e) == -1)
			return invalid(e, "index.json: an invalid digest");
		if (json_array_size(list) > 1 && for_another(im, v))
			continue;
		im->images++;
		if (oci_manifest(&en, im, &b, e) == -1 ||
		    found(im, &en, oci_name(v), e) == -1)
			return -1;
	}
	return 0;
}

/* --- docker save -------------------------------------------------------- */

static const char *
layer_type(const struct archive_file *f)
{
	if (f->magic[0] == 0x1f && f->magic[1] == 0x8b)
		return MEDIA_TYPE_LAYER "+gzip";
	if (memcmp(f->magic, "\x28\xb5\x2f\xfd", ARCHIVE_MAGIC) == 0)
		return MEDIA_TYPE_LAYER "+zstd";
	return MEDIA_TYPE_LAYER;
}

static json_t *
descriptor(const struct archive_file *f, const char *type)
{
	return json_pack("{ss ss sI}", "mediaType", type, "digest",
	    f->digest.text, "size", (json_int_t)f->size);
}

/* The manifest that docker's description of an image amounts to. */
static int
docker_manifest(json_t **ret, struct importing *im, const json_t *image,
    struct err *e)
{
	const struct archive_file *f = NULL;
	const json_t *layers = json_object_get(image, "Layers");
	const char *path = json_string_value(json_object_get(image, "Config"));
	own_json json_t *list = json_array();
	json_t *v, *config;
	size_t i;

	if (path != NULL)
		f = archive_files_named(im->files, path);
	if (f == NULL)
		return invalid(e, "the configuration is not in the archive");
	config = descriptor(f, MEDIA_TYPE_CONFIG);
	json_array_foreach(layers, i, v) {
		path = json_string_value(v);
		f = path == NULL ? NULL :
		    archive_files_named(im->files, path);
		if (f == NULL) {
			json_decref(config);
			return err_api(e, ENOENT, "invalid_archive",
			    "layer %zu is not in the archive", i + 1);
		}
		(void)json_array_append_new(list,
		    descriptor(f, layer_type(f)));
	}
	*ret = json_pack("{si ss so sO}", "schemaVersion", 2, "mediaType",
	    MEDIA_TYPE_MANIFEST, "config", config, "layers", list);
	return *ret == NULL ? err_set(e, ENOMEM, "no memory") : 0;
}

static int
docker_image(struct importing *im, const json_t *image, struct err *e)
{
	const json_t *tags = json_object_get(image, "RepoTags");
	own_json json_t *doc = NULL;
	own_mem char *text = NULL;
	struct entry en = { .name = "" };
	json_t *v;
	size_t i;

	if (docker_manifest(&doc, im, image, e) == -1)
		return -1;
	text = json_print(doc);
	if (text == NULL)
		return err_set(e, ENOMEM, "no memory");
	if (manifest_parse(&im->manifest, text, strlen(text), e) == -1 ||
	    store_blob_put(&en.digest, im->st, text, strlen(text), e) == -1)
		return -1;
	en.size = strlen(text);
	if (adopt(&en, im, e) == -1)
		return -1;
	im->images++;
	if (im->want->name != NULL || json_array_size(tags) == 0)
		return found(im, &en, "", e);
	if (json_array_size(tags) > TAGS_MAX)
		return invalid(e, "an image with more than 1024 names");
	json_array_foreach(tags, i, v)
		if (found(im, &en, json_is_string(v) ? json_string_value(v) :
		    "", e) == -1)
			return -1;
	return 0;
}

static int
import_docker(struct importing *im, const struct archive_file *list,
    struct err *e)
{
	own_json json_t *doc = NULL;
	json_t *v;
	size_t i;

	if (parse_file(&doc, im, list, e) == -1)
		return -1;
	if (!json_is_array(doc) || json_array_size(doc) > IMAGES_MAX)
		return invalid(e, "manifest.json is not a list of images");
	json_array_foreach(doc, i, v)
		if (docker_image(im, v, e) == -1)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------------ */

static int
import_images(struct importing *im, struct err *e)
{
	const struct archive_file *f;
	char text[PLATFORM_TEXT];
	int r;

	if (archive_files_named(im->files, "oci-layout") != NULL &&
	    (f = archive_files_named(im->files, "index.json")) != NULL)
		r = import_oci(im, f, e);
	else if ((f = archive_files_named(im->files, "manifest.json")) != NULL)
		r = import_docker(im, f, e);
	else
		r = invalid(e,
		    "neither an OCI layout nor an archive of docker save");
	if (r == -1)
		return -1;
	if (im->images == 0)
		return err_api(e, ENOENT, "platform_not_available",
		    "the archive has no image for %s",
		    platform_print(text, &im->platform));
	if (im->want->name != NULL && im->images > 1)
		return invalid(e,
		    "the archive has several images; a name fits one only");
	for (size_t i = 0; i < im->found.n; i++)
		if (store_put(im->st, &im->found.v[i], e) == -1)
			return -1;
	return 0;
}

int
import_archive(struct entries *ret, struct store *st,
    const struct import *want, struct err *e)
{
	own_mem struct importing *im = calloc(1, sizeof(*im));
	int r;

	if (im == NULL)
		return err_sys(e, "import");
	im->want = want;
	im->st = st;
	platform_host(&im->platform);
	if (want->platform != NULL)
		im->platform = *want->platform;
	r = store_work(st, e);
	if (r == 0)
		r = archive_files_read(&im->files, st, want->fd, e);
	if (r == 0)
		r = import_images(im, e);
	archive_files_destroy(im->files);
	if (r == -1)
		entries_fini(&im->found);
	else
		*ret = im->found;
	return r;
}
