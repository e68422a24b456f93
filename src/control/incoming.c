/* SPDX-License-Identifier: ISC */
/* incoming.c - an instance that is sent here; see incoming.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/migration.h"
#include "control/admission.h"
#include "control/control.h"
#include "control/directory.h"
#include "control/guest.h"
#include "control/hypervisors.h"
#include "control/incoming.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "os/os.h"

#define VERSION		1

enum { MEMORY, CONFIG, STATE, DISK, NFILES };

struct incoming {
	struct control		*control;
	uid_t			 owner;
	struct migration_reader	 reader;
	struct buf		 header;
	bool			 oneway;
	struct snapshot		*snapshot;	/* once there is a header */
	int			 file[NFILES];	/* or -1 */
};

/* --- the header --------------------------------------------------------- */

/* What tells one root image from another; null without a file. */
static int
root_mark(json_t **ret, const struct control *ctl, const char *digest,
    struct err *e)
{
	uint8_t head[INCOMING_ROOT_HEAD];
	own_fd int fd = -1;
	struct stat st;

	if (guest_root_digest(&fd, ctl, digest, e) == -1)
		return -1;
	if (fstat(fd, &st) == -1 ||
	    pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return err_sys(e, "root image");
	*ret = json_pack("{s:I, s:o}", "bytes", (json_int_t)st.st_size,
	    "head", json_hex(head, sizeof(head)));
	return *ret == NULL ? err_set(e, ENOMEM, "out of memory") : 0;
}

int
incoming_header(json_t **ret, const struct vm *vm, uint64_t disk,
    bool oneway, struct err *e)
{
	OWN(snapshots_destroy) struct snapshot *s = snapshots_new(vm,
	    SNAPSHOT_STANDBY, e);
	own_json json_t *root = NULL;

	if (s == NULL)
		return -1;
	if (vm_is_null(vm))
		root = json_null();
	else if (root_mark(&root, vm->control, vm->digest, e) == -1)
		return -1;
	*ret = json_pack("{s:i, s:b, s:I, s:I, s:O, s:o}", "version", VERSION,
	    "oneway", oneway, "memory", (json_int_t)vm->spec.memory,
	    "disk", (json_int_t)disk, "root", root,
	    "vm", snapshots_record(s));
	return *ret == NULL ? err_set(e, ENOMEM, "out of memory") : 0;
}

static int
check_root(const struct incoming *in, const json_t *header, struct err *e)
{
	const struct snapshot *s = in->snapshot;
	const json_t *theirs = json_object_get(header, "root");
	own_json json_t *ours = NULL;

	/* The null hypervisor has none. */
	if (strcmp(s->hypervisor->name, "null") == 0)
		return 0;
	if (root_mark(&ours, in->control, s->digest, e) == -1) {
		if (e->num == ENOENT)
			return err_api(e, ENOENT, "not_found", "image %s is "
			    "not here: pull it first", s->spec.image);
		return -1;
	}
	if (!json_equal(ours, theirs))
		return err_api(e, EINVAL, "invalid_request", "image %s was "
		    "made by other tools there: its files lie elsewhere",
		    s->spec.image);
	return 0;
}

static int
check_sizes(const struct incoming *in, uint64_t memory, uint64_t disk,
    struct err *e)
{
	const struct spec *spec = &in->snapshot->spec;

	if (memory != spec->memory)
		return err_api(e, EINVAL, "invalid_request",
		    "memory: is not the instance's");
	if (disk > spec->overlay)
		return err_api(e, EINVAL, "invalid_request",
		    "disk: is larger than the instance's");
	return admission_disk(in->control, "disk", disk, e);
}

static int
open_files(struct incoming *in, uint64_t memory, uint64_t disk,
    struct err *e)
{
	static const char *const names[NFILES] = { "memory", "config.json",
	    "state.json", "overlay.img" };
	const uint64_t size[NFILES] = { [MEMORY] = memory, [DISK] = disk };
	own_fd int dir = snapshots_make(in->snapshot, e), sub = -1;
	int at;

	if (dir == -1 ||
	    (sub = directory_make(dir, SNAPSHOT_MEMORY, e)) == -1)
		return -1;
	for (unsigned i = 0; i < NFILES; i++) {
		if (i == DISK && disk == 0)
			continue;
		at = i == DISK ? dir : sub;
		in->file[i] = openat(at, names[i], O_RDWR | O_CREAT | O_EXCL |
		    O_CLOEXEC | O_NOFOLLOW, 0660);
		if (in->file[i] == -1 ||
		    ftruncate(in->file[i], (off_t)size[i]) == -1)
			return err_sys(e, "make %s", names[i]);
	}
	return 0;
}

static int
take_header(struct incoming *in, const json_t *header, struct err *e)
{
	uint64_t version = 0, memory = 0, disk = 0;
	json_t *vm = NULL;

	if (json_get_u64(&version, header, "version", 0, INT32_MAX, e) == -1)
		return -1;
	if (version != VERSION)
		return err_api(e, ENOTSUP, "not_supported",
		    "version %d is not known, only %d", (int)version, VERSION);
	if (json_get_bool(&in->oneway, header, "oneway", e) == -1 ||
	    json_get_u64(&memory, header, "memory", 0, INT64_MAX, e) == -1 ||
	    json_get_u64(&disk, header, "disk", 0, INT64_MAX, e) == -1 ||
	    json_get_obj(&vm, header, "vm", 64, e) == -1)
		return -1;
	if (vm == NULL)
		return err_api(e, EINVAL, "invalid_request", "vm: is missing");
	in->snapshot = snapshots_sent(in->control, vm, in->owner, e);
	if (in->snapshot == NULL || check_sizes(in, memory, disk, e) == -1 ||
	    check_root(in, header, e) == -1)
		return -1;
	in->reader.memory = memory;
	in->reader.disk = disk;
	return open_files(in, memory, disk, e);
}

/* --- records ------------------------------------------------------------ */

static int
header_part(struct incoming *in, const struct migration_part *p,
    struct err *e)
{
	own_json json_t *header = NULL;

	if (buf_put(&in->header, p->data, (size_t)p->len) == -1)
		return err_sys(e, "header");
	if (!p->last)
		return 0;
	if (json_parse(&header, in->header.data, in->header.len, e) == -1 ||
	    take_header(in, header, e) == -1)
		return err_prefix(e, "stream: header");
	buf_fini(&in->header);
	return 0;
}

static int
write_part(int fd, const struct migration_part *p, struct err *e)
{
	const uint8_t *from = p->data;
	uint64_t at = p->place, left = p->len;
	ssize_t n;

	for (; left > 0; left -= (uint64_t)n) {
		n = pwrite(fd, from, (size_t)left, (off_t)at);
		if (n == -1 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n <= 0)
			return err_api(e, errno, errno == ENOSPC ?
			    "disk_full" : "unavailable",
			    "what was sent: %s", strerror(errno));
		from += n;
		at += (uint64_t)n;
	}
	return 0;
}

static int
part(void *arg, const struct migration_part *p, struct err *e)
{
	static const int files[MIGRATION_TYPES] = {
		[MIGRATION_MEMORY] = MEMORY, [MIGRATION_CONFIG] = CONFIG,
		[MIGRATION_STATE] = STATE, [MIGRATION_DISK] = DISK,
	};
	struct incoming *in = arg;

	switch (p->type) {
	case MIGRATION_HEADER:
		return header_part(in, p, e);
	case MIGRATION_END:
	case MIGRATION_COMMIT:
		return 0;
	case MIGRATION_ZERO:
		if (os_punch(in->file[MEMORY], p->place, p->len) == -1)
			return err_sys(e, "what was sent");
		return 0;
	default:
		return write_part(in->file[files[p->type]], p, e);
	}
}

/* --- life --------------------------------------------------------------- */

int
incoming_new(struct incoming **ret, struct control *ctl, uid_t owner,
    struct err *e)
{
	struct incoming *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return err_sys(e, "receive");
	in->control = ctl;
	in->owner = owner;
	migration_reader_init(&in->reader, false);
	in->reader.part = part;
	in->reader.arg = in;
	buf_init(&in->header, MIGRATION_HEADER_MAX);
	for (unsigned i = 0; i < NFILES; i++)
		in->file[i] = -1;
	*ret = in;
	return 0;
}

void
incoming_destroy(struct incoming *in)
{
	if (in == NULL)
		return;
	buf_fini(&in->header);
	for (unsigned i = 0; i < NFILES; i++)
		if (in->file[i] != -1)
			(void)close(in->file[i]);
	snapshots_destroy(in->snapshot);
	free(in);
}

ssize_t
incoming_feed(struct incoming *in, const void *data, size_t len,
    struct err *e)
{
	return migration_read(&in->reader, data, len, e);
}

bool
incoming_ended(const struct incoming *in)
{
	return migration_seen(&in->reader, MIGRATION_END);
}

bool
incoming_committed(const struct incoming *in)
{
	return migration_seen(&in->reader, MIGRATION_COMMIT);
}

bool
incoming_oneway(const struct incoming *in)
{
	return in->oneway;
}

struct snapshot *
incoming_snapshot(const struct incoming *in)
{
	return in->snapshot;
}

int
incoming_disk(const struct incoming *in)
{
	return in->file[DISK];
}
