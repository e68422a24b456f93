/* SPDX-License-Identifier: ISC */
/* log_tail.c - the last lines of a growing file; see log_tail.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/log_tail.h"
#include "lib/buf.h"
#include "lib/util.h"

#define BLOCK	65536	/* bytes read at once */

struct log_tail {
	int		 dir;
	char		*name;
	int		 fd;		/* -1: not there yet */
	off_t		 at;		/* next byte to read */
	bool		 follow;
	struct buf	 held;		/* read, not yet given out */
	size_t		 given;		/* bytes of held the caller has */
};

/* --- finding where the tail begins ---------------------------------------- */

static off_t
tail_start(int fd, size_t lines)
{
	char block[BLOCK];
	struct stat st;
	off_t end, from;
	ssize_t n;

	if (fstat(fd, &st) == -1 || lines == 0)
		return fstat(fd, &st) == -1 ? 0 : st.st_size;
	for (end = st.st_size; end > 0; end = from) {
		from = end > BLOCK ? end - BLOCK : 0;
		n = pread(fd, block, (size_t)(end - from), from);
		if (n != end - from)
			return 0;
		for (ssize_t i = n - 1; i >= 0; i--) {
			/* The newline that ends the file ends no more. */
			if (block[i] != '\n' || from + i == st.st_size - 1)
				continue;
			if (--lines == 0)
				return from + i + 1;
		}
	}
	return 0;
}

static int
open_log(const struct log_tail *t)
{
	struct stat st;
	int fd = openat(t->dir, t->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK);

	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

int
log_tail_open(struct log_tail **ret, int dirfd, const char *name,
    size_t lines, bool follow, struct err *e)
{
	OWN(log_tail_close) struct log_tail *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_sys(e, "log");
	t->dir = t->fd = -1;
	buf_init(&t->held, 2 * BLOCK);
	t->follow = follow;
	t->name = strdup(name);
	t->dir = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (t->name == NULL || t->dir == -1)
		return err_sys(e, "log");
	t->fd = open_log(t);
	if (t->fd == -1 && !follow)
		return err_api(e, ENOENT, "log_not_found",
		    "there is no %s yet", name);
	if (t->fd != -1)
		t->at = tail_start(t->fd, lines);
	*ret = take(&t);
	return 0;
}

void
log_tail_close(struct log_tail *t)
{
	if (t == NULL)
		return;
	if (t->fd != -1)
		(void)close(t->fd);
	if (t->dir != -1)
		(void)close(t->dir);
	buf_fini(&t->held);
	free(t->name);
	free(t);
}

/* --- reading on ----------------------------------------------------------- */

/* Bytes read, 0 at the end of what there is now. */
static ssize_t
read_on(struct log_tail *t)
{
	uint8_t *room;
	struct stat st;
	ssize_t n;

	if (t->fd == -1 || fstat(t->fd, &st) == -1)
		return 0;
	if (st.st_size < t->at)
		t->at = 0;	/* it was cut */
	room = buf_reserve(&t->held, BLOCK);
	if (room == NULL)
		return 0;
	n = pread(t->fd, room, BLOCK, t->at);
	if (n <= 0)
		return 0;
	buf_added(&t->held, (size_t)n);
	t->at += n;
	return n;
}

/* Another file has the name now: go on there. */
static bool
take_new(struct log_tail *t)
{
	struct stat old, new;
	int fd;

	if (fstatat(t->dir, t->name, &new, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	if (t->fd != -1 && fstat(t->fd, &old) == 0 &&
	    old.st_ino == new.st_ino && old.st_dev == new.st_dev)
		return false;
	fd = open_log(t);
	if (fd == -1)
		return false;
	if (t->fd != -1)
		(void)close(t->fd);
	t->fd = fd;
	t->at = 0;
	return true;
}

static int
give(struct log_tail *t, const char **line, size_t *len, size_t n,
    size_t end)
{
	*line = (const char *)t->held.data;
	t->given = n + end;
	while (n > 0 && (*line)[n - 1] == '\r')
		n--;
	*len = n;
	return 1;
}

int
log_tail_next(struct log_tail *t, const char **line, size_t *len)
{
	const uint8_t *nl;
	size_t n;

	buf_drain(&t->held, t->given);
	t->given = 0;
	for (;;) {
		n = MIN(t->held.len, LOG_LINE_MAX);
		nl = n == 0 ? NULL : memchr(t->held.data, '\n', n);
		if (nl != NULL)
			return give(t, line, len,
			    (size_t)(nl - t->held.data), 1);
		if (n == LOG_LINE_MAX)
			return give(t, line, len, n, 0);
		if (read_on(t) > 0)
			continue;
		if (n > 0 && !t->follow)
			return give(t, line, len, n, 0);
		if (!t->follow)
			return -1;
		if (!take_new(t))
			return 0;
		if (n > 0)
			return give(t, line, len, n, 0);
	}
}

/* --- events --------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at s (RFC 3629), 0 when it is none. */
static size_t
utf8_len(const unsigned char *s, size_t len)
{
	static const struct { unsigned char lo, hi, first, last, n; } rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (s[0] < rows[i].lo || s[0] > rows[i].hi)
			continue;
		if (len < rows[i].n || s[1] < rows[i].first ||
		    s[1] > rows[i].last)
			return 0;
		for (size_t k = 2; k < rows[i].n; k++)
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		return rows[i].n;
	}
	return 0;
}

/* One character as JSON (RFC 8259, 7) has it; at most six bytes. */
static size_t
escape(char *to, const unsigned char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	if (n == 0) {
		memcpy(to, "\\ufffd", 6);
		return 6;
	}
	if (n > 1 || (s[0] >= 0x20 && s[0] != '"' && s[0] != '\\')) {
		memcpy(to, s, n);
		return n;
	}
	to[0] = '\\';
	if (s[0] == '"' || s[0] == '\\') {
		to[1] = (char)s[0];
		return 2;
	}
	memcpy(to + 1, "u00", 3);
	to[4] = hex[s[0] >> 4];
	to[5] = hex[s[0] & 15];
	return 6;
}

size_t
log_event(char *to, size_t room, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0, n;

	if (room < len * 6 + 16)
		return 0;
	memcpy(to, "data: \"", 7);
	at = 7;
	for (size_t i = 0; i < len; i += n == 0 ? 1 : n) {
		n = utf8_len(s + i, len - i);
		at += escape(to + at, s + i, n);
	}
	memcpy(to + at, "\"\n\n", 3);
	return at + 3;
}
