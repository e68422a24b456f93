/* SPDX-License-Identifier: ISC */
/*
 * writes.h - what is done to one file: a log, parts of it again, faults
 *
 * The calls by which our programs change a file are those here, in place of
 * libc's: those of the file in 'writes' are kept, one after the other, or
 * fail when they are told to.  What a file is like when its process was
 * killed, or when the host lost power, is made from the log.
 */

#ifndef TESTS_WRITES_H
#define TESTS_WRITES_H

#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define WRITES_MAX	8192		/* calls */
#define WRITES_BYTES	(64U << 20)	/* that they write */
#define WRITES_SECTOR	512		/* what a disk writes whole or not */

enum writes_kind { WRITES_DATA, WRITES_SIZE, WRITES_HOLE, WRITES_SYNC };

struct writes_call {
	enum writes_kind kind;
	uint64_t	 at, len;	/* of the file */
	size_t		 bytes;		/* where its data is */
};

static struct {
	int		 fd;		/* -1: of none */
	unsigned	 n;		/* calls, also those that failed */
	struct writes_call call[WRITES_MAX];
	size_t		 len;
	uint8_t		*bytes;
	unsigned	 fail;		/* this call fails; 0 is the first */
	bool		 all;		/* and those after it */
	int		 error;		/* in this way; 0: none does */
	pthread_mutex_t	 lock;
} writes = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static void
writes_begin(int fd)
{
	writes.fd = fd;
	writes.n = 0;
	writes.len = 0;
	writes.error = 0;
	if (writes.bytes == NULL)
		writes.bytes = malloc(WRITES_BYTES);
}

/* How many calls were done. */
static unsigned
writes_done(void)
{
	unsigned n;

	(void)pthread_mutex_lock(&writes.lock);
	n = writes.n;
	(void)pthread_mutex_unlock(&writes.lock);
	return n;
}

/* Called with the lock: is it this one's turn to fail? */
static bool
writes_fails(void)
{
	if (writes.error == 0 || (writes.all ? writes.n < writes.fail :
	    writes.n != writes.fail))
		return false;
	writes.call[writes.n++] = (struct writes_call){ WRITES_SYNC, 0, 0, 0 };
	errno = writes.error;
	return true;
}

static void
writes_note(enum writes_kind kind, uint64_t at, uint64_t len)
{
	if (writes.n == WRITES_MAX)
		abort();
	writes.call[writes.n++] = (struct writes_call){ kind, at, len,
	    writes.len };
}

static void
writes_data(const struct iovec *v, int n, uint64_t at)
{
	uint64_t len = 0;

	for (int i = 0; i < n; i++)
		len += v[i].iov_len;
	writes_note(WRITES_DATA, at, len);
	if (writes.len + len > WRITES_BYTES)
		abort();
	for (int i = 0; i < n; i++) {
		memcpy(writes.bytes + writes.len, v[i].iov_base, v[i].iov_len);
		writes.len += v[i].iov_len;
	}
}

/* --- in place of libc's --------------------------------------------------- */

/* Do it, and keep it with the statement 'keep' if it went well. */
#define WRITES_CALL(file, done, keep) do {				\
	long ret_;							\
									\
	if ((file) != writes.fd)					\
		return done;						\
	(void)pthread_mutex_lock(&writes.lock);				\
	ret_ = writes_fails() ? -1 : done;				\
	if (ret_ != -1)							\
		keep;							\
	(void)pthread_mutex_unlock(&writes.lock);			\
	return (__typeof__(done))ret_;					\
} while (0)

ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	WRITES_CALL(fd, syscall(SYS_pwritev, fd, v, n, at, 0),
	    writes_data(v, n, (uint64_t)at));
}

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t at)
{
	struct iovec v = { (void *)(uintptr_t)buf, len };

	WRITES_CALL(fd, syscall(SYS_pwrite64, fd, buf, len, at),
	    writes_data(&v, 1, (uint64_t)at));
}

int
ftruncate(int fd, off_t len)
{
	WRITES_CALL(fd, (int)syscall(SYS_ftruncate, fd, len),
	    writes_note(WRITES_SIZE, 0, (uint64_t)len));
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
	WRITES_CALL(fd, (int)syscall(SYS_fallocate, fd, mode, at, len),
	    writes_note(WRITES_HOLE, (uint64_t)at, (uint64_t)len));
}

int
fdatasync(int fd)
{
	/* Nobody pulls this plug, and waiting for the medium takes long. */
	WRITES_CALL(fd, 0, writes_note(WRITES_SYNC, 0, 0));
}

/* --- again ---------------------------------------------------------------- */

/* A file that is made; bytes behind its end are 0. */
struct writes_file {
	uint8_t	*bytes;
	size_t	 max;
	size_t	 size;
};

static void
writes_put(struct writes_file *f, const struct writes_call *c, uint64_t from,
    uint64_t len)
{
	size_t end = c->at + from + len;

	if (end > f->max)
		abort();
	if (c->kind == WRITES_DATA)
		memcpy(f->bytes + c->at + from, writes.bytes + c->bytes + from,
		    len);
	else
		memset(f->bytes + c->at + from, 0, len);
	if (c->kind == WRITES_DATA && end > f->size)
		f->size = end;
}

/* A call: all of it. */
static void
writes_apply(struct writes_file *f, const struct writes_call *c)
{
	if (c->kind == WRITES_SIZE) {
		if (c->len < f->size)
			memset(f->bytes + c->len, 0, f->size - c->len);
		f->size = c->len;
	} else if (c->kind != WRITES_SYNC)
		writes_put(f, c, 0, c->len);
}

/*
 * A call before a power cut: all, nothing, or some sectors of it.  A file
 * is not cut shorter here while others still write behind its new end.
 */
static void
writes_tear(struct writes_file *f, const struct writes_call *c)
{
	uint64_t n;
	int how = rand() % 4;

	if (c->kind == WRITES_SYNC || how == 0)
		return;
	if (how != 1 || c->kind == WRITES_SIZE) {
		writes_apply(f, c);
		return;
	}
	for (uint64_t at = 0; at < c->len; at += n) {
		n = WRITES_SECTOR - (c->at + at) % WRITES_SECTOR;
		n = n < c->len - at ? n : c->len - at;
		if (rand() % 2)
			writes_put(f, c, at, n);
	}
}

/*
 * The power was cut after n calls: what was before the last sync is there,
 * of the rest any part.  Returns how many were durable.
 */
static unsigned
writes_cut(struct writes_file *f, unsigned n)
{
	unsigned durable = n, i;

	while (durable > 0 && writes.call[durable - 1].kind != WRITES_SYNC)
		durable--;
	for (i = 0; i < durable; i++)
		writes_apply(f, &writes.call[i]);
	for (; i < n; i++)
		writes_tear(f, &writes.call[i]);
	return durable;
}

#endif
