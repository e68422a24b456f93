/* SPDX-License-Identifier: ISC */
/* snapshot.c - the directory of a snapshot; see snapshot.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapi/vm_config.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"
#include "vz/identity.h"
#include "vz/snapshot.h"

#define FORMAT		"vmm-vz"
#define VERSION		1
#define STATE_MAX	4096		/* bytes of state.json */
#define MEMORY		"memory"

static int
write_json(int dir, const char *name, const json_t *v, struct err *e)
{
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	if (text == NULL)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	return file_replace(dir, name, text, strlen(text), 0660, e);
}

void
snapshot_discard(struct snapshot *s)
{
	static const char *const files[] = { "config.json", "state.json",
	    VZ_IDENTIFIER_FILE, MEMORY, ".config.json.new",
	    ".state.json.new", "." VZ_IDENTIFIER_FILE ".new" };
	own_fd int dir = openat(s->dirfd, s->tmp,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (size_t i = 0; dir != -1 && i < COUNT(files); i++)
		(void)unlinkat(dir, files[i], 0);
	(void)unlinkat(s->dirfd, s->tmp, AT_REMOVEDIR);
}

static int
fill(const struct snapshot *s, int vm, const struct vm_config *c,
    struct err *e)
{
	own_json json_t *config = vm_config_json(c);
	own_json json_t *state = json_pack("{s:s, s:i}", "format", FORMAT,
	    "version", VERSION);
	own_fd int dir = -1;

	if (mkdirat(s->dirfd, s->tmp, 0770) == -1)
		return err_sys(e, "make %s", s->tmp);
	dir = openat(s->dirfd, s->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return err_sys(e, "open %s", s->tmp);
	if (write_json(dir, "config.json", config, e) == -1 ||
	    write_json(dir, "state.json", state, e) == -1)
		return -1;
	return identity_copy(vm, dir, e);
}

int
snapshot_begin(struct snapshot *s, int dirfd, const char *path, int vm,
    const struct vm_config *c, struct err *e)
{
	struct stat st;

	s->dirfd = dirfd;
	if (snprintf(s->path, sizeof(s->path), "%s", path) >= PATH_MAX ||
	    snprintf(s->tmp, sizeof(s->tmp), "%s.new", path) >= PATH_MAX ||
	    snprintf(s->memory, sizeof(s->memory), "%s.new/" MEMORY, path) >=
	    PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%s: too long", path);
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, EEXIST, "%s: is there already", path);
	snapshot_discard(s);
	if (fill(s, vm, c, e) == -1) {
		snapshot_discard(s);
		return -1;
	}
	return 0;
}

/* Bytes that others wrote into a file or directory become durable. */
static int
sync_file(int dirfd, const char *name, struct err *e)
{
	own_fd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || fsync(fd) == -1)
		return err_sys(e, "%s", name);
	return 0;
}

int
snapshot_end(struct snapshot *s, struct err *e)
{
	if (sync_file(s->dirfd, s->memory, e) == -1 ||
	    sync_file(s->dirfd, s->tmp, e) == -1)
		return -1;
	if (renameat(s->dirfd, s->tmp, s->dirfd, s->path) == -1)
		return err_sys(e, "rename %s", s->tmp);
	return 0;
}

/* --- read ---------------------------------------------------------------- */

static int
check_state(const struct buf *b, struct err *e)
{
	own_json json_t *v = NULL;
	const char *format = "";
	uint64_t version = 0;

	if (json_parse(&v, b->data, b->len, e) == -1 ||
	    json_get_str(&format, v, "format", 64, e) == -1 ||
	    json_get_u64(&version, v, "version", 0, INT32_MAX, e) == -1)
		return -1;
	if (strcmp(format, FORMAT) != 0)
		return err_set(e, ENOTSUP, "was not made by " FORMAT);
	if (version != VERSION)
		return err_set(e, ENOTSUP, "version %d is not known",
		    (int)version);
	return 0;
}

int
snapshot_open(char memory[PATH_MAX], int dirfd, int vm, struct err *e)
{
	char dir[PATH_MAX - sizeof(MEMORY)];
	struct buf b;
	int r;

	buf_init(&b, STATE_MAX);
	r = file_read(&b, dirfd, "state.json", e);
	if (r == 0)
		r = check_state(&b, e);
	buf_fini(&b);
	if (r == 0)
		r = os_fd_path(dir, sizeof(dir), dirfd, e);
	if (r == 0)
		r = identity_copy(dirfd, vm, e);
	if (r == -1)
		return err_prefix(e, "snapshot");
	(void)snprintf(memory, PATH_MAX, "%s/" MEMORY, dir);
	return 0;
}
