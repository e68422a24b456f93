/* SPDX-License-Identifier: ISC */
/*
 * copy_place.c - a row of entries as files of the host; see copy.h
 *
 * The entries come from a guest and may say anything.  Every name is
 * reached from the root's descriptor component by component, following no
 * symbolic link, so that nothing is made or changed outside.
 *
 * A directory gets its mode and time when the copy has left it: it may be
 * one that nobody can write to.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/copy.h"

#define MODE_OWN	0700	/* of a directory while it is filled */

/* A directory the copy is in, and what it becomes afterwards. */
struct open_dir {
	char			*path;
	struct copy_entry	 entry;
};

struct place {
	struct copy_sink	 sink;		/* first */
	const struct copy_options *options;
	char			*top;		/* the root's path here */
	bool			 keep;		/* a root that is there */
	bool			 root_was;	/* it was there */
	bool			 have_root;	/* its entry came */
	int			 root;		/* its descriptor, -1: no dir */
	struct open_dir		 dirs[COPY_DEPTH_MAX + 1];
	size_t			 ndirs;
	/* The file that is written. */
	int			 fd;		/* -1: none */
	uint64_t		 at;		/* where the next byte goes */
	struct copy_entry	 file;
	char			 path[COPY_PATH_MAX];	/* its name */
};

/* --- reaching a name --------------------------------------------------- */

/*
 * The directory 'path' lies in, and its last component in *name.  The
 * caller closes what is returned; *name points into path.
 */
static int
open_parent(const struct place *p, const char *path, const char **name,
    struct err *e)
{
	own_fd int dir = -1;
	char part[256];
	const char *slash;
	int next;

	if (p->root == -1)
		return err_set(e, ENOTDIR, "%s: below what is no directory",
		    path);
	dir = dup(p->root);
	if (dir == -1)
		return err_sys(e, "%s", path);
	(void)fd_cloexec(dir, 1);
	while ((slash = strchr(path, '/')) != NULL) {
		if ((size_t)(slash - path) >= sizeof(part))
			return err_set(e, ENAMETOOLONG, "%s: name too long",
			    path);
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		if (next == -1)
			return err_sys(e, "%s/%s", p->top, part);
		(void)close(dir);
		dir = next;
		path = slash + 1;
	}
	*name = path;
	return take_fd(&dir);
}

/* The same for any entry: the root lies where the user said. */
static int
open_place(const struct place *p, const char *path, const char **name,
    struct err *e)
{
	if (strcmp(path, ".") != 0)
		return open_parent(p, path, name, e);
	*name = p->top;
	return AT_FDCWD;
}

static void
close_place(int dir)
{
	if (dir != AT_FDCWD && dir != -1)
		(void)close(dir);
}

/* --- owner, mode, time ------------------------------------------------- */

static void
times_of(struct timespec ts[2], const struct copy_entry *n)
{
	int64_t s = n->mtime_ns / 1000000000, ns = n->mtime_ns % 1000000000;

	if (ns < 0) {
		s--;
		ns += 1000000000;
	}
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = (time_t)s;
	ts[1].tv_nsec = n->has_mtime ? (long)ns : UTIME_OMIT;
}

/* Without -a the files are ours: no program of a guest becomes set-ID us. */
static mode_t
mode_of(const struct place *p, const struct copy_entry *n)
{
	return (mode_t)(n->mode & (p->options->owners ? 07777 : 01777));
}

static int
set_owner(const struct place *p, int dir, const char *name,
    const struct copy_entry *n)
{
	if (!p->options->owners || !n->has_owner)
		return 0;
	return fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW);
}

static int
settle_dir(struct place *p, const struct open_dir *d, struct err *e)
{
	const struct copy_entry *n = &d->entry;
	bool root = strcmp(d->path, ".") == 0;
	struct timespec ts[2] = { 0 };
	own_fd int fd = -1;
	const char *name;
	int dir;

	if (root && p->keep && p->root_was)
		return 0;
	if (root)
		fd = dup(p->root);
	else {
		dir = open_parent(p, d->path, &name, e);
		if (dir == -1)
			return -1;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		(void)close(dir);
	}
	times_of(ts, n);
	if (fd == -1 || (p->options->owners && n->has_owner &&
	    fchown(fd, n->uid, n->gid) == -1) ||
	    fchmod(fd, mode_of(p, n)) == -1 || futimens(fd, ts) == -1)
		return err_sys(e, "%s/%s", p->top, d->path);
	return 0;
}

/* Settle the directories the copy has left; NULL: all. */
static int
leave_dirs(struct place *p, const char *path, struct err *e)
{
	struct open_dir *d;
	int r;

	while (p->ndirs > 0) {
		d = &p->dirs[p->ndirs - 1];
		if (path != NULL && copy_is_below(path, d->path))
			break;
		r = settle_dir(p, d, e);
		free(d->path);
		p->ndirs--;
		if (r == -1)
			return -1;
	}
	return 0;
}

/* --- making things ----------------------------------------------------- */

static int
enter_dir(struct place *p, const struct copy_entry *n, struct err *e)
{
	struct open_dir *d = p->ndirs == 0 ? NULL : &p->dirs[p->ndirs - 1];

	if (d == NULL || strcmp(d->path, n->path) != 0) {
		if (p->ndirs == COUNT(p->dirs))
			return err_set(e, EINVAL, "%s: too deep", n->path);
		d = &p->dirs[p->ndirs];
		d->path = strdup(n->path);
		if (d->path == NULL)
			return err_sys(e, "copy");
		p->ndirs++;
	}
	d->entry = *n;
	d->entry.path = d->entry.link = NULL;
	return 0;
}

static int
make_root_dir(struct place *p, const struct copy_entry *n, struct err *e)
{
	if (p->root == -1) {
		if (mkdir(p->top, MODE_OWN) == -1) {
			if (errno != EEXIST)
				return err_sys(e, "%s", p->top);
			p->root_was = true;
		}
		p->root = open(p->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->root == -1)
			return err_sys(e, "%s", p->top);
	}
	return enter_dir(p, n, e);
}

static int
make_dir(struct place *p, const struct copy_entry *n, struct err *e)
{
	const char *name;
	own_fd int dir = -1;
	struct stat st;

	if (strcmp(n->path, ".") == 0)
		return make_root_dir(p, n, e);
	dir = open_parent(p, n->path, &name, e);
	if (dir == -1)
		return -1;
	if (mkdirat(dir, name, MODE_OWN) == -1 && errno != EEXIST)
		return err_sys(e, "%s/%s", p->top, n->path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(e, "%s/%s", p->top, n->path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "%s/%s: exists and is no directory",
		    p->top, n->path);
	return enter_dir(p, n, e);
}

static int
finish_file(struct place *p, struct err *e)
{
	struct timespec ts[2] = { 0 };
	int r = 0;

	times_of(ts, &p->file);
	if (ftruncate(p->fd, (off_t)p->file.size) == -1 ||
	    (p->options->owners && p->file.has_owner &&
	    fchown(p->fd, p->file.uid, p->file.gid) == -1) ||
	    fchmod(p->fd, mode_of(p, &p->file)) == -1 ||
	    futimens(p->fd, ts) == -1)
		r = err_sys(e, "%s", p->path);
	/* A file system that writes late reports it here. */
	if (close(take_fd(&p->fd)) == -1 && r == 0)
		r = err_sys(e, "%s", p->path);
	return r;
}

static int
make_file(struct place *p, int dir, const char *name,
    const struct copy_entry *n, struct err *e)
{
	(void)snprintf(p->path, sizeof(p->path), "%s",
	    strcmp(n->path, ".") == 0 ? p->top : n->path);
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		return err_sys(e, "replace %s", p->path);
	p->fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (p->fd == -1)
		return err_sys(e, "%s", p->path);
	p->at = 0;
	p->file = *n;
	p->file.path = p->file.link = NULL;
	return n->size == 0 ? finish_file(p, e) : 0;
}

static int
make_hardlink(struct place *p, int dir, const char *name,
    const struct copy_entry *n, struct err *e)
{
	const char *from;
	int old = open_parent(p, n->link, &from, e);
	int r = 0;

	if (old == -1)
		return -1;
	(void)unlinkat(dir, name, 0);
	if (linkat(old, from, dir, name, 0) == -1)
		r = err_sys(e, "link %s", n->path);
	(void)close(old);
	return r;
}

static int
make_other(struct place *p, int dir, const char *name,
    const struct copy_entry *n, struct err *e)
{
	static const mode_t types[] = {
		[COPY_FIFO] = S_IFIFO, [COPY_CHAR] = S_IFCHR,
		[COPY_BLOCK] = S_IFBLK,
	};
	struct timespec ts[2] = { 0 };
	int r;

	/* As root's it would be a way to the host's disks, for everybody. */
	if ((n->kind == COPY_CHAR || n->kind == COPY_BLOCK) &&
	    !p->options->owners)
		return err_set(e, EPERM, "%s: a device is copied with -a only",
		    n->path);
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		return err_sys(e, "replace %s", n->path);
	if (n->kind == COPY_SYMLINK)
		r = symlinkat(n->link, dir, name);
	else if (n->kind == COPY_FIFO)
		r = mkfifoat(dir, name, mode_of(p, n));
	else
		r = mknodat(dir, name, types[n->kind] | mode_of(p, n),
		    os_dev_join(n->major, n->minor));
	times_of(ts, n);
	if (r == -1 || set_owner(p, dir, name, n) == -1 ||
	    utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(e, "%s", n->path);
	return 0;
}

/* --- the sink ---------------------------------------------------------- */

/*
 * The root is there once; a directory comes again behind its contents.  One
 * that was a symbolic link first would lead out of the copy.
 */
static int
check_root(struct place *p, const struct copy_entry *n, struct err *e)
{
	if (strcmp(n->path, ".") != 0)
		return 0;
	if (p->have_root && (n->kind != COPY_DIR || p->root == -1))
		return err_set(e, EPROTO, "%s: a second root", p->top);
	p->have_root = true;
	return 0;
}

static int
place_entry(struct copy_sink *s, const struct copy_entry *n, struct err *e)
{
	struct place *p = (struct place *)s;
	const char *name;
	int dir, r;

	if (p->fd != -1)
		return err_set(e, EPROTO, "%s: not complete", p->path);
	if (check_root(p, n, e) == -1)
		return -1;
	if (leave_dirs(p, n->path, e) == -1)
		return -1;
	if (n->kind == COPY_DIR)
		return make_dir(p, n, e);
	dir = open_place(p, n->path, &name, e);
	if (dir == -1)
		return -1;
	if (n->kind == COPY_FILE)
		r = make_file(p, dir, name, n, e);
	else if (n->kind == COPY_HARDLINK)
		r = make_hardlink(p, dir, name, n, e);
	else
		r = make_other(p, dir, name, n, e);
	close_place(dir);
	return r;
}

static int
place_data(struct copy_sink *s, const void *data, size_t len, struct err *e)
{
	struct place *p = (struct place *)s;

	if (p->fd == -1 || len > p->file.size - p->at)
		return err_set(e, EPROTO, "more bytes than the file has");
	if (write_full(p->fd, data, len) == -1)
		return err_sys(e, "write %s", p->path);
	p->at += len;
	return p->at == p->file.size ? finish_file(p, e) : 0;
}

static int
place_hole(struct copy_sink *s, uint64_t bytes, struct err *e)
{
	struct place *p = (struct place *)s;

	if (p->fd == -1 || bytes > p->file.size - p->at)
		return err_set(e, EPROTO, "a hole larger than the file");
	p->at += bytes;
	if (lseek(p->fd, (off_t)p->at, SEEK_SET) == -1)
		return err_sys(e, "seek %s", p->path);
	return p->at == p->file.size ? finish_file(p, e) : 0;
}

static int
place_end(struct copy_sink *s, struct err *e)
{
	return leave_dirs((struct place *)s, NULL, e);
}

int
copy_place_open(struct copy_sink **ret, const char *path, bool keep,
    const struct copy_options *o, struct err *e)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_sys(e, "copy");
	p->sink = (struct copy_sink){ place_entry, place_data, place_hole,
	    place_end };
	p->options = o;
	p->keep = keep;
	p->root = p->fd = -1;
	p->top = strdup(path);
	*ret = &p->sink;
	if (p->top != NULL)
		return 0;
	copy_place_close(&p->sink);
	return err_sys(e, "copy");
}

void
copy_place_close(struct copy_sink *s)
{
	struct place *p = (struct place *)s;

	if (p == NULL)
		return;
	/* After a failure too: what was made keeps its own modes. */
	(void)leave_dirs(p, NULL, NULL);
	if (p->fd != -1)
		(void)close(p->fd);
	if (p->root != -1)
		(void)close(p->root);
	free(p->top);
	free(p);
}
