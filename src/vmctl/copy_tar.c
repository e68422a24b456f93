/* SPDX-License-Identifier: ISC */
/* copy_tar.c - a tar archive as a row of entries, and back; see copy.h */

#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/copy.h"

#define BLOCK	(64 << 10)	/* bytes read at once */
#define ZEROS	(64 << 10)	/* bytes of a hole written at once */

static int
archive_err(struct archive *a, const char *what, struct err *e)
{
	return err_set(e, EIO, "%s: %s", what,
	    archive_error_string(a) != NULL ? archive_error_string(a) :
	    "the archive is damaged");
}

/* --- reading ----------------------------------------------------------- */

/* A name of the archive without what makes it absolute; NULL: out of it. */
static const char *
clean_name(char *buf, const char *name)
{
	size_t len;

	if (name == NULL)
		return NULL;
	while (name[0] == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	len = strlen(name);
	while (len > 0 && name[len - 1] == '/')
		len--;
	if (len == 0)
		return ".";
	if (len >= COPY_PATH_MAX)
		return NULL;
	memcpy(buf, name, len);
	buf[len] = '\0';
	return copy_path_ok(buf) ? buf : NULL;
}

static int
tar_kind(struct copy_entry *n, struct archive_entry *ae)
{
	switch (archive_entry_filetype(ae)) {
	case AE_IFREG:
		n->kind = COPY_FILE;
		return 0;
	case AE_IFDIR:
		n->kind = COPY_DIR;
		return 0;
	case AE_IFLNK:
		n->kind = COPY_SYMLINK;
		n->link = archive_entry_symlink(ae);
		return n->link != NULL ? 0 : -1;
	case AE_IFIFO:
		n->kind = COPY_FIFO;
		return 0;
	case AE_IFCHR:
	case AE_IFBLK:
		n->kind = archive_entry_filetype(ae) == AE_IFCHR ?
		    COPY_CHAR : COPY_BLOCK;
		n->major = (uint32_t)archive_entry_rdevmajor(ae);
		n->minor = (uint32_t)archive_entry_rdevminor(ae);
		return 0;
	default:
		return -1;
	}
}

/* Names are in buf, of two paths. */
static int
tar_entry(struct copy_entry *n, struct archive_entry *ae,
    char buf[2][COPY_PATH_MAX], const struct copy_options *o, struct err *e)
{
	const char *name = archive_entry_pathname(ae);

	n->path = clean_name(buf[0], name);
	if (n->path == NULL)
		return err_set(e, EINVAL, "'%.200s': a name out of the "
		    "archive", name != NULL ? name : "");
	if (archive_entry_hardlink(ae) != NULL) {
		n->kind = COPY_HARDLINK;
		n->link = clean_name(buf[1], archive_entry_hardlink(ae));
		if (n->link == NULL)
			return err_set(e, EINVAL, "%s: a link out of the "
			    "archive", n->path);
	} else if (tar_kind(n, ae) == -1)
		return err_set(e, EINVAL, "%s: of an unknown kind", n->path);
	n->mode = archive_entry_perm(ae) & 07777;
	n->has_owner = o->owners;
	n->uid = (uint32_t)archive_entry_uid(ae);
	n->gid = (uint32_t)archive_entry_gid(ae);
	n->has_mtime = archive_entry_mtime_is_set(ae) != 0;
	n->mtime_ns = (int64_t)archive_entry_mtime(ae) * 1000000000 +
	    archive_entry_mtime_nsec(ae);
	n->size = n->kind == COPY_FILE ? (uint64_t)archive_entry_size(ae) : 0;
	return 0;
}

static int
tar_data(struct copy_sink *sink, struct archive *a,
    const struct copy_entry *n, struct err *e)
{
	const void *block;
	uint64_t at = 0;
	int64_t offset;
	size_t len;
	int r;

	while ((r = archive_read_data_block(a, &block, &len, &offset)) ==
	    ARCHIVE_OK) {
		if (offset < 0 || (uint64_t)offset < at ||
		    (uint64_t)offset > n->size ||
		    len > n->size - (uint64_t)offset)
			return err_set(e, EINVAL, "%s: damaged", n->path);
		if ((uint64_t)offset > at && sink->hole(sink,
		    (uint64_t)offset - at, e) == -1)
			return -1;
		if (len > 0 && sink->data(sink, block, len, e) == -1)
			return -1;
		at = (uint64_t)offset + len;
	}
	if (r != ARCHIVE_EOF)
		return archive_err(a, n->path, e);
	return at < n->size ? sink->hole(sink, n->size - at, e) : 0;
}

/*
 * Directories of the archive the last entry lies in.  They come again behind
 * their contents, so that their times last.
 */
struct dirs {
	struct copy_entry	 entry[COPY_DEPTH_MAX];
	size_t			 n;
};

/* Leave those that 'path' is not in; NULL: all.  Frees them in any case. */
static int
dirs_leave(struct dirs *d, struct copy_sink *sink, const char *path,
    struct err *e)
{
	struct copy_entry *top;
	int r = 0;

	while (d->n > 0) {
		top = &d->entry[d->n - 1];
		if (path != NULL && copy_is_below(path, top->path))
			break;
		if (r == 0 && sink != NULL)
			r = sink->entry(sink, top, e);
		free((char *)(uintptr_t)top->path);
		d->n--;
	}
	return r;
}

static int
dirs_enter(struct dirs *d, const struct copy_entry *n, struct err *e)
{
	struct copy_entry *top = &d->entry[d->n];

	/* The same directory twice, or an archive that is no tree. */
	if (d->n == COPY_DEPTH_MAX || (d->n > 0 &&
	    strcmp(d->entry[d->n - 1].path, n->path) == 0))
		return 0;
	*top = *n;
	top->path = strdup(n->path);
	if (top->path == NULL)
		return err_sys(e, "archive");
	d->n++;
	return 0;
}

static int
tar_entries(struct copy_sink *sink, struct archive *a, struct dirs *dirs,
    const struct copy_options *o, struct err *e)
{
	char names[2][COPY_PATH_MAX];
	struct archive_entry *ae;
	int r;

	while ((r = archive_read_next_header(a, &ae)) == ARCHIVE_OK ||
	    r == ARCHIVE_WARN) {
		struct copy_entry n = { 0 };

		if (tar_entry(&n, ae, names, o, e) == -1)
			return -1;
		/* The root is there already, and stays as it is. */
		if (strcmp(n.path, ".") == 0)
			continue;
		if (dirs_leave(dirs, sink, n.path, e) == -1 ||
		    sink->entry(sink, &n, e) == -1 ||
		    (n.kind == COPY_FILE && tar_data(sink, a, &n, e) == -1) ||
		    (n.kind == COPY_DIR && dirs_enter(dirs, &n, e) == -1))
			return -1;
	}
	if (r != ARCHIVE_EOF)
		return archive_err(a, "standard input", e);
	return dirs_leave(dirs, sink, NULL, e);
}

int
copy_tar_read(struct copy_sink *sink, int fd, const struct copy_entry *root,
    const struct copy_options *o, struct err *e)
{
	struct archive *a = archive_read_new();
	struct dirs *dirs = calloc(1, sizeof(*dirs));
	int r;

	if (a == NULL || dirs == NULL) {
		archive_read_free(a);
		free(dirs);
		return err_set(e, ENOMEM, "archive: out of memory");
	}
	archive_read_support_filter_all(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_empty(a);
	if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
		r = archive_err(a, "standard input", e);
	else if (sink->entry(sink, root, e) == -1)
		r = -1;
	else
		r = tar_entries(sink, a, dirs, o, e);
	if (r == 0)
		r = sink->end(sink, e);
	(void)dirs_leave(dirs, NULL, NULL, NULL);
	free(dirs);
	archive_read_free(a);
	return r;
}

/* --- writing ----------------------------------------------------------- */

struct tar {
	struct copy_sink	 sink;		/* first */
	struct archive		*a;
	char			*base;
	uint64_t		 left;		/* of the current file */
	char			 last[COPY_PATH_MAX];	/* entry */
};

/* The name of an entry in the archive; buf of two paths. */
static const char *
full_name(char *buf, size_t len, const struct tar *t, const char *path)
{
	if (strcmp(path, ".") == 0)
		return t->base;
	(void)snprintf(buf, len, "%s/%s", t->base, path);
	return buf;
}

static void
set_kind(struct archive_entry *ae, const struct copy_entry *n,
    const struct tar *t)
{
	static const unsigned types[] = {
		[COPY_FILE] = AE_IFREG, [COPY_DIR] = AE_IFDIR,
		[COPY_SYMLINK] = AE_IFLNK, [COPY_HARDLINK] = AE_IFREG,
		[COPY_FIFO] = AE_IFIFO, [COPY_CHAR] = AE_IFCHR,
		[COPY_BLOCK] = AE_IFBLK,
	};
	char name[2 * COPY_PATH_MAX];

	archive_entry_set_filetype(ae, types[n->kind]);
	if (n->kind == COPY_SYMLINK)
		archive_entry_copy_symlink(ae, n->link);
	if (n->kind == COPY_HARDLINK)
		archive_entry_copy_hardlink(ae, full_name(name, sizeof(name),
		    t, n->link));
	if (n->kind == COPY_CHAR || n->kind == COPY_BLOCK) {
		archive_entry_set_rdevmajor(ae, n->major);
		archive_entry_set_rdevminor(ae, n->minor);
	}
}

static int
tar_out_entry(struct copy_sink *s, const struct copy_entry *n, struct err *e)
{
	struct tar *t = (struct tar *)s;
	struct archive_entry *ae;
	char name[2 * COPY_PATH_MAX];
	int64_t sec = n->mtime_ns / 1000000000;
	long ns = (long)(n->mtime_ns % 1000000000);
	int r;

	/* A directory comes again behind its contents; once is enough. */
	if (n->kind == COPY_DIR && t->last[0] != '\0' &&
	    copy_is_below(t->last, n->path))
		return 0;
	(void)snprintf(t->last, sizeof(t->last), "%s", n->path);
	ae = archive_entry_new();
	if (ae == NULL)
		return err_set(e, ENOMEM, "archive: out of memory");
	archive_entry_copy_pathname(ae, full_name(name, sizeof(name), t,
	    n->path));
	set_kind(ae, n, t);
	archive_entry_set_perm(ae, (mode_t)n->mode);
	archive_entry_set_uid(ae, n->uid);
	archive_entry_set_gid(ae, n->gid);
	if (n->has_mtime)
		archive_entry_set_mtime(ae, ns < 0 ? sec - 1 : sec,
		    ns < 0 ? ns + 1000000000 : ns);
	archive_entry_set_size(ae, (int64_t)n->size);
	t->left = n->size;
	r = archive_write_header(t->a, ae);
	archive_entry_free(ae);
	return r < ARCHIVE_WARN ? archive_err(t->a, n->path, e) : 0;
}

static int
tar_out_data(struct copy_sink *s, const void *p, size_t len, struct err *e)
{
	struct tar *t = (struct tar *)s;
	ssize_t n;

	if (len > t->left)
		return err_set(e, EPROTO, "more bytes than the file has");
	t->left -= len;
	while (len > 0) {
		n = archive_write_data(t->a, p, len);
		if (n <= 0)
			return archive_err(t->a, "standard output", e);
		p = (const char *)p + n;
		len -= (size_t)n;
	}
	return 0;
}

static int
tar_out_hole(struct copy_sink *s, uint64_t bytes, struct err *e)
{
	static const char zeros[ZEROS];
	size_t n;

	for (; bytes > 0; bytes -= n) {
		n = (size_t)MIN(bytes, (uint64_t)ZEROS);
		if (tar_out_data(s, zeros, n, e) == -1)
			return -1;
	}
	return 0;
}

static int
tar_out_end(struct copy_sink *s, struct err *e)
{
	struct tar *t = (struct tar *)s;

	if (archive_write_close(t->a) != ARCHIVE_OK)
		return archive_err(t->a, "standard output", e);
	return 0;
}

int
copy_tar_open(struct copy_sink **ret, int fd, const char *base,
    struct err *e)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_sys(e, "archive");
	t->sink = (struct copy_sink){ tar_out_entry, tar_out_data,
	    tar_out_hole, tar_out_end };
	t->base = strdup(base);
	t->a = archive_write_new();
	if (t->base == NULL || t->a == NULL) {
		copy_tar_close(&t->sink);
		return err_set(e, ENOMEM, "archive: out of memory");
	}
	archive_write_set_format_pax_restricted(t->a);
	archive_write_set_bytes_in_last_block(t->a, 1);
	if (archive_write_open_fd(t->a, fd) != ARCHIVE_OK) {
		(void)archive_err(t->a, "standard output", e);
		copy_tar_close(&t->sink);
		return -1;
	}
	*ret = &t->sink;
	return 0;
}

void
copy_tar_close(struct copy_sink *s)
{
	struct tar *t = (struct tar *)s;

	if (t == NULL)
		return;
	if (t->a != NULL)
		archive_write_free(t->a);
	free(t->base);
	free(t);
}
