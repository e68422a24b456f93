/* SPDX-License-Identifier: ISC */
/* entry.c - an object of a tree as ENTRY frames carry it; see entry.h */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/entry.h"
#include "lib/num.h"
#include "lib/util.h"

#define MODE_MAX	07777
#define ID_MAX		4294967294U	/* (uid_t)-1 is not an owner */

static const char *const kinds[] = {
	[AGENT_KIND_FILE]	= "file",
	[AGENT_KIND_DIR]	= "dir",
	[AGENT_KIND_SYMLINK]	= "symlink",
	[AGENT_KIND_HARDLINK]	= "hardlink",
	[AGENT_KIND_FIFO]	= "fifo",
	[AGENT_KIND_CHAR]	= "char",
	[AGENT_KIND_BLOCK]	= "block",
	[AGENT_KIND_SOCKET]	= "socket",
};

const char *
agent_kind_word(enum agent_kind kind)
{
	return kinds[kind];
}

int
agent_kind_find(enum agent_kind *ret, const char *word)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(word, kinds[i]) == 0) {
			*ret = (enum agent_kind)i;
			return 0;
		}
	return -1;
}

bool
entry_path(const char *path)
{
	const char *s = path;
	size_t n;

	if (strcmp(path, ".") == 0)
		return true;
	if (strlen(path) >= AGENT_PATH_MAX)
		return false;
	for (;;) {
		n = strcspn(s, "/");
		if (n == 0 || (n == 1 && s[0] == '.') ||
		    (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

static int
take_path(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;

	if (strlen(value) >= AGENT_PATH_MAX)
		return err_api(e, EINVAL, "bad_path", "too long");
	n->path = value;
	return 0;
}

static int
take_type(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;

	return agent_kind_find(&n->kind, value) == 0 ? 0 :
	    err_set(e, EINVAL, "'%s' is unknown", value);
}

static int
take_mode(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;
	unsigned mode = 0;

	for (const char *s = value; *s != '\0' || s == value; s++) {
		if (*s < '0' || *s > '7' || mode > MODE_MAX)
			return err_set(e, EINVAL, "'%s' is no mode", value);
		mode = mode << 3 | (unsigned)(*s - '0');
	}
	if (mode > MODE_MAX)
		return err_set(e, EINVAL, "'%s' is no mode", value);
	n->mode = mode;
	return 0;
}

static int
take_u32(uint32_t *ret, const char *value, struct err *e)
{
	uint64_t v;

	if (num_parse(&v, value, 0, ID_MAX, e) == -1)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

static int
take_uid(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;

	return take_u32(&n->uid, value, e);
}

static int
take_gid(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;

	return take_u32(&n->gid, value, e);
}

/* Files can be older than 1970. */
static int
take_mtime(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;
	bool minus = value[0] == '-';
	uint64_t v;

	if (num_parse(&v, value + minus, 0, INT64_MAX, e) == -1)
		return -1;
	n->mtime_ns = minus ? -(int64_t)v : (int64_t)v;
	n->has_mtime = true;
	return 0;
}

static int
take_size(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;

	return num_parse(&n->size, value, 0, INT64_MAX, e);
}

static int
take_link(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;

	if (value[0] == '\0' || strlen(value) >= AGENT_PATH_MAX)
		return err_set(e, EINVAL, "'%s' is no target", value);
	n->link = value;
	return 0;
}

static int
take_rdev(void *arg, const char *value, struct err *e)
{
	struct agent_entry *n = arg;
	const char *colon = strchr(value, ':');
	char major[16];

	if (colon == NULL || (size_t)(colon - value) >= sizeof(major))
		return err_set(e, EINVAL, "'%s' is not MAJOR:MINOR", value);
	memcpy(major, value, (size_t)(colon - value));
	major[colon - value] = '\0';
	if (take_u32(&n->major, major, e) == -1)
		return -1;
	return take_u32(&n->minor, colon + 1, e);
}

static const struct record_field fields[] = {
	{ "path",	take_path },
	{ "type",	take_type },
	{ "mode",	take_mode },
	{ "uid",	take_uid },
	{ "gid",	take_gid },
	{ "mtime",	take_mtime },
	{ "size",	take_size },
	{ "link",	take_link },
	{ "rdev",	take_rdev },
	{ NULL,		NULL },
};

int
entry_read_any(struct agent_entry *ret, const struct frame *f, struct err *e)
{
	struct agent_entry n = { 0 };

	if (records_read(fields, &n, f->data, f->len, e) == -1)
		return -1;
	if (n.path == NULL)
		return err_set(e, EPROTO, "ENTRY without a path");
	if ((n.kind == AGENT_KIND_SYMLINK || n.kind == AGENT_KIND_HARDLINK) &&
	    n.link == NULL)
		return err_set(e, EPROTO, "%s: a link without a target",
		    n.path);
	*ret = n;
	return 0;
}

int
entry_read(struct agent_entry *ret, const struct frame *f, struct err *e)
{
	struct agent_entry n;

	if (entry_read_any(&n, f, e) == -1)
		return -1;
	if (!entry_path(n.path))
		return err_api(e, EINVAL, "bad_path",
		    "'%s' is no path below the root of a copy", n.path);
	if (n.kind == AGENT_KIND_HARDLINK &&
	    (!entry_path(n.link) || strcmp(n.link, ".") == 0))
		return err_api(e, EINVAL, "bad_path",
		    "%s: its target '%s' is not below the root of the copy",
		    n.path, n.link);
	*ret = n;
	return 0;
}

int
entry_put(struct buf *b, const struct agent_entry *n)
{
	ssize_t at = frame_open(b);

	if (at == -1)
		return -1;
	if (record_put(b, "path", n->path) == -1 ||
	    record_put(b, "type", kinds[n->kind]) == -1 ||
	    record_putf(b, "mode", "%o", (unsigned)n->mode) == -1 ||
	    record_putf(b, "uid", "%" PRIu32, n->uid) == -1 ||
	    record_putf(b, "gid", "%" PRIu32, n->gid) == -1 ||
	    (n->has_mtime &&
	    record_putf(b, "mtime", "%" PRId64, n->mtime_ns) == -1) ||
	    (n->kind == AGENT_KIND_FILE &&
	    record_putf(b, "size", "%" PRIu64, n->size) == -1) ||
	    (n->link != NULL && record_put(b, "link", n->link) == -1) ||
	    ((n->kind == AGENT_KIND_CHAR || n->kind == AGENT_KIND_BLOCK) &&
	    record_putf(b, "rdev", "%" PRIu32 ":%" PRIu32, n->major,
	    n->minor) == -1)) {
		b->len = (size_t)at;
		return -1;
	}
	return frame_close(b, at, AGENT_ENTRY);
}
