/* SPDX-License-Identifier: ISC */
/* snapshot.c - snapshots of a VM that does not run; see snapshot.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapi/migration.h"
#include "chapi/snapshot_dir.h"
#include "chapi/vm_config.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "null/snapshot.h"

#define SET_FILE	"working-set"
#define SET		"{\"format\":\"vmm-null working-set\"}"
#define STATE_MAX	4096			/* bytes of a file of it */
#define TMP_NAME_MAX		(VM_PATH_MAX + 16)

static const struct snapshot_format format = {
	.name = "vmm-null", .version = 1, .max = STATE_MAX
};

static json_t *
state_json(uint64_t reboots)
{
	return json_pack("{s:s, s:i, s:I}", "format", format.name,
	    "version", format.version, "reboots", (json_int_t)reboots);
}

static int
fill(int dirfd, const char *tmp, const struct vm_config *c, uint64_t reboots,
    struct err *e)
{
	own_json json_t *config = vm_config_json(c);
	own_json json_t *state = state_json(reboots);
	own_fd int dir = snapshot_dir_make(dirfd, tmp, e);

	if (dir == -1 ||
	    snapshot_dir_write(dir, "config.json", config, e) == -1)
		return -1;
	return snapshot_dir_write(dir, "state.json", state, e);
}

int
snapshot_write(int dirfd, const char *path, const struct vm_config *c,
    uint64_t reboots, struct err *e)
{
	char tmp[TMP_NAME_MAX];

	if (snapshot_dir_free(dirfd, path, e) == -1)
		return -1;
	(void)snprintf(tmp, sizeof(tmp), "%s.new", path);
	snapshot_dir_discard(dirfd, tmp, NULL, 0);
	if (fill(dirfd, tmp, c, reboots, e) == -1 ||
	    snapshot_dir_publish(dirfd, tmp, path, e) == -1) {
		snapshot_dir_discard(dirfd, tmp, NULL, 0);
		return -1;
	}
	return 0;
}

/* --- into a pipe -------------------------------------------------------- */

static int
send_record(int fd, enum migration_type type, const void *bytes, size_t len,
    struct err *e)
{
	uint8_t head[MIGRATION_HEAD_LEN];

	migration_head(head, type, 0, len);
	if (write_full(fd, head, sizeof(head)) == -1 ||
	    write_full(fd, bytes, len) == -1)
		return err_sys(e, "send");
	return 0;
}

static int
send_json(int fd, enum migration_type type, const json_t *v, struct err *e)
{
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	if (text == NULL)
		return err_set(e, ENOMEM, "send: out of memory");
	return send_record(fd, type, text, strlen(text), e);
}

int
snapshot_send(int dirfd, const char *path, const struct vm_config *c,
    uint64_t reboots, struct err *e)
{
	uint8_t pages[SNAPSHOT_SEND_PAGES * MIGRATION_PAGE];
	own_json json_t *config = vm_config_json(c);
	own_json json_t *state = state_json(reboots);
	own_fd int fd = migration_open(dirfd, path, e);

	if (fd == -1)
		return -1;
	if (fd_nonblock(fd, 0) == -1)
		return err_sys(e, "%s", path);
	for (size_t i = 0; i < sizeof(pages); i++)
		pages[i] = (uint8_t)(i / MIGRATION_PAGE + 1);
	if (send_record(fd, MIGRATION_MEMORY, pages, sizeof(pages), e) == -1 ||
	    send_json(fd, MIGRATION_CONFIG, config, e) == -1)
		return -1;
	return send_json(fd, MIGRATION_STATE, state, e);
}

/* --- read --------------------------------------------------------------- */

int
snapshot_read(uint64_t *reboots, int dirfd, struct err *e)
{
	own_json json_t *v = NULL;

	if (snapshot_dir_state(&v, dirfd, &format, e) == -1 ||
	    json_get_u64(reboots, v, "reboots", 0, INT64_MAX, e) == -1)
		return err_prefix(e, "snapshot");
	return 0;
}

int
snapshot_write_set(int dirfd, const char *path, struct err *e)
{
	own_fd int dir = openat(dirfd, path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir == -1)
		return err_sys(e, "snapshot %s", path);
	return file_replace(dir, SET_FILE, SET, strlen(SET), 0660, e);
}

int
snapshot_read_set(int dirfd, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, STATE_MAX);
	r = file_read(&b, dirfd, SET_FILE, e);
	if (r == 0 && (b.len != strlen(SET) || memcmp(b.data, SET, b.len)))
		r = err_set(e, EINVAL, "working-set: was not made by "
		    "vmm-null");
	buf_fini(&b);
	return r == -1 ? err_prefix(e, "snapshot") : 0;
}
