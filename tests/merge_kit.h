/* SPDX-License-Identifier: ISC */
/*
 * merge_kit.h - layers in memory, merged, and what came out
 *
 * For the unit test and the fuzz target of src/oci/merge.c.  Whatever the
 * layers say, the merged tar must be one that a writer of root images can
 * take: kit_check() is the list of what it relies on.
 */

#ifndef MERGE_KIT_H
#define MERGE_KIT_H

#include <sys/mman.h>

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/buf.h"
#include "oci/merge.h"
#include "oci/tar_out.h"

#define KIT_LAYERS	8
#define KIT_OUT_MAX	(64U << 20)
#define KIT_PATHS	4096	/* entries that are checked */

struct kit_layer {
	const void	*data;
	size_t		 len;
};

struct kit {
	struct kit_layer layers[KIT_LAYERS];	/* the lowest first */
	size_t		 n;
	struct buf	 out;			/* the merged tar */
	unsigned	 runs;
};

static inline int
kit_open(struct layer **ret, size_t n, void *arg, struct err *e)
{
	struct kit *k = arg;
	struct blob b = { .size = k->layers[n].len };
	int fd = memfd_create("layer", MFD_CLOEXEC);

	if (fd == -1 || write(fd, k->layers[n].data, k->layers[n].len) !=
	    (ssize_t)k->layers[n].len || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	digest_of(&b.digest, k->layers[n].data, k->layers[n].len);
	return layer_open(ret, fd, &b, NULL, e);
}

static inline int
kit_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct kit *k = arg;

	if (buf_put(&k->out, data, len) == -1)
		return err_sys(e, "out");
	return 0;
}

/* Merge; the tar is in k->out, which the caller frees with buf_fini(). */
static inline int
kit_merge(struct kit *k, struct err *e)
{
	struct merge_source src = { .nlayers = k->n, .open = kit_open,
	    .arg = k };
	struct tar_out *out = malloc(sizeof(*out));
	struct merge *m = merge_new(&src);
	enum merge_end r;

	assert(m != NULL && out != NULL);
	buf_init(&k->out, KIT_OUT_MAX);
	k->runs = 0;
	do {
		buf_reset(&k->out);
		tar_out_init(out, kit_write, k);
		r = merge_run(m, out, e);
		if (r == MERGE_DONE && tar_out_end(out, e) == -1)
			r = MERGE_FAILED;
		k->runs++;
	} while (r == MERGE_AGAIN);
	merge_destroy(m);
	free(out);
	return r;
}

struct kit_path {
	char	*path;
	mode_t	 type;
};

static inline const struct kit_path *
kit_find(const struct kit_path *v, size_t n, const char *path, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(v[i].path) == len &&
		    memcmp(v[i].path, path, len) == 0)
			return &v[i];
	return NULL;
}

/* One entry against those before it; true when all is well. */
static inline bool
kit_entry_ok(const struct kit_path *v, size_t n, const char *path,
    const char *link)
{
	const struct kit_path *p;

	if (path == NULL || *path == '/' || *path == '\0' ||
	    kit_find(v, n, path, strlen(path)) != NULL)
		return false;
	for (const char *c = path;; c++) {
		size_t len = strcspn(c, "/");

		if (len == 0 || len > 255 || (len == 1 && *c == '.') ||
		    (len == 2 && c[0] == '.' && c[1] == '.') ||
		    strncmp(c, ".wh.", 4) == 0)
			return false;
		c += len;
		if (*c == '\0')
			break;
		p = kit_find(v, n, path, (size_t)(c - path));
		if (p != NULL && p->type != AE_IFDIR)
			return false;
	}
	p = link == NULL ? NULL : kit_find(v, n, link, strlen(link));
	return link == NULL || (p != NULL && p->type != AE_IFDIR);
}

/* Every path once, below directories only, a hard link after its file. */
static inline bool
kit_check(const struct kit *k)
{
	struct archive *in = archive_read_new();
	struct kit_path *v = calloc(KIT_PATHS, sizeof(*v));
	struct archive_entry *ae;
	bool ok = true;
	size_t n = 0;

	archive_read_support_format_tar(in);
	archive_read_support_format_empty(in);
	if (archive_read_open_memory(in, k->out.data, k->out.len) !=
	    ARCHIVE_OK)
		ok = false;
	while (ok && n < KIT_PATHS &&
	    archive_read_next_header(in, &ae) == ARCHIVE_OK) {
		char path[8192];
		const char *name = archive_entry_pathname(ae);

		(void)snprintf(path, sizeof(path), "%s",
		    name == NULL ? "" : name);
		if (archive_entry_filetype(ae) == AE_IFDIR &&
		    path[0] != '\0' && path[strlen(path) - 1] == '/')
			path[strlen(path) - 1] = '\0';
		ok = kit_entry_ok(v, n, path, archive_entry_hardlink(ae));
		v[n].path = strdup(path);
		v[n++].type = archive_entry_hardlink(ae) != NULL ? AE_IFREG :
		    archive_entry_filetype(ae);
	}
	while (n > 0)
		free(v[--n].path);
	free(v);
	archive_read_free(in);
	return ok;
}

#endif
