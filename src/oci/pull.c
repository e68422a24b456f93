/* SPDX-License-Identifier: ISC */
/*
 * pull.c - an image from a registry into the store; see pull.h
 *
 * Process: vmd-image.  Sandbox: network, the store.  Needs: skopeo.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "oci/job.h"
#include "oci/pull.h"

#define LAYOUT	"layout"	/* skopeo's layout in the work directory */

struct pulling {
	const struct pull	*want;
	struct store		*st;
	struct reference	 ref;
	struct digest		 source;	/* of what the name means */
	struct blob		 chosen;	/* the registry's manifest */
	struct manifest		 manifest;
	struct progress		 progress;
};

/* --- what the name means ------------------------------------------------ */

static char *
by_digest(char buf[REFERENCE_MAX + 1], const struct pulling *p,
    const struct digest *d)
{
	struct reference ref = p->ref;

	ref.digest = *d;
	return reference_print(buf, &ref);
}

/* A document by its digest, which it must have. */
static int
fetch(struct buf *b, const struct pulling *p, const struct digest *d,
    bool config, struct err *e)
{
	char image[REFERENCE_MAX + 1];
	struct digest is;

	if (skopeo_inspect(b, p->st, &p->want->access,
	    by_digest(image, p, config ? &p->chosen.digest : d), config,
	    e) == -1)
		return -1;
	digest_of(&is, b->data, b->len);
	if (!digest_equal(&is, d))
		return err_api(e, EIO, "network",
		    "%s: the registry sent other bytes (%s)", image, is.text);
	return 0;
}

/* An index: choose, and get what was chosen. */
static int
take_index(struct pulling *p, const json_t *index, struct err *e)
{
	struct buf b;
	int r;

	if (manifest_choose(&p->chosen, index, &p->want->platform, e) == -1)
		return -1;
	buf_init(&b, MANIFEST_MAX);
	r = fetch(&b, p, &p->chosen.digest, false, e);
	if (r == 0)
		r = manifest_parse(&p->manifest, b.data, b.len, e);
	buf_fini(&b);
	return r;
}

/* A manifest alone: what it is for stands in its configuration. */
static int
take_manifest(struct pulling *p, const struct buf *text, struct err *e)
{
	char has[PLATFORM_TEXT], want[PLATFORM_TEXT];
	OWN(config_destroy) struct config *c = NULL;
	struct buf b;
	int r;

	p->chosen.digest = p->source;
	if (manifest_parse(&p->manifest, text->data, text->len, e) == -1)
		return -1;
	buf_init(&b, CONFIG_MAX);
	r = fetch(&b, p, &p->manifest.config.digest, true, e);
	if (r == 0)
		r = config_parse(&c, b.data, b.len, e);
	buf_fini(&b);
	if (r == 0 && !platform_match(&c->platform, &p->want->platform))
		return err_api(e, ENOENT, "platform_not_available",
		    "not available for %s; there is: %s",
		    platform_print(want, &p->want->platform),
		    platform_print(has, &c->platform));
	return r;
}

static int
resolve(struct pulling *p, struct err *e)
{
	char name[REFERENCE_MAX + 1];
	own_json json_t *doc = NULL;
	struct buf b;
	int r;

	job_progress(&p->progress);
	(void)reference_print(name, &p->ref);
	buf_init(&b, MANIFEST_MAX);
	r = skopeo_inspect(&b, p->st, &p->want->access, name, false, e);
	if (r == 0) {
		digest_of(&p->source, b.data, b.len);
		r = json_parse(&doc, b.data, b.len, e);
		if (r == -1)
			e->code = "invalid_image";
	}
	if (r == 0)
		r = manifest_is_index(doc) ? take_index(p, doc, e) :
		    take_manifest(p, &b, e);
	buf_fini(&b);
	if (r == -1 && strncmp(e->text, name, strlen(name)) != 0)
		return err_prefix(e, "%s", name);
	return r;
}

/* --- the blobs ---------------------------------------------------------- */

/* Bytes that skopeo has of blobs that are not complete. */
static uint64_t
partial_bytes(const struct pulling *p)
{
	uint64_t sum = 0;
	struct dirent *d;
	struct stat sb;
	DIR *dir;
	int fd;

	fd = openat(p->st->work, LAYOUT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			(void)close(fd);
		return 0;
	}
	while ((d = readdir(dir)) != NULL)
		if (strncmp(d->d_name, "oci-put-blob", 12) == 0 &&
		    fstatat(fd, d->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0)
			sum += (uint64_t)sb.st_size;
	(void)closedir(dir);
	return sum;
}

static void
tick(void *arg)
{
	struct pulling *p = arg;
	struct progress *pr = &p->progress;
	const struct manifest *m = &p->manifest;
	uint64_t done = 0;

	pr->layers_done = 0;
	for (size_t i = 0; i < m->nlayers; i++)
		if (store_blob_size(p->st, &m->layers[i].digest) ==
		    (int64_t)m->layers[i].size) {
			done += m->layers[i].size;
			pr->layers_done++;
		}
	done += partial_bytes(p);
	pr->bytes_done = done < pr->bytes_total ? done : pr->bytes_total;
	job_progress(pr);
}

/* A blob that is cut short would be taken for the whole one. */
static void
drop_bad(struct store *st, const struct blob *b)
{
	int64_t size = store_blob_size(st, &b->digest);

	if (size != -1 && (uint64_t)size != b->size)
		(void)unlinkat(st->blobs, digest_hex(&b->digest), 0);
}

static bool
complete(struct store *st, const struct manifest *m)
{
	if (store_blob_size(st, &m->config.digest) != (int64_t)m->config.size)
		return false;
	for (size_t i = 0; i < m->nlayers; i++)
		if (store_blob_size(st, &m->layers[i].digest) !=
		    (int64_t)m->layers[i].size)
			return false;
	return true;
}

static int
copy(struct pulling *p, struct err *e)
{
	char image[REFERENCE_MAX + 1];
	struct skopeo_copy what = { .access = &p->want->access,
	    .image = by_digest(image, p, &p->chosen.digest), .layout = LAYOUT,
	    .tick = tick, .arg = p };
	struct manifest *m = &p->manifest;

	drop_bad(p->st, &m->config);
	for (size_t i = 0; i < m->nlayers; i++) {
		drop_bad(p->st, &m->layers[i]);
		p->progress.bytes_total += m->layers[i].size;
	}
	p->progress.layers_total = (unsigned)m->nlayers;
	p->progress.phase = JOB_PULLING;
	return skopeo_copy(p->st, &what, e);
}

/* --- into the store ----------------------------------------------------- */

/* Digest of the manifest that skopeo wrote; it may have been converted. */
static int
written(struct digest *ret, struct pulling *p, struct err *e)
{
	own_json json_t *doc = NULL;
	const char *digest = NULL;
	struct buf b;
	int r;

	buf_init(&b, MANIFEST_MAX);
	r = file_read(&b, p->st->work, LAYOUT "/index.json", e);
	if (r == 0)
		r = json_parse(&doc, b.data, b.len, e);
	buf_fini(&b);
	if (r == -1)
		return -1;
	if (json_get_str(&digest, json_array_get(json_object_get(doc,
	    "manifests"), 0), "digest", DIGEST_TEXT, e) != 1)
		return err_api(e, EIO, "io", "skopeo wrote no manifest");
	return digest_parse(ret, digest, e);
}

static int
describe(struct entry *en, struct store *st, struct err *e)
{
	own_mem struct manifest *m = calloc(1, sizeof(*m));
	OWN(config_destroy) struct config *c = NULL;
	struct buf b;
	int r;

	if (m == NULL)
		return err_sys(e, "pull");
	if (store_manifest(m, st, &en->digest, e) == -1)
		return -1;
	if (!complete(st, m))
		return err_api(e, EIO, "damaged",
		    "a blob is not as the manifest says; pull again");
	buf_init(&b, CONFIG_MAX);
	r = store_blob(&b, st, &m->config.digest, e);
	if (r == 0)
		r = config_parse(&c, b.data, b.len, e);
	buf_fini(&b);
	if (r == -1)
		return -1;
	en->platform = c->platform;
	en->size = (uint64_t)store_blob_size(st, &en->digest);
	return 0;
}

int
pull_from_registry(struct entry *ret, struct store *st,
    const struct pull *want, struct err *e)
{
	own_mem struct pulling *p = calloc(1, sizeof(*p));
	struct entry en = { .name = "" };

	if (p == NULL)
		return err_sys(e, "pull");
	p->want = want;
	p->st = st;
	if (reference_parse(&p->ref, want->name, e) == -1 ||
	    store_work(st, e) == -1)
		return -1;
	if (resolve(p, e) == -1)
		return -1;
	en.digest = p->chosen.digest;
	if (store_blob_size(st, &en.digest) == -1 ||
	    !complete(st, &p->manifest)) {
		if (copy(p, e) == -1 || written(&en.digest, p, e) == -1)
			return -1;
	}
	(void)reference_print(en.name, &p->ref);
	en.source = p->source;
	if (describe(&en, st, e) == -1)
		return err_prefix(e, "%s", en.name);
	if (store_put(st, &en, e) == -1)
		return -1;
	*ret = en;
	return 0;
}
