/* SPDX-License-Identifier: ISC */
/* snapshot.c - the directory of a snapshot; see snapshot.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapi/snapshot_dir.h"
#include "chapi/vm_config.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"
#include "vz/identity.h"
#include "vz/snapshot.h"

#define MEMORY		"memory"

static const struct snapshot_format format = {
	.name = "vmm-vz", .version = 1, .max = 4096
};

void
snapshot_discard(struct snapshot *s)
{
	static const char *const more[] = { MEMORY, VZ_IDENTIFIER_FILE,
	    "." VZ_IDENTIFIER_FILE ".new" };

	snapshot_dir_discard(s->dirfd, s->tmp, more, COUNT(more));
}

static int
fill(const struct snapshot *s, int vm, const struct vm_config *c,
    struct err *e)
{
	own_json json_t *config = vm_config_json(c);
	own_json json_t *state = json_pack("{s:s, s:i}", "format",
	    format.name, "version", format.version);
	own_fd int dir = snapshot_dir_make(s->dirfd, s->tmp, e);

	if (dir == -1 ||
	    snapshot_dir_write(dir, "config.json", config, e) == -1 ||
	    snapshot_dir_write(dir, "state.json", state, e) == -1)
		return -1;
	return identity_copy(vm, dir, e);
}

int
snapshot_begin(struct snapshot *s, int dirfd, const char *path, int vm,
    const struct vm_config *c, struct err *e)
{
	s->dirfd = dirfd;
	if (snprintf(s->path, sizeof(s->path), "%s", path) >= PATH_MAX ||
	    snprintf(s->tmp, sizeof(s->tmp), "%s.new", path) >= PATH_MAX ||
	    snprintf(s->memory, sizeof(s->memory), "%s.new/" MEMORY, path) >=
	    PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%s: too long", path);
	if (snapshot_dir_free(dirfd, path, e) == -1)
		return -1;
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
	return snapshot_dir_publish(s->dirfd, s->tmp, s->path, e);
}

/* --- read ---------------------------------------------------------------- */

int
snapshot_open(char memory[PATH_MAX], int dirfd, int vm, struct err *e)
{
	char dir[PATH_MAX - sizeof(MEMORY)];
	own_json json_t *state = NULL;
	int r = snapshot_dir_state(&state, dirfd, &format, e);

	if (r == 0)
		r = os_fd_path(dir, sizeof(dir), dirfd, e);
	if (r == 0)
		r = identity_copy(dirfd, vm, e);
	if (r == -1)
		return err_prefix(e, "snapshot");
	(void)snprintf(memory, PATH_MAX, "%s/" MEMORY, dir);
	return 0;
}
