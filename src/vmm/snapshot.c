/* SPDX-License-Identifier: ISC */
/* snapshot.c - a VM in a directory; see snapshot.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "vmm/memory_file.h"
#include "vmm/snapshot.h"

#define FORMAT		"vmm"
#define VERSION		1

/* --- save ---------------------------------------------------------------- */

static int
write_memory(int dir, const struct memory *m, struct err *e)
{
	own_fd int fd = openat(dir, "memory",
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);

	if (fd == -1)
		return err_sys(e, "create memory");
	if (memory_file_write(fd, 0, m, e) == -1)
		return -1;
	if (fsync(fd) == -1)
		return err_sys(e, "sync memory");
	return 0;
}

static int
write_json(int dir, const char *name, const json_t *v, struct err *e)
{
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	if (text == NULL)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	/* Whoever keeps it by hard links has the right to write, too. */
	return file_replace(dir, name, text, strlen(text), 0660, e);
}

json_t *
snapshot_state(const json_t *machine)
{
	return json_pack("{s:s, s:i, s:O}", "format", FORMAT,
	    "version", VERSION, "machine", machine);
}

static int
write_state(int dir, const json_t *machine, struct err *e)
{
	own_json json_t *v = snapshot_state(machine);

	return write_json(dir, "state.json", v, e);
}

/* What a process that was killed left, or what failed. */
static void
discard(int dirfd, const char *path)
{
	static const char *const files[] = { "config.json", "state.json",
	    "memory", ".config.json.new", ".state.json.new" };
	own_fd int dir = openat(dirfd, path,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (size_t i = 0; dir != -1 && i < COUNT(files); i++)
		(void)unlinkat(dir, files[i], 0);
	(void)unlinkat(dirfd, path, AT_REMOVEDIR);
}

static int
fill(int dirfd, const char *tmp, const struct snapshot_parts *p,
    struct err *e)
{
	own_fd int dir = -1;

	if (mkdirat(dirfd, tmp, 0770) == -1)
		return err_sys(e, "make %s", tmp);
	dir = openat(dirfd, tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return err_sys(e, "open %s", tmp);
	if (write_json(dir, "config.json", p->config, e) == -1 ||
	    write_state(dir, p->machine, e) == -1 ||
	    write_memory(dir, p->memory, e) == -1)
		return -1;
	if (fsync(dir) == -1)
		return err_sys(e, "sync %s", tmp);
	return 0;
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
snapshot_save(const struct snapshot_parts *p, int dirfd, const char *path,
    struct err *e)
{
	char tmp[PATH_MAX];
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, EEXIST, "%s: is there already", path);
	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return err_set(e, ENAMETOOLONG, "snapshot: name too long");
	discard(dirfd, tmp);
	if (fill(dirfd, tmp, p, e) == -1) {
		discard(dirfd, tmp);
		return err_prefix(e, "snapshot");
	}
	if (renameat(dirfd, tmp, dirfd, path) == -1) {
		(void)err_sys(e, "snapshot: rename %s", tmp);
		discard(dirfd, tmp);
		return -1;
	}
	return sync_parent(dirfd, path, e);
}

/* --- open ---------------------------------------------------------------- */

static int
parse(json_t **ret, const struct buf *b, struct err *e)
{
	own_json json_t *v = NULL;
	json_t *machine = NULL;
	const char *format = "";
	uint64_t version = 0;

	if (json_parse(&v, b->data, b->len, e) == -1 ||
	    json_get_str(&format, v, "format", 64, e) == -1 ||
	    json_get_u64(&version, v, "version", 0, INT32_MAX, e) == -1)
		return -1;
	if (strcmp(format, FORMAT) != 0)
		return err_set(e, ENOTSUP, "was not made by " FORMAT);
	if (version != VERSION)
		return err_set(e, ENOTSUP, "version %d is not known, only %d",
		    (int)version, VERSION);
	if (json_get_obj(&machine, v, "machine", SIZE_MAX, e) != 1)
		return err_set(e, EINVAL, "machine: no state");
	*ret = json_incref(machine);
	return 0;
}

static int
read_state(json_t **ret, int dirfd, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, SNAPSHOT_STATE_MAX);
	r = file_read(&b, dirfd, "state.json", e);
	if (r == 0 && (r = parse(ret, &b, e)) == -1)
		(void)err_prefix(e, "state.json");
	buf_fini(&b);
	return r;
}

int
snapshot_open(struct snapshot *ret, int dirfd, struct err *e)
{
	own_json json_t *machine = NULL;
	own_fd int memory = -1;
	struct stat st;

	if (read_state(&machine, dirfd, e) == -1)
		return err_prefix(e, "snapshot");
	memory = openat(dirfd, "memory", O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (memory == -1 || fstat(memory, &st) == -1)
		return err_sys(e, "snapshot: memory");
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "snapshot: memory is no file");
	ret->machine = take(&machine);
	ret->memory = take_fd(&memory);
	return 0;
}

void
snapshot_close(struct snapshot *s)
{
	json_decref(s->machine);
	s->machine = NULL;
	if (s->memory != -1)
		(void)close(s->memory);
	s->memory = -1;
}
