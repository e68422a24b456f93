/* SPDX-License-Identifier: ISC */
/*
 * merge.c - the layers of an image become one tar; see merge.h
 *
 * Of each path the tree knows: what the layers so far made of it (kind), in
 * which layer, from which layer down it is hidden itself (gone), and from
 * which layer down everything below it is hidden (barrier).  A file hides
 * both, a whiteout too, an opaque whiteout only what is below.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/util.h"
#include "oci/emit.h"
#include "oci/links.h"
#include "oci/merge.h"
#include "oci/squashfs.h"
#include "oci/tar_out.h"
#include "oci/tree.h"

#define WHITEOUT	".wh."
#define OPAQUE		".wh..wh..opq"
#define AUFS		".wh..wh."	/* aufs's own files: not contents */
#define SKIPS_MAX	65536U		/* entries that come again in a layer */
#define RUNS_MAX	4U		/* a second is enough for any image */
#define RESCANS_MAX	8U		/* readings of a layer for hard links */
#define SHOWN_MAX	200		/* bytes of a path in a message */

/* An earlier version of a path within one layer. */
struct skip {
	uint32_t	layer, entry;
};

struct merge {
	const struct merge_source *src;
	struct skip		*skips;		/* sorted when a run starts */
	size_t			 nskips;
	unsigned		 runs;

	/* Of one run: */
	struct squashfs_root	 root;
	struct emit		 emit;
	struct tree		*tree;
	struct links		*links;
	uint16_t		 layer;		/* 1: the lowest */
	uint32_t		 entry;		/* of the layer, from 1 */
	bool			 again;
	bool			 rescan;	/* only for hard links */
	bool			 took;		/* the rescan found some */
	uint16_t		 root_layer;	/* whose attributes these are */
	struct layer		*in;
	uint64_t		 bytes;		/* of blobs, in layers done */
	bool			 read_failed;
	struct err		 read_err;	/* why */
};

static int
refuse(struct err *e, const char *what)
{
	return err_api(e, EINVAL, "invalid_image", "%s", what);
}

/* --- paths -------------------------------------------------------------- */

/*
 * "./a//b/" to "a/b", the root to "".  What could lead out of the root is
 * refused; a hard link's target may be written from the root.
 */
static int
path_clean(char to[TREE_PATH_MAX], const char *from, bool target,
    struct err *e)
{
	size_t at = 0, n;

	if (*from == '/' && !target)
		return refuse(e, "an absolute path");
	for (; *from != '\0'; from += n) {
		if (*from == '/') {
			n = 1;
			continue;
		}
		n = strcspn(from, "/");
		if (n == 1 && from[0] == '.')
			continue;
		if (n == 2 && from[0] == '.' && from[1] == '.')
			return refuse(e, "the path leaves the root with ..");
		if (n > TREE_NAME_MAX)
			return refuse(e, "a component longer than 255 bytes");
		if (at + 1 + n >= TREE_PATH_MAX)
			return refuse(e, "a path longer than 4095 bytes");
		if (at > 0)
			to[at++] = '/';
		memcpy(to + at, from, n);
		at += n;
	}
	to[at] = '\0';
	return 0;
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/*
 * The node of a path as this layer sees it, made when 'make' and it is not
 * there.  *ret is NULL when an upper layer hides it together with a
 * directory it is in (or when it is not there); *hidden says which.
 */
static int
walk(struct node **ret, bool *hidden, struct merge *m, const char *path,
    bool make, struct err *e)
{
	struct node *nd = tree_root(m->tree);
	size_t n;

	*ret = NULL;
	*hidden = false;
	for (; *path != '\0'; path += n + (path[n] == '/')) {
		if (nd->barrier > m->layer) {
			*hidden = true;
			return 0;
		}
		if (nd->kind >= NODE_OTHER && nd->layer == m->layer)
			return refuse(e, "the path leads through a file or "
			    "symbolic link of this layer");
		n = strcspn(path, "/");
		nd = make ? tree_get(m->tree, nd, path, n, e) :
		    tree_find(m->tree, nd, path, n);
		if (nd == NULL)
			return make ? -1 : 0;
	}
	*ret = nd;
	return 0;
}

/* What leads to a path is a directory. */
static void
imply_parents(struct merge *m, const struct node *nd)
{
	struct node *up = tree_parent(m->tree, nd);

	for (; up != NULL && up->kind == NODE_NONE;
	    up = tree_parent(m->tree, up)) {
		up->kind = NODE_IMPLIED;
		up->layer = m->layer;
	}
}

static void
raise_to(uint16_t *mark, uint16_t layer)
{
	if (*mark < layer)
		*mark = layer;
}

/* --- what a layer says about a path ------------------------------------- */

/* The path is in this layer a second time: the one before counts not. */
static int
duplicate(struct merge *m, struct node *nd, enum node_kind kind,
    struct err *e)
{
	struct skip *v;

	if (m->nskips == SKIPS_MAX)
		return refuse(e, "too many paths that come twice");
	v = realloc(m->skips, (m->nskips + 1) * sizeof(*v));
	if (v == NULL)
		return err_sys(e, "merge");
	m->skips = v;
	v[m->nskips++] = (struct skip){ m->layer, nd->entry };
	nd->entry = m->entry;
	nd->kind = kind;
	m->again = m->emit.muted = true;
	return 0;
}

static int
skip_cmp(const void *a, const void *b)
{
	const struct skip *x = a, *y = b;

	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static bool
skipped(const struct merge *m)
{
	struct skip now = { m->layer, m->entry };

	return m->nskips > 0 && !m->again &&
	    bsearch(&now, m->skips, m->nskips, sizeof(now), skip_cmp) != NULL;
}

/* A directory's entry.  1: it counts; 0: it does not; -1: refused. */
static int
claim_dir(struct merge *m, struct node *nd, struct err *e)
{
	if (nd->kind >= NODE_DIR && nd->layer == m->layer)
		return duplicate(m, nd, NODE_DIR, e);
	if (nd->gone > m->layer)
		return 0;
	nd->kind = NODE_DIR;
	nd->layer = nd->gone = m->layer;
	nd->entry = m->entry;
	return 1;
}

/* The same for anything else. */
static int
claim_other(struct merge *m, struct node *nd, bool symlink, struct err *e)
{
	if (nd->kind >= NODE_DIR && nd->layer == m->layer)
		return duplicate(m, nd, NODE_OTHER, e);
	if (nd->kind == NODE_IMPLIED && nd->layer == m->layer)
		return refuse(e, "both a directory and not one");
	if (nd->kind == NODE_IMPLIED && nd->gone <= m->layer && symlink)
		return refuse(e, "a path of an upper layer leads through "
		    "this symbolic link");
	if (nd->kind == NODE_IMPLIED || nd->kind == NODE_DIR) {
		/* The directory above replaced us and what we replaced. */
		raise_to(&nd->gone, m->layer);
		raise_to(&nd->barrier, m->layer);
		return 0;
	}
	if (nd->gone > m->layer)
		return 0;
	nd->kind = NODE_OTHER;
	nd->layer = nd->gone = nd->barrier = m->layer;
	nd->entry = m->entry;
	return 1;
}

/* .wh.NAME: NAME of the layers below is not there. */
static int
whiteout(struct merge *m, char *path, struct err *e)
{
	char *base = path + (base_of(path) - path);
	struct node *nd;
	bool hidden, opaque = strcmp(base, OPAQUE) == 0;

	if (opaque) {
		base[base == path ? 0 : -1] = '\0';
	} else {
		if (strncmp(base, AUFS, strlen(AUFS)) == 0)
			return 0;
		memmove(base, base + 4, strlen(base + 4) + 1);
		if (*base == '\0' || strcmp(base, ".") == 0 ||
		    strcmp(base, "..") == 0)
			return refuse(e, "a whiteout of nothing");
	}
	if (walk(&nd, &hidden, m, path, true, e) == -1)
		return -1;
	if (hidden)
		return 0;
	raise_to(&nd->barrier, m->layer);
	if (!opaque)
		raise_to(&nd->gone, m->layer);
	return 0;
}

/* --- hard links --------------------------------------------------------- */

/* The link at 'name' is written. */
static void
link_there(struct merge *m, const char *name)
{
	struct node *nd = tree_root(m->tree);
	size_t n;

	for (; nd != NULL && *name != '\0'; name += n + (name[n] == '/')) {
		n = strcspn(name, "/");
		nd = tree_find(m->tree, nd, name, n);
	}
	if (nd != NULL && nd->kind == NODE_LINK)
		nd->kind = NODE_OTHER;
}

static int
link_emit(struct merge *m, const char *name, const char *target,
    struct err *e)
{
	if (emit_link(&m->emit, name, target, e) == -1)
		return -1;
	link_there(m, name);
	return 0;
}

/* Make 'name' a link to what this layer has at 'target', or wait for it. */
static int
link_to(struct merge *m, const char *name, const char *target, struct err *e)
{
	struct waiting w = { .layer = m->layer, .target = target };
	const struct waiting *other;
	struct node *nd;
	bool hidden;

	if (walk(&nd, &hidden, m, target, false, e) == -1)
		return -1;
	if (nd == tree_root(m->tree) || (nd != NULL &&
	    nd->kind == NODE_DIR && nd->layer == m->layer))
		return refuse(e, "a hard link to a directory");
	if (nd != NULL && nd->kind == NODE_OTHER && nd->layer == m->layer)
		return link_emit(m, name, target, e);
	if (nd != NULL && nd->kind == NODE_LINK && nd->layer == m->layer) {
		other = links_named(m->links, target);
		if (other == NULL || strcmp(target, name) == 0)
			return refuse(e, "a hard link to itself");
		w = *other;
	} else {
		/* One that is hidden or skipped may have passed by already. */
		w.here = hidden || m->nskips > 0 ||
		    (nd != NULL && nd->gone > m->layer);
	}
	return links_add(m->links, &w, name, e);
}

/* All of a list that links_take() gave; it is freed in any case. */
static int
links_resolve(struct merge *m, struct waiting *list, const char *target,
    bool written, struct err *e)
{
	struct waiting *w;
	int r = 0;

	while ((w = list) != NULL) {
		list = w->next;
		m->took = true;
		if (r == 0 && written)
			r = link_emit(m, w->name, target, e);
		else if (r == 0)
			r = link_to(m, w->name, target, e);
		free(w);
	}
	return r;
}

/* A file nobody sees here, but for links that mean it: one becomes it. */
static int
emit_for_links(struct merge *m, struct archive *in, struct archive_entry *ae,
    struct waiting *list, struct err *e)
{
	own_mem struct waiting *first = list;

	m->took = true;
	list = first->next;
	if (archive_entry_filetype(ae) == AE_IFDIR)
		(void)refuse(e, "a hard link to a directory");
	else if (emit_entry(&m->emit, in, ae, first->name, e) == 0) {
		link_there(m, first->name);
		return links_resolve(m, list, first->name, true, e);
	}
	while (list != NULL) {
		own_mem struct waiting *w = list;

		list = w->next;
	}
	return -1;
}

/* --- entries ------------------------------------------------------------ */

static int
root_entry(struct merge *m, struct archive_entry *ae, struct err *e)
{
	time_t mtime = archive_entry_mtime(ae);
	struct squashfs_root is = {
		.mode = archive_entry_perm(ae),
		.uid = (uint32_t)archive_entry_uid(ae),
		.gid = (uint32_t)archive_entry_gid(ae),
		.mtime = (uint32_t)(mtime < 0 ? 0 : mtime),
	};

	if (archive_entry_filetype(ae) != AE_IFDIR)
		return refuse(e, "the root is not a directory");
	if (m->rescan || m->root_layer > m->layer)
		return 0;
	m->root_layer = m->layer;
	m->root = is;
	emit_wanted(&m->emit, is.uid, is.gid);
	return 0;
}

static int
hard_link(struct merge *m, const char *path, const char *to, bool counts,
    struct err *e)
{
	char target[TREE_PATH_MAX];
	struct waiting *list;

	if (path_clean(target, to, true, e) == -1)
		return err_prefix(e, "hard link to %.*s", SHOWN_MAX, to);
	list = links_take(m->links, path, m->layer, m->rescan);
	if (links_resolve(m, list, target, false, e) == -1)
		return -1;
	return counts ? link_to(m, path, target, e) : 0;
}

/* Anything with a path: does it count, and what hangs on it? */
static int
visit(struct merge *m, struct archive *in, struct archive_entry *ae,
    const char *path, struct err *e)
{
	const char *link = archive_entry_hardlink(ae);
	mode_t type = archive_entry_filetype(ae);
	struct waiting *list;
	struct node *nd;
	bool hidden = true;
	int counts = 0;

	if (!m->rescan && walk(&nd, &hidden, m, path, true, e) == -1)
		return -1;
	if (!hidden)
		counts = link == NULL && type == AE_IFDIR ?
		    claim_dir(m, nd, e) :
		    claim_other(m, nd, link == NULL && type == AE_IFLNK, e);
	if (counts == -1)
		return -1;
	if (counts == 1) {
		imply_parents(m, nd);
		if (link != NULL)
			nd->kind = NODE_LINK;
	}
	if (link != NULL)
		return hard_link(m, path, link, counts == 1, e);
	if (counts == 1 && emit_entry(&m->emit, in, ae, path, e) == -1)
		return -1;
	list = links_take(m->links, path, m->layer, m->rescan);
	if (list == NULL)
		return 0;
	if (counts == 1 && type != AE_IFDIR)
		return links_resolve(m, list, path, true, e);
	return emit_for_links(m, in, ae, list, e);
}

static int
entry(struct merge *m, struct archive *in, struct archive_entry *ae,
    const char *name, struct err *e)
{
	char path[TREE_PATH_MAX];
	const char *base;
	bool opaque;

	if (path_clean(path, name, false, e) == -1)
		return -1;
	if (path[0] == '\0')
		return root_entry(m, ae, e);
	if (!m->rescan && skipped(m))
		return 0;
	base = base_of(path);
	opaque = strcmp(base, OPAQUE) == 0;
	if (!opaque && (strncmp(path, AUFS, strlen(AUFS)) == 0 ||
	    strstr(path, "/" AUFS) != NULL))
		return 0;
	if (strncmp(base, WHITEOUT, strlen(WHITEOUT)) == 0)
		return m->rescan ? 0 : whiteout(m, path, e);
	return visit(m, in, ae, path, e);
}

/* --- layers ------------------------------------------------------------- */

static la_ssize_t
read_more(struct archive *in, void *arg, const void **ret)
{
	struct merge *m = arg;
	ssize_t n = layer_read(m->in, ret, &m->read_err);

	if (n != -1 && m->src->progress != NULL &&
	    m->src->progress(m->src->nlayers - m->layer,
	    m->bytes + layer_offset(m->in), m->src->arg, &m->read_err) == -1)
		n = -1;
	if (n == -1) {
		m->read_failed = true;
		archive_set_error(in, EIO, "%s", m->read_err.text);
	}
	return n;
}

/* A reader of m->in, or NULL. */
static struct archive *
reader_new(struct merge *m, struct err *e)
{
	struct archive *in = archive_read_new();

	m->read_failed = false;
	if (in == NULL || archive_read_support_format_tar(in) != ARCHIVE_OK ||
	    archive_read_support_format_empty(in) != ARCHIVE_OK)
		(void)err_set(e, ENOMEM, "no memory");
	else if (archive_read_open(in, m, NULL, read_more, NULL) ==
	    ARCHIVE_OK)
		return in;
	else if (m->read_failed)
		*e = m->read_err;
	else
		(void)refuse(e, "not a tar archive");
	if (in != NULL)
		(void)archive_read_free(in);
	return NULL;
}

/*
 * The name of the next entry: 1, 0 at the end.  Names are bytes; only where
 * the archive says they are UTF-8 and they cannot be had otherwise is that
 * form asked for.
 */
static int
next(const char **name, struct archive_entry **ae, struct archive *in,
    struct err *e)
{
	int r = archive_read_next_header(in, ae);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN)
		return refuse(e, archive_error_string(in) == NULL ?
		    "not a tar archive" : archive_error_string(in));
	*name = archive_entry_pathname(*ae);
	if (*name == NULL)
		*name = archive_entry_pathname_utf8(*ae);
	if (*name == NULL)
		return refuse(e, "an entry without a readable name");
	return 1;
}

static int
read_entries(struct merge *m, struct archive *in, struct err *e)
{
	struct archive_entry *ae;
	const char *name = NULL;
	int r;

	m->entry = 0;
	while ((r = next(&name, &ae, in, e)) == 1) {
		char shown[SHOWN_MAX + 1];

		(void)snprintf(shown, sizeof(shown), "%s", name);
		m->entry++;
		if (entry(m, in, ae, name, e) == -1)
			return err_prefix(e, "%s", shown);
	}
	return r;
}

/* What follows the archive in the layer is part of its digests. */
static int
drain(struct merge *m, struct err *e)
{
	const void *ignored;
	ssize_t n;

	while ((n = layer_read(m->in, &ignored, e)) > 0)
		;
	return (int)n;
}

static int
read_layer(struct merge *m, struct err *e)
{
	struct archive *in;
	int r = -1;

	if (m->src->open(&m->in, (size_t)m->layer - 1, m->src->arg, e) == -1)
		return -1;
	in = reader_new(m, e);
	if (in != NULL) {
		r = read_entries(m, in, e);
		/* A reader that was refused its bytes says less. */
		if (r == -1 && m->read_failed)
			*e = m->read_err;
		(void)archive_read_free(in);
	}
	if (r == 0)
		r = drain(m, e);
	else if (!m->emit.out->broken && !m->read_failed && e->code != NULL) {
		/* Damage explains more than what it led to. */
		struct err why = { 0 };

		if (drain(m, &why) == -1 && why.code != NULL &&
		    strcmp(why.code, "damaged") == 0)
			*e = why;
	}
	if (r == 0 && !m->rescan)
		m->bytes += layer_offset(m->in);
	layer_close(take(&m->in));
	return r;
}

/* A layer, and again for links whose file had passed by hidden. */
static int
merge_layer(struct merge *m, struct err *e)
{
	int r = read_layer(m, e);

	for (unsigned i = 0; r == 0 && i < RESCANS_MAX; i++) {
		if (links_here(m->links, m->layer) == 0)
			return 0;
		m->took = false;
		m->rescan = true;
		r = read_layer(m, e);
		m->rescan = false;
		if (!m->took)
			break;
	}
	links_not_here(m->links, m->layer);
	return r;
}

/* --- runs --------------------------------------------------------------- */

/* Directories that no layer has an entry for. */
static int
emit_implied(struct merge *m, struct err *e)
{
	char path[TREE_PATH_MAX];
	struct node *nd;

	for (size_t i = 1; (nd = tree_nth(m->tree, i)) != NULL; i++)
		if (nd->kind == NODE_IMPLIED && emit_dir(&m->emit,
		    tree_path(path, m->tree, nd), 0, 0, e) == -1)
			return -1;
	return 0;
}

/*
 * The root's owner must be that of a file as well, for squashfs.h.  Where it
 * is not, a mount point that every VM needs and this image lacks has it.
 */
static int
emit_owner(struct merge *m, struct err *e)
{
	static const char *const names[] = { "proc", "sys", "dev", "run" };
	struct node *nd;

	if (m->emit.have_uid && m->emit.have_gid)
		return 0;
	for (size_t i = 0; i < COUNT(names); i++) {
		nd = tree_find(m->tree, tree_root(m->tree), names[i],
		    strlen(names[i]));
		if (nd == NULL || nd->kind == NODE_NONE)
			return emit_dir(&m->emit, names[i], m->root.uid,
			    m->root.gid, e);
	}
	return 0;
}

static int
all_linked(const struct merge *m, struct err *e)
{
	const struct waiting *w = links_any(m->links);

	if (w == NULL)
		return 0;
	return err_api(e, EINVAL, "invalid_image",
	    "layer %u: %.*s: hard link to %.*s, which is not there",
	    w->layer, SHOWN_MAX, w->name, SHOWN_MAX, w->target);
}

static int
run(struct merge *m, struct err *e)
{
	for (size_t n = m->src->nlayers; n > 0; n--) {
		m->layer = (uint16_t)n;
		if (merge_layer(m, e) == -1)
			return err_prefix(e, "layer %zu", n);
	}
	if (!m->again && all_linked(m, e) == -1)
		return -1;
	if (emit_implied(m, e) == -1)
		return -1;
	return emit_owner(m, e);
}

enum merge_end
merge_run(struct merge *m, struct tar_out *out, struct err *e)
{
	int r;

	tree_destroy(take(&m->tree));
	links_destroy(take(&m->links));
	m->tree = tree_new();
	m->links = links_new();
	if (m->tree == NULL || m->links == NULL)
		return err_sys(e, "merge");
	if (m->nskips > 0)
		qsort(m->skips, m->nskips, sizeof(*m->skips), skip_cmp);
	m->emit = (struct emit){ .out = out };
	m->root = (struct squashfs_root){ .mode = 0755 };
	m->root_layer = 0;
	m->again = false;
	m->bytes = 0;
	r = run(m, e);
	if (r == -1)
		return MERGE_FAILED;
	if (!m->again)
		return MERGE_DONE;
	if (++m->runs >= RUNS_MAX)
		return refuse(e, "the layers contradict themselves");
	return MERGE_AGAIN;
}

struct merge *
merge_new(const struct merge_source *src)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->src = src;
	return m;
}

void
merge_destroy(struct merge *m)
{
	if (m == NULL)
		return;
	tree_destroy(m->tree);
	links_destroy(m->links);
	free(m->skips);
	free(m);
}

const struct squashfs_root *
merge_root(const struct merge *m)
{
	return &m->root;
}
