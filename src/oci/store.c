/* SPDX-License-Identifier: ISC */
/* store.c - where images lie: directories, locks and blobs; see store.h */

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "lib/log.h"
#include "oci/store.h"
#include "oci/sweep.h"
#include "os/os.h"

#define LAYOUT		"{\"imageLayoutVersion\":\"1.0.0\"}"
#define EMPTY_INDEX	"{\"schemaVersion\":2,\"manifests\":[]}"
#define TREE_DEPTH	32	/* directories in each other, in tmp */

/* --- directories -------------------------------------------------------- */

static int
tree_remove_at(int dirfd, const char *name, unsigned depth)
{
	struct dirent *d;
	DIR *dir;
	int fd, r = 0;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if ((errno != EISDIR && errno != EPERM) || depth == 0)
		return -1;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0 &&
		    tree_remove_at(fd, d->d_name, depth - 1) == -1)
			r = -1;
	(void)closedir(dir);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == -1 && errno != ENOENT)
		r = -1;
	return r;
}

int
tree_remove(int dirfd, const char *name)
{
	return tree_remove_at(dirfd, name, TREE_DEPTH);
}

static int
dir_open(int at, const char *name, struct err *e)
{
	int fd;

	if (mkdirat(at, name, 0755) == -1 && errno != EEXIST)
		return err_sys(e, "make %s", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "open %s", name);
	return fd;
}

static int
lock_file(int dirfd, const char *name, int how, struct err *e)
{
	own_fd int fd = -1;

	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0644);
	if (fd == -1)
		return err_sys(e, "open %s", name);
	if (flock(fd, how) == -1)
		return err_sys(e, "lock %s", name);
	return take_fd(&fd);
}

/*
 * Remove the work directories whose job does not hold them any more.  The
 * index lock keeps a job from being between mkdir and flock meanwhile.
 */
static int
clean_tmp(struct store *st, struct err *e)
{
	own_fd int guard = -1;
	struct dirent *d;
	DIR *dir;
	int fd;

	guard = lock_file(st->dir, "index.lock", LOCK_EX, e);
	if (guard == -1)
		return -1;
	fd = openat(st->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		(void)err_sys(e, "read tmp");
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		fd = openat(st->tmp, d->d_name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)tree_remove(st->tmp, d->d_name);
		if (fd != -1)
			(void)close(fd);
	}
	(void)closedir(dir);
	return 0;
}

/* The two files every layout has. */
static int
make_layout(struct store *st, struct err *e)
{
	own_fd int guard = -1;

	guard = lock_file(st->dir, "index.lock", LOCK_EX, e);
	if (guard == -1)
		return -1;
	if (faccessat(st->dir, "index.json", F_OK, 0) == -1 &&
	    file_replace(st->dir, "index.json", EMPTY_INDEX,
	    strlen(EMPTY_INDEX), 0644, e) == -1)
		return -1;
	if (faccessat(st->dir, "oci-layout", F_OK, 0) == -1 &&
	    file_replace(st->dir, "oci-layout", LAYOUT, strlen(LAYOUT), 0644,
	    e) == -1)
		return -1;
	return 0;
}

static int
open_parts(struct store *st, const char *path, struct err *e)
{
	own_fd int blobs = -1;

	if ((st->dir = dir_open(AT_FDCWD, path, e)) == -1 ||
	    (blobs = dir_open(st->dir, "blobs", e)) == -1 ||
	    (st->blobs = dir_open(blobs, "sha256", e)) == -1 ||
	    (st->root = dir_open(st->dir, "root", e)) == -1 ||
	    (st->tmp = dir_open(st->dir, "tmp", e)) == -1)
		return -1;
	st->lock = lock_file(st->dir, "lock", LOCK_SH, e);
	if (st->lock == -1 || make_layout(st, e) == -1)
		return -1;
	return clean_tmp(st, e);
}

int
store_open(struct store **ret, const char *path, struct err *e)
{
	OWN(store_close) struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return err_sys(e, "store %s", path);
	st->dir = st->blobs = st->root = st->tmp = st->lock = st->work = -1;
	if (open_parts(st, path, e) == -1)
		return err_prefix(e, "store %s", path);
	*ret = take(&st);
	return 0;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	if (st->work != -1) {
		(void)tree_remove(st->tmp, st->work_name);
		(void)close(st->work);
	}
	if (st->lock != -1) {
		sweep_deferred(st);
		(void)close(st->lock);
	}
	if (st->tmp != -1)
		(void)close(st->tmp);
	if (st->root != -1)
		(void)close(st->root);
	if (st->blobs != -1)
		(void)close(st->blobs);
	if (st->dir != -1)
		(void)close(st->dir);
	free(st);
}

int
store_work(struct store *st, struct err *e)
{
	own_fd int guard = -1, fd = -1;
	uint64_t r;

	if (st->work != -1)
		return 0;
	os_random(&r, sizeof(r));
	(void)snprintf(st->work_name, sizeof(st->work_name), "%016llx",
	    (unsigned long long)r);
	guard = lock_file(st->dir, "index.lock", LOCK_EX, e);
	if (guard == -1)
		return -1;
	if (mkdirat(st->tmp, st->work_name, 0700) == -1)
		return err_sys(e, "make tmp/%s", st->work_name);
	fd = openat(st->tmp, st->work_name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1)
		return err_sys(e, "lock tmp/%s", st->work_name);
	st->work = take_fd(&fd);
	return 0;
}

/* --- blobs -------------------------------------------------------------- */

int
store_blob(struct buf *b, struct store *st, const struct digest *d,
    struct err *e)
{
	struct digest is;
	struct err why;

	if (file_read(b, st->blobs, digest_hex(d), &why) == -1) {
		if (why.num == ENOENT)
			return err_api(e, ENOENT, "damaged",
			    "blob %s is missing from the store; pull the "
			    "image again", d->text);
		if (why.num == EFBIG)
			return err_api(e, EFBIG, "invalid_image",
			    "blob %s is larger than %zu bytes", d->text,
			    b->max);
		return err_api(e, why.num, "io", "blob %s: %s", d->text,
		    why.text);
	}
	digest_of(&is, b->data, b->len);
	if (!digest_equal(&is, d)) {
		(void)unlinkat(st->blobs, digest_hex(d), 0);
		return err_api(e, EIO, "damaged", "blob %s has other contents "
		    "(%s); pull the image again", d->text, is.text);
	}
	return 0;
}

int
store_blob_put(struct digest *ret, struct store *st, const void *data,
    size_t len, struct err *e)
{
	digest_of(ret, data, len);
	if (store_blob_size(st, ret) == (int64_t)len)
		return 0;
	return file_replace(st->blobs, digest_hex(ret), data, len, 0644, e);
}

int64_t
store_blob_size(struct store *st, const struct digest *d)
{
	struct stat sb;

	if (fstatat(st->blobs, digest_hex(d), &sb, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	return S_ISREG(sb.st_mode) ? (int64_t)sb.st_size : -1;
}

int
store_manifest(struct manifest *ret, struct store *st,
    const struct digest *d, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, MANIFEST_MAX);
	r = store_blob(&b, st, d, e);
	if (r == 0)
		r = manifest_parse(ret, b.data, b.len, e);
	buf_fini(&b);
	return r;
}
