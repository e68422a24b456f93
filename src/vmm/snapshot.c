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
#include "vmm/memory.h"
#include "vmm/snapshot.h"

#define FORMAT		"vmm"
#define VERSION		1
#define PAGE		4096U
#define CHUNK		(1U << 20)	/* bytes of one write, at most */

/* --- memory -------------------------------------------------------------- */

/* A piece of guest memory, and where it is in the file. */
struct piece {
	const uint8_t	*host;
	uint64_t	 len;
	uint64_t	 offset;
	int		 fd;		/* of the memory, or -1 */
	uint64_t	 fd_offset;
};

static bool
is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

static int
write_at(int fd, const uint8_t *from, uint64_t len, uint64_t offset,
    struct err *e)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, from, MIN(len, CHUNK), (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(e, "write memory");
		from += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Of [from, to) what is not zeroes, in runs of pages. */
static int
write_pages(int fd, const struct piece *p, uint64_t from, uint64_t to,
    struct err *e)
{
	uint64_t end;

	while (from < to) {
		if (is_zero(p->host + from)) {
			from += PAGE;
			continue;
		}
		end = from + PAGE;
		while (end < to && end - from < CHUNK &&
		    !is_zero(p->host + end))
			end += PAGE;
		if (write_at(fd, p->host + from, end - from,
		    p->offset + from, e) == -1)
			return -1;
		from = end;
	}
	return 0;
}

/*
 * The next part of a piece that may have something in it; false: no more.
 * A memfd knows its holes; other memory has to be looked at.
 */
static bool
next_data(const struct piece *p, uint64_t *from, uint64_t *to)
{
	off_t data, hole;

	*to = p->len;
	if (p->fd == -1 || *from >= p->len)
		return *from < p->len;
	data = lseek(p->fd, (off_t)(p->fd_offset + *from), SEEK_DATA);
	if (data == -1)
		return errno != ENXIO;	/* ENXIO: only a hole is left */
	if ((uint64_t)data - p->fd_offset >= p->len)
		return false;
	*from = (uint64_t)data - p->fd_offset;
	hole = lseek(p->fd, data, SEEK_HOLE);
	if (hole != -1)
		*to = MIN(p->len, (uint64_t)hole - p->fd_offset);
	return true;
}

static int
write_piece(int fd, const struct piece *p, struct err *e)
{
	uint64_t from, to;

	for (from = 0; next_data(p, &from, &to); from = to)
		if (write_pages(fd, p, from, to, e) == -1)
			return -1;
	return 0;
}

/* The pieces lie one behind the other, as memory_new() maps the file. */
static int
write_memory(int dir, const struct memory *m, struct err *e)
{
	const struct guest_memory *t = memory_table(m);
	struct frontend_region shared[2];
	struct piece p = { .fd = -1 };
	own_fd int fd = openat(dir, "memory",
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);

	if (fd == -1 || ftruncate(fd, (off_t)memory_bytes(m)) == -1)
		return err_sys(e, "create memory");
	if (memory_shared(m))
		(void)memory_regions(m, shared);
	for (unsigned i = 0; i < t->nregions; i++) {
		p.host = t->regions[i].host;
		p.len = t->regions[i].len;
		if (memory_shared(m)) {
			p.fd = shared[i].fd;
			p.fd_offset = shared[i].offset;
		}
		if (write_piece(fd, &p, e) == -1)
			return -1;
		p.offset += p.len;
	}
	if (fsync(fd) == -1)
		return err_sys(e, "sync memory");
	return 0;
}

/* --- save ---------------------------------------------------------------- */

static int
write_json(int dir, const char *name, const json_t *v, struct err *e)
{
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	if (text == NULL)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	/* Whoever keeps it by hard links has the right to write, too. */
	return file_replace(dir, name, text, strlen(text), 0660, e);
}

static int
write_state(int dir, const json_t *machine, struct err *e)
{
	own_json json_t *v = json_pack("{s:s, s:i, s:O}", "format", FORMAT,
	    "version", VERSION, "machine", machine);

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
