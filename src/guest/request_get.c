/* SPDX-License-Identifier: ISC */
/*
 * request_get.c - a tree to the host (docs/agent-protocol.md, GET)
 *
 * Walks by descriptors, so what is renamed or replaced on the way is left
 * out or sent as it is, and no symlink below the root is followed.
 */

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/entry.h"
#include "guest/links.h"
#include "guest/request.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"

struct get {
	struct conn	*c;
	char		 from[AGENT_PATH_MAX];	/* in the guest */
	bool		 follow;
	struct links	 links;
	/* The object being sent, relative to the root; "" is the root. */
	char		 path[AGENT_PATH_MAX];
	size_t		 len;
	unsigned	 depth;
	uint64_t	 bytes;
	uint64_t	 entries;
};

static int	send_object(struct get *, int dir, const char *name,
		    struct err *);

static int
take_path(void *arg, const char *value, struct err *e)
{
	struct get *g = arg;

	if (value[0] != '/' || strlen(value) >= sizeof(g->from))
		return err_api(e, EINVAL, "bad_path",
		    "'%s' is no absolute path", value);
	strcpy(g->from, value);
	return 0;
}

static int
take_follow(void *arg, const char *value, struct err *e)
{
	struct get *g = arg;
	uint64_t n;

	if (num_parse(&n, value, 0, 1, e) == -1)
		return -1;
	g->follow = n == 1;
	return 0;
}

static const struct record_field fields[] = {
	{ "path",	take_path },
	{ "follow",	take_follow },
	{ NULL,		NULL },
};

/* The path for messages: in the guest, not below the root. */
static const char *
whole(const struct get *g, char text[static 2 * AGENT_PATH_MAX])
{
	strcpy(text, g->from);
	if (g->len != 0) {
		strcat(text, "/");
		strcat(text, g->path);
	}
	return text;
}

static int
get_failed(const struct get *g, struct err *e)
{
	char text[2 * AGENT_PATH_MAX];
	int num = errno;

	(void)whole(g, text);
	errno = num;
	return request_errno(text, e);
}

/* Procfs and its kind have no end, or contents that are not files. */
static bool
is_pseudo(int fd)
{
	static const uint32_t magics[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
		SECURITYFS_MAGIC, BPF_FS_MAGIC, DEVPTS_SUPER_MAGIC,
	};
	struct statfs sf;

	if (fstatfs(fd, &sf) == -1)
		return false;
	for (size_t i = 0; i < COUNT(magics); i++)
		if ((uint32_t)sf.f_type == magics[i])
			return true;
	return false;
}

/* --- one object ----------------------------------------------------------- */

static int
put_entry(struct get *g, const struct stat *st, enum agent_kind kind,
    const char *link, struct err *e)
{
	struct agent_entry n;

	request_entry(&n, st);
	n.path = g->len == 0 ? "." : g->path;
	n.kind = kind;
	n.link = link;
	if (entry_put(&g->c->out, &n) == -1)
		return get_failed(g, e);
	return conn_wait_flush(g->c, e);
}

/* Exactly len bytes from offset at; they were there when we looked. */
static int
send_bytes(struct get *g, int fd, uint64_t at, uint64_t len, struct err *e)
{
	struct buf *out = &g->c->out;
	char text[2 * AGENT_PATH_MAX];
	ssize_t frame, n;
	uint8_t *to;
	size_t want;

	while (len != 0) {
		want = MIN(len, AGENT_DATA_MAX);
		frame = frame_open(out);
		to = frame == -1 ? NULL : buf_reserve(out, want);
		if (to == NULL)
			return get_failed(g, e);
		n = pread(fd, to, want, (off_t)at);
		if (n <= 0) {
			int num = errno;

			out->len = (size_t)frame;
			if (n == -1 && num == EINTR)
				continue;
			errno = num;
			if (n == -1)
				return get_failed(g, e);
			return err_api(e, EIO, "changed",
			    "%s: shrank while it was read", whole(g, text));
		}
		buf_added(out, (size_t)n);
		if (frame_close(out, frame, AGENT_DATA) == -1)
			return get_failed(g, e);
		at += (uint64_t)n;
		len -= (uint64_t)n;
		if (conn_wait_flush(g->c, e) == -1)
			return -1;
	}
	return 0;
}

/* Data and holes in turn; a file system without holes is all data. */
static int
send_file(struct get *g, int fd, const struct stat *st, struct err *e)
{
	uint64_t size = (uint64_t)st->st_size, at = 0, end;
	bool sparse = (uint64_t)st->st_blocks * 512 < size;
	off_t data, hole;

	while (at < size) {
		data = sparse ? lseek(fd, (off_t)at, SEEK_DATA) : (off_t)at;
		if (data == -1)
			data = errno == ENXIO ? (off_t)size : (off_t)at;
		end = MIN((uint64_t)data, size);
		if (end > at && (frame_put_u64(&g->c->out, AGENT_HOLE,
		    end - at) == -1 || conn_wait_flush(g->c, e) == -1))
			return get_failed(g, e);
		at = end;
		hole = sparse && at < size ?
		    lseek(fd, (off_t)at, SEEK_HOLE) : (off_t)size;
		end = hole == -1 ? size : MIN((uint64_t)hole, size);
		if (end > at && send_bytes(g, fd, at, end - at, e) == -1)
			return -1;
		at = end;
	}
	g->bytes += size;
	return 0;
}

static int
send_regular(struct get *g, int dir, const char *name, struct stat *st,
    struct err *e)
{
	own_fd int fd = -1;
	const char *first;

	if (st->st_nlink > 1) {
		first = links_find(&g->links, st, g->path);
		if (first != NULL)
			return put_entry(g, st, AGENT_KIND_HARDLINK, first, e);
	}
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, st) == -1)
		return get_failed(g, e);
	if (!S_ISREG(st->st_mode)) {
		errno = EAGAIN;
		return get_failed(g, e);
	}
	if (put_entry(g, st, AGENT_KIND_FILE, NULL, e) == -1)
		return -1;
	return send_file(g, fd, st, e);
}

static int
send_symlink(struct get *g, int dir, const char *name, struct stat *st,
    struct err *e)
{
	char target[AGENT_PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n == -1)
		return get_failed(g, e);
	target[n] = '\0';
	return put_entry(g, st, AGENT_KIND_SYMLINK, target, e);
}

/* Append a component; the caller restores the length. */
static int
path_push(struct get *g, const char *name, struct err *e)
{
	size_t n = strlen(name), slash = g->len == 0 ? 0 : 1;

	if (g->len + slash + n >= sizeof(g->path)) {
		errno = ENAMETOOLONG;
		return get_failed(g, e);
	}
	if (slash)
		g->path[g->len] = '/';
	memcpy(g->path + g->len + slash, name, n + 1);
	g->len += slash + n;
	return 0;
}

static int
send_children(struct get *g, DIR *d, struct err *e)
{
	size_t len = g->len;
	struct dirent *entry;
	int ret = 0;

	while (ret == 0 && (errno = 0, entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (path_push(g, entry->d_name, e) == -1)
			return -1;
		ret = send_object(g, dirfd(d), entry->d_name, e);
		g->len = len;
		g->path[len] = '\0';
	}
	if (ret == 0 && errno != 0)
		return get_failed(g, e);
	return ret;
}

static int
send_dir(struct get *g, int dir, const char *name, struct stat *st,
    struct err *e)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	own_fd int fd = -1;
	DIR *d;
	int ret;

	if (g->depth == AGENT_DEPTH_MAX) {
		errno = ENAMETOOLONG;
		return get_failed(g, e);
	}
	fd = openat(dir, name, g->len == 0 ? flags : flags | O_NOFOLLOW);
	if (fd == -1)
		return get_failed(g, e);
	if (put_entry(g, st, AGENT_KIND_DIR, NULL, e) == -1)
		return -1;
	if (g->len != 0 && is_pseudo(fd))
		return 0;
	d = fdopendir(fd);
	if (d == NULL)
		return get_failed(g, e);
	(void)take_fd(&fd);
	g->depth++;
	ret = send_children(g, d, e);
	g->depth--;
	(void)closedir(d);
	/* Once more, so that its times outlast what was made in it. */
	return ret == 0 ? put_entry(g, st, AGENT_KIND_DIR, NULL, e) : -1;
}

static int
send_special(struct get *g, int dir, const char *name, struct stat *st,
    struct err *e)
{
	(void)dir;
	(void)name;
	/* A socket has no meaning away from its server. */
	if (S_ISSOCK(st->st_mode))
		return 0;
	return put_entry(g, st, request_kind(st->st_mode), NULL, e);
}

static int (*const senders[])(struct get *, int, const char *, struct stat *,
    struct err *) = {
	[AGENT_KIND_FILE]	= send_regular,
	[AGENT_KIND_DIR]	= send_dir,
	[AGENT_KIND_SYMLINK]	= send_symlink,
	[AGENT_KIND_HARDLINK]	= send_special,
	[AGENT_KIND_FIFO]	= send_special,
	[AGENT_KIND_CHAR]	= send_special,
	[AGENT_KIND_BLOCK]	= send_special,
	[AGENT_KIND_SOCKET]	= send_special,
};

static int
send_object(struct get *g, int dir, const char *name, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		/* It went away while we walked. */
		if (errno == ENOENT && g->len != 0)
			return 0;
		return get_failed(g, e);
	}
	g->entries++;
	return senders[request_kind(st.st_mode)](g, dir, name, &st, e);
}

/* --- all of it ------------------------------------------------------------ */

static int
get(struct get *g, struct err *e)
{
	struct buf *out = &g->c->out;
	char real[PATH_MAX];
	ssize_t at;

	if (g->follow) {
		/* The one link that is followed is that of the root. */
		if (realpath(g->from, real) == NULL)
			return get_failed(g, e);
		strcpy(g->from, real);
	}
	if (send_object(g, AT_FDCWD, g->from, e) == -1)
		return -1;
	at = frame_open(out);
	if (at == -1 ||
	    record_putf(out, "bytes", "%" PRIu64, g->bytes) == -1 ||
	    record_putf(out, "entries", "%" PRIu64, g->entries) == -1 ||
	    frame_close(out, at, AGENT_END) == -1)
		return err_sys(e, "copy");
	return 0;
}

int
request_get(const struct agent *a, struct conn *c, struct frame *f,
    struct err *e)
{
	struct get *g;
	int ret;

	(void)a;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return err_sys(e, "copy");
	g->c = c;
	ret = records_read(fields, g, f->data, f->len, e);
	frame_drain(&c->in, f);
	if (ret == 0 && g->from[0] == '\0')
		ret = err_api(e, EINVAL, "bad_request", "GET without a path");
	if (ret == 0)
		ret = get(g, e);
	links_fini(&g->links);
	free(g);
	return ret;
}
