/* SPDX-License-Identifier: ISC */
/* sweep.c - taking images out of the store; see sweep.h */

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "oci/store.h"
#include "oci/sweep.h"

#define MARKER	"sweep"

/* --- what is named ------------------------------------------------------ */

/* Digests that stay, sorted once they are all there. */
struct marks {
	struct digest	*v;
	size_t		 n, cap;
};

static int
mark(struct marks *m, const struct digest *d, struct err *e)
{
	struct digest *v;

	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 256 : 2 * m->cap;
		v = realloc(m->v, m->cap * sizeof(*v));
		if (v == NULL)
			return err_sys(e, "sweep");
		m->v = v;
	}
	m->v[m->n++] = *d;
	return 0;
}

static int
mark_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static bool
marked(const struct marks *m, const char *hex)
{
	struct digest d;

	if (strlen(hex) != DIGEST_HEX)
		return false;
	(void)snprintf(d.text, sizeof(d.text), "sha256:%s", hex);
	return m->n > 0 &&
	    bsearch(&d, m->v, m->n, sizeof(d), mark_cmp) != NULL;
}

/*
 * Everything an entry names.  A manifest that is gone or damaged names
 * nothing: its image has to be pulled again in any case.  One that cannot be
 * read just now stops the sweep.
 */
static int
mark_entry(struct marks *m, struct store *st, const struct entry *en,
    struct err *e)
{
	own_mem struct manifest *mf = calloc(1, sizeof(*mf));
	struct err why;

	if (mf == NULL)
		return err_sys(e, "sweep");
	if (mark(m, &en->digest, e) == -1)
		return -1;
	if (store_manifest(mf, st, &en->digest, &why) == -1) {
		if (why.code != NULL && (strcmp(why.code, "damaged") == 0 ||
		    strcmp(why.code, "invalid_image") == 0))
			return 0;
		return err_api(e, why.num, "io", "%s", why.text);
	}
	if (mark(m, &mf->config.digest, e) == -1)
		return -1;
	for (size_t i = 0; i < mf->nlayers; i++)
		if (mark(m, &mf->layers[i].digest, e) == -1)
			return -1;
	return 0;
}

/* --- deleting ----------------------------------------------------------- */

/* Call 'each' for the files of a directory with their sizes. */
static int
each_file(int dirfd, void (*each)(int, const char *, uint64_t, void *),
    void *arg, struct err *e)
{
	struct dirent *d;
	struct stat sb;
	DIR *dir;
	int fd;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		(void)err_sys(e, "read the store");
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL)
		if (fstatat(dirfd, d->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !S_ISDIR(sb.st_mode))
			each(dirfd, d->d_name, (uint64_t)sb.st_size, arg);
	(void)closedir(dir);
	return 0;
}

struct sweeping {
	struct marks	 marks;
	uint64_t	 freed;
};

/* A blob is called <hex>, a root image <hex>.sqfs. */
static void
sweep_file(int dirfd, const char *name, uint64_t bytes, void *arg)
{
	struct sweeping *s = arg;
	char hex[DIGEST_HEX + 1];

	(void)snprintf(hex, sizeof(hex), "%.*s",
	    (int)strcspn(name, "."), name);
	if (marked(&s->marks, hex))
		return;
	if (unlinkat(dirfd, name, 0) == 0)
		s->freed += bytes;
}

/* Delete what no entry names.  The lock is held exclusively. */
static int
sweep(uint64_t *freed, struct store *st, struct err *e)
{
	struct sweeping s = { 0 };
	struct entries es = { 0 };
	int r;

	r = store_entries(&es, st, e);
	for (size_t i = 0; r == 0 && i < es.n; i++)
		r = mark_entry(&s.marks, st, &es.v[i], e);
	entries_fini(&es);
	if (r == 0) {
		if (s.marks.n > 0)
			qsort(s.marks.v, s.marks.n, sizeof(*s.marks.v),
			    mark_cmp);
		r = each_file(st->blobs, sweep_file, &s, e);
		if (r == 0)
			r = each_file(st->root, sweep_file, &s, e);
	}
	free(s.marks.v);
	if (r == -1)
		return -1;
	(void)unlinkat(st->dir, MARKER, 0);
	*freed = s.freed;
	return 0;
}

/* Sweep when no other job is there. */
static int
sweep_now(struct sweep_result *ret, struct store *st, struct err *e)
{
	int r = 0;

	ret->freed = 0;
	ret->deferred = flock(st->lock, LOCK_EX | LOCK_NB) == -1;
	if (!ret->deferred)
		r = sweep(&ret->freed, st, e);
	if (flock(st->lock, LOCK_SH) == -1)
		return err_sys(e, "lock the store");
	return r;
}

int
sweep_mark(struct store *st, struct err *e)
{
	int fd = openat(st->dir, MARKER, O_WRONLY | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW, 0644);

	if (fd == -1)
		return err_sys(e, "make %s in the store", MARKER);
	(void)close(fd);
	return 0;
}

void
sweep_deferred(struct store *st)
{
	struct sweep_result r;
	struct err e;

	if (faccessat(st->dir, MARKER, F_OK, 0) == -1)
		return;
	if (sweep_now(&r, st, &e) == -1)
		log_err(&e, "what is not used any more was not deleted");
}

/* --- names -------------------------------------------------------------- */

struct removing {
	const struct removal	*what;
	struct wanted		 wanted;
	struct entries		 gone;
};

static bool
goes(const struct removing *r, const struct entry *en)
{
	const struct removal *what = r->what;

	if (what->name != NULL)
		return wanted_match(&r->wanted, en) &&
		    (what->platform == NULL ||
		    platform_match(&en->platform, what->platform));
	for (size_t i = 0; i < what->nkeep; i++)
		if (digest_equal(&what->keep[i], &en->digest))
			return false;
	return what->all || en->name[0] == '\0';
}

static int
edit_remove(struct entries *es, void *arg, struct err *e)
{
	struct removing *r = arg;
	size_t n = 0;

	r->gone.v = calloc(es->n + 1, sizeof(*r->gone.v));
	if (r->gone.v == NULL)
		return err_sys(e, "remove");
	for (size_t i = 0; i < es->n; i++) {
		if (goes(r, &es->v[i]))
			r->gone.v[r->gone.n++] = es->v[i];
		else
			es->v[n++] = es->v[i];
	}
	es->n = n;
	if (r->gone.n == 0 && r->what->name != NULL)
		return err_api(e, ENOENT, "not_found",
		    "%.256s: no such image", r->what->name);
	return r->gone.n > 0;
}

int
sweep_images(struct sweep_result *ret, struct store *st,
    const struct removal *what, struct err *e)
{
	struct removing r = { .what = what };
	int res;

	if (what->name != NULL &&
	    wanted_parse(&r.wanted, what->name, e) == -1)
		return -1;
	if (sweep_mark(st, e) == -1)
		return -1;
	res = store_edit(st, edit_remove, &r, e);
	if (res != -1) {
		for (size_t i = 0; i < r.gone.n; i++)
			what->deleted(&r.gone.v[i], what->arg);
		res = sweep_now(ret, st, e);
	}
	entries_fini(&r.gone);
	return res;
}

/* --- how much ----------------------------------------------------------- */

static void
add_bytes(int dirfd, const char *name, uint64_t bytes, void *arg)
{
	uint64_t *sum = arg;

	(void)dirfd;
	(void)name;
	*sum += bytes;
}

int
sweep_usage(uint64_t *blobs, uint64_t *roots, struct store *st, struct err *e)
{
	uint64_t b = 0, r = 0;

	if (each_file(st->blobs, add_bytes, &b, e) == -1 ||
	    each_file(st->root, add_bytes, &r, e) == -1)
		return -1;
	*blobs = b;
	*roots = r;
	return 0;
}
