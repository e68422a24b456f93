/* SPDX-License-Identifier: ISC */
/* snapshot.c - a VM in a directory; see snapshot.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapi/snapshot_dir.h"
#include "lib/json.h"
#include "lib/util.h"
#include "vmm/memory_file.h"
#include "vmm/snapshot.h"

static const struct snapshot_format format = {
	.name = "vmm", .version = 1, .max = SNAPSHOT_STATE_MAX
};

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

json_t *
snapshot_state(const json_t *machine)
{
	return json_pack("{s:s, s:i, s:O}", "format", format.name,
	    "version", format.version, "machine", machine);
}

static int
write_state(int dir, const json_t *machine, struct err *e)
{
	own_json json_t *v = snapshot_state(machine);

	return snapshot_dir_write(dir, "state.json", v, e);
}

static void
discard(int dirfd, const char *tmp)
{
	static const char *const more[] = { "memory" };

	snapshot_dir_discard(dirfd, tmp, more, COUNT(more));
}

static int
fill(int dirfd, const char *tmp, const struct snapshot_parts *p,
    struct err *e)
{
	own_fd int dir = snapshot_dir_make(dirfd, tmp, e);

	if (dir == -1 ||
	    snapshot_dir_write(dir, "config.json", p->config, e) == -1 ||
	    write_state(dir, p->machine, e) == -1 ||
	    write_memory(dir, p->memory, e) == -1)
		return -1;
	if (fsync(dir) == -1)
		return err_sys(e, "sync %s", tmp);
	return 0;
}

int
snapshot_save(const struct snapshot_parts *p, int dirfd, const char *path,
    struct err *e)
{
	char tmp[PATH_MAX];

	if (snapshot_dir_free(dirfd, path, e) == -1)
		return -1;
	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return err_set(e, ENAMETOOLONG, "snapshot: name too long");
	discard(dirfd, tmp);
	if (fill(dirfd, tmp, p, e) == -1 ||
	    snapshot_dir_publish(dirfd, tmp, path, e) == -1) {
		discard(dirfd, tmp);
		return err_prefix(e, "snapshot");
	}
	return 0;
}

/* --- open ---------------------------------------------------------------- */

static int
read_state(json_t **ret, int dirfd, struct err *e)
{
	own_json json_t *v = NULL;
	json_t *machine = NULL;

	if (snapshot_dir_state(&v, dirfd, &format, e) == -1)
		return -1;
	if (json_get_obj(&machine, v, "machine", SIZE_MAX, e) != 1)
		return err_set(e, EINVAL, "state.json: machine: no state");
	*ret = json_incref(machine);
	return 0;
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
