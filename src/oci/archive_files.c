/* SPDX-License-Identifier: ISC */
/* archive_files.c - the files of an archive; see archive_files.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/io.h"
#include "oci/archive_files.h"
#include "oci/job.h"
#include "oci/store.h"

#define CHUNK		(256U << 10)	/* bytes read or written at once */
#define LINKS_FOLLOWED	8		/* links to links */
#define NAME_LEN	16		/* "f" and a number */

struct archive_files {
	struct store		*st;
	int			 fd;
	struct progress		 progress;
	struct archive_file	*v;
	size_t			 n, cap;
	struct err		 stopped;	/* num 0: nothing stopped us */
	uint8_t			 in[CHUNK];
	uint8_t			 out[CHUNK];
};

void
archive_files_destroy(struct archive_files *af)
{
	if (af == NULL)
		return;
	for (size_t i = 0; i < af->n; i++) {
		free(af->v[i].path);
		free(af->v[i].link);
	}
	free(af->v);
	free(af);
}

static int
invalid(struct err *e, const char *what)
{
	return err_api(e, EINVAL, "invalid_archive", "%s", what);
}

static char *
number_name(char buf[NAME_LEN], unsigned number)
{
	(void)snprintf(buf, NAME_LEN, "f%u", number);
	return buf;
}

/* --- reading ------------------------------------------------------------ */

static la_ssize_t
read_more(struct archive *in, void *arg, const void **ret)
{
	struct archive_files *af = arg;
	ssize_t n;

	while ((n = read(af->fd, af->in, CHUNK)) == -1 && errno == EINTR)
		if (job_interrupted())
			break;
	if (n == -1 || job_interrupted()) {
		if (job_check(&af->stopped) == 0)
			(void)err_sys(&af->stopped, "read the archive");
		archive_set_error(in, EIO, "%s", af->stopped.text);
		return ARCHIVE_FATAL;
	}
	af->progress.bytes_done += (uint64_t)n;
	job_progress(&af->progress);
	*ret = af->in;
	return n;
}

/* "./a//b" to "a/b"; only used to look names up, never to open anything. */
static char *
tidy(const char *path)
{
	char *copy, *to;
	size_t n;

	if (path == NULL || strlen(path) > ARCHIVE_PATH_MAX)
		return NULL;
	copy = to = malloc(strlen(path) + 1);
	if (copy == NULL)
		return NULL;
	for (; *path != '\0'; path += n) {
		n = strcspn(path, "/");
		if (n == 0) {
			n = 1;
			continue;
		}
		if (n == 1 && *path == '.')
			continue;
		if (to != copy)
			*to++ = '/';
		memcpy(to, path, n);
		to += n;
	}
	*to = '\0';
	return copy;
}

/* What a symbolic link at 'path' names: relative to its directory. */
static char *
link_path(const char *path, const char *target)
{
	char joined[2 * ARCHIVE_PATH_MAX + 2], *p, *up;
	const char *slash = strrchr(path, '/');

	if (target == NULL || strlen(target) > ARCHIVE_PATH_MAX)
		return NULL;
	(void)snprintf(joined, sizeof(joined), "%.*s/%s",
	    slash == NULL ? 0 : (int)(slash - path), path, target);
	/* docker writes "../<layer>/layer.tar": take "x/.." out. */
	while ((p = strstr(joined, "/../")) != NULL) {
		for (up = p; up > joined && up[-1] != '/'; up--)
			;
		memmove(up, p + 4, strlen(p + 4) + 1);
	}
	return tidy(joined);
}

static int
write_contents(struct archive_files *af, struct archive_file *f,
    struct archive *in, struct err *e)
{
	OWN(hasher_destroy) struct hasher *h = hasher_new();
	own_fd int fd = -1;
	char name[NAME_LEN];
	la_ssize_t n;

	fd = openat(af->st->work, number_name(name, f->number),
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1)
		return err_sys(e, "make a file in tmp");
	while ((n = archive_read_data(in, af->out, CHUNK)) > 0) {
		if (f->size == 0)
			memcpy(f->magic, af->out,
			    n < ARCHIVE_MAGIC ? (size_t)n : ARCHIVE_MAGIC);
		hasher_add(h, af->out, (size_t)n);
		f->size += (uint64_t)n;
		if (f->size > BLOB_MAX)
			return invalid(e, "too large");
		if (write_full(fd, af->out, (size_t)n) == -1)
			return err_sys(e, "write");
	}
	if (n < 0)
		return invalid(e, archive_error_string(in) == NULL ?
		    "unreadable" : archive_error_string(in));
	hasher_end(&f->digest, h);
	return 0;
}

static struct archive_file *
file_new(struct archive_files *af)
{
	struct archive_file *v;

	if (af->n == af->cap) {
		af->cap = af->cap == 0 ? 64 : 2 * af->cap;
		v = realloc(af->v, af->cap * sizeof(*v));
		if (v == NULL)
			return NULL;
		af->v = v;
	}
	v = &af->v[af->n];
	memset(v, 0, sizeof(*v));
	v->number = (unsigned)af->n++;
	return v;
}

static int
take_entry(struct archive_files *af, struct archive *in,
    struct archive_entry *ae, struct err *e)
{
	mode_t type = archive_entry_filetype(ae);
	const char *hard = archive_entry_hardlink(ae);
	struct archive_file *f;

	if (hard == NULL && type != AE_IFREG && type != AE_IFLNK)
		return 0;
	if (af->n == ARCHIVE_FILES_MAX)
		return invalid(e, "the archive has more than 16384 files");
	f = file_new(af);
	if (f == NULL)
		return err_sys(e, "archive");
	f->path = tidy(archive_entry_pathname(ae));
	if (f->path == NULL)
		return invalid(e, "an unreadable or too long name");
	if (hard != NULL)
		f->link = tidy(hard);
	else if (type == AE_IFLNK)
		f->link = link_path(f->path, archive_entry_symlink(ae));
	else if (write_contents(af, f, in, e) == -1)
		return err_prefix(e, "%.200s", f->path);
	return 0;
}

static int
read_all(struct archive_files *af, struct archive *in, struct err *e)
{
	struct archive_entry *ae;
	int r;

	if (archive_read_open(in, af, NULL, read_more, NULL) != ARCHIVE_OK)
		return invalid(e, archive_error_string(in) == NULL ?
		    "not an archive" : archive_error_string(in));
	while ((r = archive_read_next_header(in, &ae)) == ARCHIVE_OK ||
	    r == ARCHIVE_WARN)
		if (take_entry(af, in, ae, e) == -1)
			return -1;
	if (r != ARCHIVE_EOF)
		return invalid(e, archive_error_string(in) == NULL ?
		    "unreadable" : archive_error_string(in));
	return 0;
}

int
archive_files_read(struct archive_files **ret, struct store *st, int fd,
    struct err *e)
{
	OWN(archive_files_destroy) struct archive_files *af =
	    calloc(1, sizeof(*af));
	struct archive *in = archive_read_new();
	struct stat sb;
	int r = -1;

	if (af == NULL || in == NULL ||
	    archive_read_support_format_tar(in) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(in) < ARCHIVE_WARN ||
	    archive_read_support_filter_zstd(in) < ARCHIVE_WARN) {
		(void)err_set(e, ENOMEM, "no memory");
	} else {
		af->st = st;
		af->fd = fd;
		af->progress.phase = JOB_IMPORTING;
		if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
			af->progress.bytes_total = (uint64_t)sb.st_size;
		r = read_all(af, in, e);
		if (r == -1 && af->stopped.num != 0)
			*e = af->stopped;
	}
	if (in != NULL)
		(void)archive_read_free(in);
	if (r == 0)
		*ret = take(&af);
	return r;
}

/* --- looking up --------------------------------------------------------- */

/* The last of that name: a later entry of an archive replaces the former. */
static const struct archive_file *
named_once(const struct archive_files *af, const char *path)
{
	for (size_t i = af->n; i > 0; i--)
		if (strcmp(af->v[i - 1].path, path) == 0)
			return &af->v[i - 1];
	return NULL;
}

const struct archive_file *
archive_files_named(const struct archive_files *af, const char *path)
{
	own_mem char *clean = tidy(path);
	const struct archive_file *f;

	f = clean == NULL ? NULL : named_once(af, clean);
	for (int i = 0; f != NULL && f->link != NULL; i++)
		f = i == LINKS_FOLLOWED ? NULL : named_once(af, f->link);
	/* A link whose target could not be read has neither. */
	return f != NULL && f->digest.text[0] != '\0' ? f : NULL;
}

const struct archive_file *
archive_files_hashed(const struct archive_files *af, const struct digest *d)
{
	for (size_t i = 0; i < af->n; i++)
		if (af->v[i].link == NULL && digest_equal(&af->v[i].digest, d))
			return &af->v[i];
	return NULL;
}

int
archive_file_text(struct buf *b, struct store *st,
    const struct archive_file *f, struct err *e)
{
	char name[NAME_LEN];
	struct err why;

	/* It may have become a blob by now. */
	if (file_read(b, st->work, number_name(name, f->number), &why) == 0 ||
	    (why.num == ENOENT &&
	    file_read(b, st->blobs, digest_hex(&f->digest), &why) == 0))
		return 0;
	if (why.num == EFBIG)
		return err_api(e, EFBIG, "invalid_archive",
		    "%.200s: larger than %zu bytes", f->path, b->max);
	return err_set(e, why.num, "%s", why.text);
}

int
archive_file_adopt(struct store *st, const struct archive_file *f,
    struct err *e)
{
	own_fd int fd = -1;
	char name[NAME_LEN];

	if (store_blob_size(st, &f->digest) == (int64_t)f->size)
		return 0;
	fd = openat(st->work, number_name(name, f->number),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 || fsync(fd) == -1 || renameat(st->work, name,
	    st->blobs, digest_hex(&f->digest)) == -1)
		return err_sys(e, "%.200s", f->path);
	return 0;
}
