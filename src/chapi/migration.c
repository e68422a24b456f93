/* SPDX-License-Identifier: ISC */
/* migration.c - a running VM as a stream of bytes; see migration.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "chapi/migration.h"
#include "lib/own.h"
#include "lib/util.h"

static const char *const names[MIGRATION_TYPES] = {
	[MIGRATION_HEADER] = "HEADER", [MIGRATION_MEMORY] = "MEMORY",
	[MIGRATION_ZERO] = "ZERO", [MIGRATION_CONFIG] = "CONFIG",
	[MIGRATION_STATE] = "STATE", [MIGRATION_DISK] = "DISK",
	[MIGRATION_END] = "END", [MIGRATION_COMMIT] = "COMMIT",
};

#define BIT(type)	(1U << (type))

/* What must have come before, and what may come once only. */
static const struct rule {
	unsigned	needs;		/* BIT() of types */
	bool		once;
	bool		vmm;		/* a VMM writes it */
	uint64_t	max;		/* bytes */
} rules[MIGRATION_TYPES] = {
	[MIGRATION_HEADER] = { 0, true, false, MIGRATION_HEADER_MAX },
	[MIGRATION_MEMORY] = { BIT(MIGRATION_HEADER), false, true,
	    MIGRATION_PIECE_MAX },
	[MIGRATION_ZERO] = { BIT(MIGRATION_HEADER), false, true, UINT64_MAX },
	[MIGRATION_CONFIG] = { BIT(MIGRATION_HEADER), true, true,
	    MIGRATION_CONFIG_MAX },
	[MIGRATION_STATE] = { BIT(MIGRATION_HEADER), true, true,
	    MIGRATION_STATE_MAX },
	[MIGRATION_DISK] = { BIT(MIGRATION_HEADER), false, false,
	    MIGRATION_PIECE_MAX },
	[MIGRATION_END] = { BIT(MIGRATION_CONFIG) | BIT(MIGRATION_STATE),
	    true, false, 0 },
	[MIGRATION_COMMIT] = { BIT(MIGRATION_END), true, false, 0 },
};

static void
put_le(uint8_t *to, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t
get_le(const uint8_t *from, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

void
migration_head(uint8_t ret[MIGRATION_HEAD_LEN], enum migration_type type,
    uint64_t place, uint64_t len)
{
	put_le(ret, type, 4);
	put_le(ret + 4, 0, 4);
	put_le(ret + 8, place, 8);
	put_le(ret + 16, len, 8);
}

int
migration_open(int dirfd, const char *path, struct err *e)
{
	own_fd int fd = openat(dirfd, path,
	    O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "%s", path);
	if (!S_ISFIFO(st.st_mode))
		return err_set(e, EINVAL, "%s is no pipe", path);
	return take_fd(&fd);
}

/* --- reading ------------------------------------------------------------ */

void
migration_reader_init(struct migration_reader *r, bool of_vmm)
{
	memset(r, 0, sizeof(*r));
	r->of_vmm = r->started = of_vmm;
	if (of_vmm)
		r->seen = BIT(MIGRATION_HEADER);
}

bool
migration_seen(const struct migration_reader *r, enum migration_type type)
{
	return (r->seen & BIT(type)) != 0;
}

bool
migration_whole(const struct migration_reader *r)
{
	return r->nhead == 0 && r->started;
}

static int
check_turn(const struct migration_reader *r, uint64_t type, struct err *e)
{
	const struct rule *rule;

	if (type == 0 || type >= MIGRATION_TYPES)
		return err_set(e, EPROTO, "stream: a record of unknown type "
		    "%u", (unsigned)type);
	rule = &rules[type];
	if ((r->seen & rule->needs) != rule->needs ||
	    (rule->once && (r->seen & BIT(type)) != 0) ||
	    (migration_seen(r, MIGRATION_END) && type != MIGRATION_COMMIT) ||
	    (r->of_vmm && !rule->vmm))
		return err_set(e, EPROTO, "stream: %s out of turn",
		    names[type]);
	return 0;
}

static int
check_place(const struct migration_reader *r, uint64_t type, uint64_t place,
    uint64_t len, struct err *e)
{
	bool pages = type == MIGRATION_MEMORY || type == MIGRATION_ZERO;
	uint64_t end = pages ? r->memory : r->disk;

	if (!pages && type != MIGRATION_DISK) {
		if (place != 0)
			return err_set(e, EPROTO, "stream: %s has a place",
			    names[type]);
		return 0;
	}
	if (len == 0 || place > end || len > end - place ||
	    (pages && (place % MIGRATION_PAGE != 0 ||
	    len % MIGRATION_PAGE != 0)))
		return err_set(e, EPROTO, "stream: %s of %llu bytes at %llu "
		    "of %llu", names[type], (unsigned long long)len,
		    (unsigned long long)place, (unsigned long long)end);
	return 0;
}

static int
tell(struct migration_reader *r, const void *data, uint64_t len, bool last,
    struct err *e)
{
	const struct migration_part part = {
		.type = r->type, .place = r->place, .len = len,
		.data = data, .last = last,
	};

	if (last) {
		r->seen |= BIT(r->type);
		r->nhead = 0;
	}
	return r->part == NULL ? 0 : r->part(r->arg, &part, e);
}

/* The head is there. */
static int
begin(struct migration_reader *r, struct err *e)
{
	uint64_t type = get_le(r->head, 4);
	uint64_t len = get_le(r->head + 16, 8);

	if (get_le(r->head + 4, 4) != 0)
		return err_set(e, EPROTO, "stream: not of this version");
	r->place = get_le(r->head + 8, 8);
	if (check_turn(r, type, e) == -1 ||
	    check_place(r, type, r->place, len, e) == -1)
		return -1;
	if (len > rules[type].max)
		return err_set(e, EPROTO, "stream: %s of %llu bytes, more "
		    "than %llu", names[type], (unsigned long long)len,
		    (unsigned long long)rules[type].max);
	r->type = (enum migration_type)type;
	r->left = type == MIGRATION_ZERO ? 0 : len;
	if (r->left == 0)
		return tell(r, NULL, len, true, e);
	return 0;
}

static size_t
gather(struct migration_reader *r, const uint8_t *data, size_t len,
    size_t want)
{
	size_t n = MIN(len, want - r->nhead);

	memcpy(r->head + r->nhead, data, n);
	r->nhead += n;
	return n;
}

/* Bytes of a record that was begun. */
static ssize_t
body(struct migration_reader *r, const uint8_t *data, size_t len,
    struct err *e)
{
	size_t n = (size_t)MIN((uint64_t)len, r->left);

	r->left -= n;
	if (tell(r, data, n, r->left == 0, e) == -1)
		return -1;
	r->place += n;
	return (ssize_t)n;
}

static int
magic(struct migration_reader *r, struct err *e)
{
	if (memcmp(r->head, MIGRATION_MAGIC, MIGRATION_MAGIC_LEN) != 0)
		return err_set(e, EPROTO, "stream: not what vmctl send "
		    "writes, or of another version");
	r->started = true;
	r->nhead = 0;
	return 0;
}

/* One step: part of the magic, of a head or of a body. */
static ssize_t
step(struct migration_reader *r, const uint8_t *data, size_t len,
    struct err *e)
{
	size_t n;

	if (!r->started) {
		n = gather(r, data, len, MIGRATION_MAGIC_LEN);
		if (r->nhead == MIGRATION_MAGIC_LEN && magic(r, e) == -1)
			return -1;
		return (ssize_t)n;
	}
	if (r->nhead == MIGRATION_HEAD_LEN)
		return body(r, data, len, e);
	if (migration_seen(r, MIGRATION_COMMIT))
		return err_set(e, EPROTO, "stream: more behind its end");
	n = gather(r, data, len, MIGRATION_HEAD_LEN);
	if (r->nhead == MIGRATION_HEAD_LEN && begin(r, e) == -1)
		return -1;
	return (ssize_t)n;
}

ssize_t
migration_read(struct migration_reader *r, const void *data, size_t len,
    struct err *e)
{
	unsigned ends = BIT(MIGRATION_END) | BIT(MIGRATION_COMMIT);
	unsigned before = r->seen & ends;
	const uint8_t *p = data;
	size_t used = 0;
	ssize_t n;

	while (used < len && (r->seen & ends) == before) {
		n = step(r, p + used, len - used, e);
		if (n == -1)
			return -1;
		used += (size_t)n;
	}
	return (ssize_t)used;
}
