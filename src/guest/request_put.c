/* SPDX-License-Identifier: ISC */
/*
 * request_put.c - a tree from the host (docs/agent-protocol.md, PUT)
 *
 * Everything is made under a name of its own beside its place and renamed
 * there when it is complete: a copy that is cut off leaves old or new
 * objects, never half a one.  Below the root no symlink is followed; the
 * kernel sees to it (openat2(2), RESOLVE_BENEATH).
 */

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/entry.h"
#include "guest/request.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"

#define TMP_NAME_MAX	64

struct put {
	struct conn	*c;
	char		 path[AGENT_PATH_MAX];	/* the root's, in the guest */
	bool		 parents;
	int		 root;		/* the root when it is a directory */
	int		 dir;		/* where the last entry was made */
	char		 dir_name[AGENT_PATH_MAX];	/* its path */
	bool		 have_root;
	/* The file that is coming. */
	int		 fd;		/* -1: none */
	uint64_t	 at;
	struct agent_entry file;	/* its strings are the two below */
	char		 file_path[AGENT_PATH_MAX];
	char		 tmp[TMP_NAME_MAX];
	uint64_t	 bytes;
	uint64_t	 entries;
};

/* --- the request ---------------------------------------------------------- */

static int
take_path(void *arg, const char *value, struct err *e)
{
	struct put *p = arg;
	size_t len = strlen(value);

	while (len > 1 && value[len - 1] == '/')
		len--;
	if (value[0] != '/' || len >= sizeof(p->path))
		return err_api(e, EINVAL, "bad_path",
		    "'%s' is no absolute path", value);
	memcpy(p->path, value, len);
	p->path[len] = '\0';
	return 0;
}

static int
take_parents(void *arg, const char *value, struct err *e)
{
	struct put *p = arg;
	uint64_t n;

	if (num_parse(&n, value, 0, 1, e) == -1)
		return -1;
	p->parents = n == 1;
	return 0;
}

static const struct record_field fields[] = {
	{ "path",	take_path },
	{ "parents",	take_parents },
	{ NULL,		NULL },
};

/* --- places --------------------------------------------------------------- */

static int
make_parents(const char *path)
{
	char part[AGENT_PATH_MAX];

	for (size_t i = 1; path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			return -1;
	}
	return 0;
}

static int
open_beneath(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/*
 * The directory an entry lies in: *dir, which p keeps, and the name in it.
 * The root lies in the directory above p->path.
 */
static int
place(struct put *p, const char *path, const char **name, struct err *e)
{
	char above[AGENT_PATH_MAX];
	const char *slash;
	bool root = strcmp(path, ".") == 0;
	size_t len;
	int fd;

	if (root)
		path = p->path;
	else if (p->root == -1)
		return err_api(e, ENOTDIR, "bad_request",
		    "%s: the root of the copy is no directory", path);
	slash = strrchr(path, '/');
	*name = slash == NULL ? path : slash + 1;
	len = slash == NULL ? 0 : (size_t)(slash - path);
	if (root && len == 0)
		len = 1;
	memcpy(above, path, len);
	above[len] = '\0';
	if (len == 0)
		strcpy(above, ".");
	if (p->dir != -1 && strcmp(above, p->dir_name) == 0)
		return 0;
	fd = root ? open(above, O_PATH | O_DIRECTORY | O_CLOEXEC) :
	    open_beneath(p->root, above);
	if (fd == -1)
		return request_errno(above, e);
	if (p->dir != -1)
		(void)close(p->dir);
	p->dir = fd;
	strcpy(p->dir_name, above);
	return 0;
}

/* --- objects -------------------------------------------------------------- */

static void
entry_times(const struct agent_entry *n, struct timespec ts[2])
{
	int64_t s = n->mtime_ns / 1000000000, ns = n->mtime_ns % 1000000000;

	if (ns < 0) {
		s--;
		ns += 1000000000;
	}
	ts[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	ts[1] = n->has_mtime ?
	    (struct timespec){ .tv_sec = (time_t)s, .tv_nsec = (long)ns } :
	    (struct timespec){ .tv_nsec = UTIME_NOW };
}

static const mode_t types[] = {
	[AGENT_KIND_FILE] = S_IFREG,
	[AGENT_KIND_DIR] = S_IFDIR,
	[AGENT_KIND_SYMLINK] = S_IFLNK,
	[AGENT_KIND_FIFO] = S_IFIFO,
	[AGENT_KIND_CHAR] = S_IFCHR,
	[AGENT_KIND_BLOCK] = S_IFBLK,
};

/*
 * What was made, and not what somebody who may write in the directory has
 * put there since: a link to a file of root's would be given to him.
 */
static int
open_made(int dir, const char *name, const struct agent_entry *n)
{
	own_fd int fd = -1;
	struct stat st;

	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	if ((st.st_mode & S_IFMT) != types[n->kind] ||
	    (n->kind != AGENT_KIND_DIR && st.st_nlink != 1)) {
		errno = EBUSY;
		return -1;
	}
	return take_fd(&fd);
}

/* Owner first: chown(2) takes set-user-id bits away. */
static int
set_meta(int dir, const char *name, const struct agent_entry *n)
{
	own_fd int fd = open_made(dir, name, n);
	struct timespec ts[2];
	char self[32];

	entry_times(n, ts);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fd == -1 ||
	    fchownat(fd, "", n->uid, n->gid, AT_EMPTY_PATH) == -1 ||
	    (n->kind != AGENT_KIND_SYMLINK && chmod(self, n->mode) == -1))
		return -1;
	return utimensat(fd, "", ts, AT_EMPTY_PATH);
}

/* Move what is complete to its place. */
static int
settle(struct put *p, const char *name, const struct agent_entry *n,
    struct err *e)
{
	if (set_meta(p->dir, p->tmp, n) == -1 ||
	    renameat(p->dir, p->tmp, p->dir, name) == -1) {
		(void)request_errno(n->path, e);
		(void)unlinkat(p->dir, p->tmp, 0);
		return -1;
	}
	p->entries++;
	return 0;
}

static int
make_dir(struct put *p, const struct agent_entry *n, struct err *e)
{
	const char *name = n->path;
	struct stat st;
	int dir = -1;

	if (strcmp(n->path, ".") == 0) {
		if (mkdir(p->path, 0700) == -1 && errno != EEXIST)
			return request_errno(p->path, e);
		if (p->root == -1)
			p->root = open(p->path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->root == -1)
			return request_errno(p->path, e);
		dir = p->root;
	} else {
		if (place(p, n->path, &name, e) == -1)
			return -1;
		dir = p->dir;
		if (mkdirat(dir, name, 0700) == -1 && errno != EEXIST)
			return request_errno(n->path, e);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return request_errno(n->path, e);
		if (!S_ISDIR(st.st_mode)) {
			errno = EEXIST;
			return request_errno(n->path, e);
		}
	}
	if (set_meta(dir, name, n) == -1)
		return request_errno(n->path, e);
	p->entries++;
	return 0;
}

static int
make_link(struct put *p, const struct agent_entry *n, struct err *e)
{
	own_fd int from = -1;
	char above[AGENT_PATH_MAX];
	const char *name, *slash;
	int ret;

	if (place(p, n->path, &name, e) == -1)
		return -1;
	strcpy(above, n->link);
	slash = strrchr(n->link, '/');
	if (slash != NULL)
		above[slash - n->link] = '\0';
	else
		strcpy(above, ".");
	if (p->root != -1)
		from = open_beneath(p->root, above);
	if (from == -1)
		return request_errno(n->link, e);
	if (linkat(from, slash == NULL ? n->link : slash + 1, p->dir, p->tmp,
	    0) == -1)
		return request_errno(n->path, e);
	ret = renameat(p->dir, p->tmp, p->dir, name);
	if (ret == -1)
		(void)request_errno(n->path, e);
	else
		p->entries++;
	/* Still there when the name was a link to the same file already. */
	(void)unlinkat(p->dir, p->tmp, 0);
	return ret;
}

static int
make_symlink(struct put *p, const struct agent_entry *n, struct err *e)
{
	const char *name;

	if (place(p, n->path, &name, e) == -1)
		return -1;
	if (symlinkat(n->link, p->dir, p->tmp) == -1)
		return request_errno(n->path, e);
	return settle(p, name, n, e);
}

static int
make_node(struct put *p, const struct agent_entry *n, struct err *e)
{
	const char *name;

	if (place(p, n->path, &name, e) == -1)
		return -1;
	if (mknodat(p->dir, p->tmp, types[n->kind] | 0600,
	    makedev(n->major, n->minor)) == -1)
		return request_errno(n->path, e);
	return settle(p, name, n, e);
}

static int
refuse(struct put *p, const struct agent_entry *n, struct err *e)
{
	(void)p;
	return err_api(e, EINVAL, "bad_request", "%s: a socket is not copied",
	    n->path);
}

static int
file_finish(struct put *p, struct err *e)
{
	const char *name;

	if (p->at != p->file.size)
		return 0;
	/* A hole at the end has no byte written behind it. */
	if (ftruncate(p->fd, (off_t)p->file.size) == -1)
		return request_errno(p->file_path, e);
	(void)close(take_fd(&p->fd));
	if (place(p, p->file_path, &name, e) == -1)
		return -1;
	return settle(p, name, &p->file, e);
}

static int
make_file(struct put *p, const struct agent_entry *n, struct err *e)
{
	const char *name;

	if (place(p, n->path, &name, e) == -1)
		return -1;
	p->fd = openat(p->dir, p->tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->fd == -1)
		return request_errno(n->path, e);
	p->file = *n;
	strcpy(p->file_path, n->path);
	p->file.path = p->file_path;
	p->file.link = NULL;
	p->at = 0;
	return file_finish(p, e);
}

static int (*const makers[])(struct put *, const struct agent_entry *,
    struct err *) = {
	[AGENT_KIND_FILE]	= make_file,
	[AGENT_KIND_DIR]	= make_dir,
	[AGENT_KIND_SYMLINK]	= make_symlink,
	[AGENT_KIND_HARDLINK]	= make_link,
	[AGENT_KIND_FIFO]	= make_node,
	[AGENT_KIND_CHAR]	= make_node,
	[AGENT_KIND_BLOCK]	= make_node,
	[AGENT_KIND_SOCKET]	= refuse,
};

/* --- frames --------------------------------------------------------------- */

static int
on_entry(struct put *p, const struct frame *f, struct err *e)
{
	struct agent_entry n;
	bool root;

	if (p->fd != -1)
		return err_set(e, EPROTO, "%s: %" PRIu64 " of %" PRIu64
		    " bytes came", p->file_path, p->at, p->file.size);
	if (entry_read(&n, f, e) == -1)
		return -1;
	root = strcmp(n.path, ".") == 0;
	if (!root && !p->have_root)
		return err_set(e, EPROTO, "%s before the root", n.path);
	if (root && p->have_root && n.kind != AGENT_KIND_DIR)
		return err_set(e, EPROTO, "a second root");
	if (root && !p->have_root && p->parents &&
	    make_parents(p->path) == -1)
		return request_errno(p->path, e);
	p->have_root = true;
	return makers[n.kind](p, &n, e);
}

static int
check_room(const struct put *p, uint64_t len, struct err *e)
{
	if (p->fd == -1)
		return err_set(e, EPROTO, "bytes of no file");
	if (len > p->file.size - p->at)
		return err_set(e, EPROTO, "%s: more than its %" PRIu64
		    " bytes", p->file_path, p->file.size);
	return 0;
}

static int
on_data(struct put *p, const struct frame *f, struct err *e)
{
	size_t done = 0;
	ssize_t n;

	if (check_room(p, f->len, e) == -1)
		return -1;
	while (done < f->len) {
		n = pwrite(p->fd, f->data + done, f->len - done,
		    (off_t)p->at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return request_errno(p->file_path, e);
		done += (size_t)n;
		p->at += (uint64_t)n;
	}
	p->bytes += f->len;
	return file_finish(p, e);
}

static int
on_hole(struct put *p, const struct frame *f, struct err *e)
{
	if (check_room(p, frame_u64(f), e) == -1)
		return -1;
	p->at += frame_u64(f);
	p->bytes += frame_u64(f);
	return file_finish(p, e);
}

static int
on_end(struct put *p, const struct frame *f, struct err *e)
{
	struct buf *out = &p->c->out;
	ssize_t at;

	(void)f;
	if (p->fd != -1 || !p->have_root)
		return err_set(e, EPROTO, "END before the copy is complete");
	at = frame_open(out);
	if (at == -1 ||
	    record_putf(out, "bytes", "%" PRIu64, p->bytes) == -1 ||
	    record_putf(out, "entries", "%" PRIu64, p->entries) == -1 ||
	    frame_close(out, at, AGENT_OK) == -1)
		return err_sys(e, "copy");
	return 1;
}

static const struct {
	enum agent_type	type;
	int		(*on)(struct put *, const struct frame *,
			    struct err *);
} steps[] = {
	{ AGENT_ENTRY,	on_entry },
	{ AGENT_DATA,	on_data },
	{ AGENT_HOLE,	on_hole },
	{ AGENT_END,	on_end },
};

/* 1 at the END. */
static int
step(struct put *p, struct err *e)
{
	struct frame f;
	int n;

	n = conn_wait(p->c, &f, e);
	if (n == 0)
		return err_set(e, ECONNRESET, "the client left");
	if (n == -1)
		return -1;
	for (size_t i = 0; i < COUNT(steps); i++)
		if (steps[i].type == f.type) {
			n = steps[i].on(p, &f, e);
			frame_drain(&p->c->in, &f);
			return n;
		}
	return err_set(e, EPROTO, "%s while a copy runs", frame_name(f.type));
}

int
request_put(const struct agent *a, struct conn *c, struct frame *f,
    struct err *e)
{
	struct put *p;
	int n;

	(void)a;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return err_sys(e, "copy");
	p->c = c;
	p->root = p->dir = p->fd = -1;
	/* One session makes one object at a time: its number is a name. */
	(void)snprintf(p->tmp, sizeof(p->tmp), ".vmd-copy-%d", (int)getpid());
	n = records_read(fields, p, f->data, f->len, e);
	frame_drain(&c->in, f);
	if (n == 0 && p->path[0] == '\0')
		n = err_api(e, EINVAL, "bad_request", "PUT without a path");
	while (n == 0)
		n = step(p, e);
	if (p->fd != -1) {
		(void)close(p->fd);
		(void)unlinkat(p->dir, p->tmp, 0);
	}
	if (p->root != -1)
		(void)close(p->root);
	if (p->dir != -1)
		(void)close(p->dir);
	free(p);
	return n == 1 ? 0 : -1;
}
