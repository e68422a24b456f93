/* SPDX-License-Identifier: ISC */
/* snapshot_dir.c - the directory of a snapshot; see snapshot_dir.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "chapi/snapshot_dir.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"

#define FORMAT_MAX	64		/* characters of a format's name */

int
snapshot_dir_free(int dirfd, const char *path, struct err *e)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, EEXIST, "%s: is there already", path);
	return 0;
}

int
snapshot_dir_make(int dirfd, const char *tmp, struct err *e)
{
	int dir;

	if (mkdirat(dirfd, tmp, 0770) == -1)
		return err_sys(e, "make %s", tmp);
	dir = openat(dirfd, tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir == -1 ? err_sys(e, "open %s", tmp) : dir;
}

int
snapshot_dir_write(int dir, const char *name, const json_t *v, struct err *e)
{
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	if (text == NULL)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	/* Whoever keeps it by hard links has the right to write, too. */
	return file_replace(dir, name, text, strlen(text), 0660, e);
}

/* The new name must survive, too. */
static int
sync_parent(int dirfd, const char *path, struct err *e)
{
	own_mem char *copy = strdup(path);
	own_fd int parent = -1;

	if (copy == NULL)
		return err_sys(e, "%s", path);
	parent = openat(dirfd, dirname(copy),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent == -1 || fsync(parent) == -1)
		return err_sys(e, "sync the directory of %s", path);
	return 0;
}

int
snapshot_dir_publish(int dirfd, const char *tmp, const char *path,
    struct err *e)
{
	if (renameat(dirfd, tmp, dirfd, path) == -1)
		return err_sys(e, "rename %s", tmp);
	return sync_parent(dirfd, path, e);
}

void
snapshot_dir_discard(int dirfd, const char *tmp, const char *const *more,
    size_t n)
{
	static const char *const files[] = { "config.json", "state.json",
	    ".config.json.new", ".state.json.new" };
	own_fd int dir = openat(dirfd, tmp,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (size_t i = 0; dir != -1 && i < COUNT(files); i++)
		(void)unlinkat(dir, files[i], 0);
	for (size_t i = 0; dir != -1 && i < n; i++)
		(void)unlinkat(dir, more[i], 0);
	(void)unlinkat(dirfd, tmp, AT_REMOVEDIR);
}

/* --- read ---------------------------------------------------------------- */

static int
parse(json_t **ret, const struct buf *b, const struct snapshot_format *f,
    struct err *e)
{
	own_json json_t *v = NULL;
	const char *name = "";
	uint64_t version = 0;

	if (json_parse(&v, b->data, b->len, e) == -1 ||
	    json_get_str(&name, v, "format", FORMAT_MAX, e) == -1 ||
	    json_get_u64(&version, v, "version", 0, INT32_MAX, e) == -1)
		return -1;
	if (strcmp(name, f->name) != 0)
		return err_set(e, ENOTSUP, "was not made by %s", f->name);
	if (version != (uint64_t)f->version)
		return err_set(e, ENOTSUP, "version %d is not known, only %d",
		    (int)version, f->version);
	*ret = take(&v);
	return 0;
}

int
snapshot_dir_state(json_t **ret, int dirfd, const struct snapshot_format *f,
    struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, f->max);
	r = file_read(&b, dirfd, "state.json", e);
	if (r == 0 && (r = parse(ret, &b, f, e)) == -1)
		(void)err_prefix(e, "state.json");
	buf_fini(&b);
	return r;
}
