/* SPDX-License-Identifier: ISC */
/* copy_tree.c - a directory of the host as a row of entries; see copy.h */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/copy.h"

#define CHUNK	(256 << 10)	/* bytes read at once */

/* A file that has several names: the first one that was sent. */
struct link {
	dev_t	 dev;
	ino_t	 ino;
	char	*path;
};

struct walk {
	struct copy_sink		*sink;
	const struct copy_options	*options;
	const struct copy_entry		*root;	/* instead of the real one */
	uint8_t				*chunk;
	void				*links;	/* of tsearch(3) */
	size_t				 nlinks;
	char				 path[COPY_PATH_MAX];
	size_t				 len;	/* of path; 0 at the root */
};

static int
link_compare(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

static void
link_free(struct link *l)
{
	free(l->path);
	free(l);
}

/* The name a file was sent under already, or NULL; then it is noted. */
static const char *
link_seen(struct walk *w, const struct stat *st)
{
	struct link key = { st->st_dev, st->st_ino, NULL }, *new, **found;

	found = tfind(&key, &w->links, link_compare);
	if (found != NULL)
		return (*found)->path;
	if (w->nlinks == COPY_LINKS_MAX)
		return NULL;
	new = malloc(sizeof(*new));
	if (new == NULL)
		return NULL;
	*new = key;
	new->path = strdup(w->len == 0 ? "." : w->path);
	if (new->path == NULL || tsearch(new, &w->links,
	    link_compare) == NULL)
		link_free(new);
	else
		w->nlinks++;
	return NULL;
}

/* --- files ------------------------------------------------------------- */

/* Bytes from..to of a file. */
static int
send_range(struct walk *w, int fd, off_t from, off_t to, struct err *e)
{
	ssize_t n;

	while (from < to) {
		n = pread(fd, w->chunk, (size_t)MIN(to - from, (off_t)CHUNK),
		    from);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "read %s", w->path);
		if (n == 0)
			return err_set(e, EIO, "%s: became shorter while it "
			    "was copied", w->path);
		if (w->sink->data(w->sink, w->chunk, (size_t)n, e) == -1)
			return -1;
		from += n;
	}
	return 0;
}

static int
send_file(struct walk *w, int fd, off_t size, struct err *e)
{
	off_t at = 0, data, hole;

	while (at < size) {
		data = lseek(fd, at, SEEK_DATA);
		/* No data to the end, or a file system that cannot say. */
		if (data == -1)
			data = errno == ENXIO ? size : at;
		data = MIN(data, size);
		if (data > at && w->sink->hole(w->sink,
		    (uint64_t)(data - at), e) == -1)
			return -1;
		hole = data < size ? lseek(fd, data, SEEK_HOLE) : size;
		if (hole == -1 || hole > size)
			hole = size;
		if (send_range(w, fd, data, hole, e) == -1)
			return -1;
		at = hole;
	}
	return 0;
}

/* --- entries ----------------------------------------------------------- */

static int
kind_of(enum copy_kind *ret, const struct stat *st)
{
	static const struct {
		mode_t		type;
		enum copy_kind	kind;
	} kinds[] = {
		{ S_IFREG, COPY_FILE }, { S_IFDIR, COPY_DIR },
		{ S_IFLNK, COPY_SYMLINK }, { S_IFIFO, COPY_FIFO },
		{ S_IFCHR, COPY_CHAR }, { S_IFBLK, COPY_BLOCK },
	};

	for (size_t i = 0; i < COUNT(kinds); i++)
		if ((st->st_mode & S_IFMT) == kinds[i].type) {
			*ret = kinds[i].kind;
			return 0;
		}
	return -1;
}

static void
describe(struct copy_entry *n, const struct walk *w, const struct stat *st)
{
	n->path = w->len == 0 ? "." : w->path;
	n->mode = st->st_mode & 07777;
	n->has_owner = w->options->owners;
	n->uid = st->st_uid;
	n->gid = st->st_gid;
	n->has_mtime = true;
	n->mtime_ns = os_mtime_ns(st);
	n->size = n->kind == COPY_FILE ? (uint64_t)st->st_size : 0;
	os_dev_split(st->st_rdev, &n->major, &n->minor);
}

static int walk_dir(struct walk *, int fd, const struct copy_entry *,
	    struct err *);

/* What is open already: a file or a directory. */
static int
walk_open(struct walk *w, int fd, struct copy_entry *n, struct err *e)
{
	struct stat st;

	/* The name may be another object by now: what is open counts. */
	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", w->path);
	if (kind_of(&n->kind, &st) == -1 ||
	    (n->kind != COPY_FILE && n->kind != COPY_DIR))
		return err_set(e, EINVAL, "%s: changed while it was copied",
		    w->path);
	describe(n, w, &st);
	if (n->kind == COPY_DIR)
		return walk_dir(w, fd, n, e);
	if (w->sink->entry(w->sink, n, e) == -1)
		return -1;
	return send_file(w, fd, st.st_size, e);
}

static int
walk_symlink(struct walk *w, int dir, const char *name, struct copy_entry *n,
    struct err *e)
{
	char target[COPY_PATH_MAX];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));

	if (len == -1)
		return err_sys(e, "read link %s", w->path);
	if (len == (ssize_t)sizeof(target))
		return err_set(e, ENAMETOOLONG, "%s: link too long", w->path);
	target[len] = '\0';
	n->link = target;
	return w->sink->entry(w->sink, n, e);
}

static int
walk_one(struct walk *w, int dir, const char *name, bool follow,
    struct err *e)
{
	own_fd int fd = -1;
	struct copy_entry n = { 0 };
	struct stat st;

	if (fstatat(dir, name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(e, "%s", w->len == 0 ? name : w->path);
	if (kind_of(&n.kind, &st) == -1)
		return w->len > 0 ? 0 :		/* sockets stay behind */
		    err_set(e, EINVAL, "%s: a socket cannot be copied", name);
	describe(&n, w, &st);
	if (st.st_nlink > 1 && n.kind != COPY_DIR && w->len > 0) {
		n.link = link_seen(w, &st);
		if (n.link != NULL) {
			n.kind = COPY_HARDLINK;
			return w->sink->entry(w->sink, &n, e);
		}
	}
	if (n.kind == COPY_SYMLINK)
		return walk_symlink(w, dir, name, &n, e);
	if (n.kind != COPY_FILE && n.kind != COPY_DIR)
		return w->sink->entry(w->sink, &n, e);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
	    (follow ? 0 : O_NOFOLLOW));
	if (fd == -1)
		return err_sys(e, "open %s", w->len == 0 ? name : w->path);
	return walk_open(w, fd, &n, e);
}

static int
walk_child(struct walk *w, int dir, const char *name, struct err *e)
{
	size_t before = w->len, len = strlen(name);
	int r;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (before + 1 + len >= sizeof(w->path))
		return err_set(e, ENAMETOOLONG, "%s/%s: path too long",
		    w->path, name);
	if (before > 0)
		w->path[w->len++] = '/';
	memcpy(w->path + w->len, name, len + 1);
	w->len += len;
	if (copy_path_ok(w->path))
		r = walk_one(w, dir, name, false, e);
	else
		r = err_set(e, EINVAL, "%.200s...: more than %d directories "
		    "deep", w->path, COPY_DEPTH_MAX);
	w->len = before;
	w->path[before] = '\0';
	return r;
}

/* A directory, what is in it, and itself again: so its time lasts. */
static int
walk_dir(struct walk *w, int fd, const struct copy_entry *n, struct err *e)
{
	const struct dirent *d;
	int copy = dup(fd), r = 0;
	DIR *dir;

	if (w->len == 0 && w->root != NULL)
		n = w->root;
	if (copy == -1 || (dir = fdopendir(copy)) == NULL) {
		r = err_sys(e, "%s", n->path);
		if (copy != -1)
			(void)close(copy);
		return r;
	}
	r = w->sink->entry(w->sink, n, e);
	while (r == 0) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL && errno != 0)
			r = err_sys(e, "read %s", n->path);
		if (d == NULL)
			break;
		r = walk_child(w, fd, d->d_name, e);
	}
	(void)closedir(dir);
	return r == 0 ? w->sink->entry(w->sink, n, e) : -1;
}

int
copy_tree_read(struct copy_sink *sink, const char *path,
    const struct copy_entry *root, const struct copy_options *o,
    struct err *e)
{
	struct walk w = { .sink = sink, .options = o, .root = root };
	int r;

	w.chunk = malloc(CHUNK);
	if (w.chunk == NULL)
		return err_sys(e, "copy");
	r = walk_one(&w, AT_FDCWD, path, o->follow, e);
	if (r == 0)
		r = sink->end(sink, e);
	while (w.links != NULL) {
		struct link *l = *(struct link **)w.links;

		(void)tdelete(l, &w.links, link_compare);
		link_free(l);
	}
	free(w.chunk);
	return r;
}
