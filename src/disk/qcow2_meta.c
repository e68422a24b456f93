/* SPDX-License-Identifier: ISC */
/*
 * qcow2_meta.c - the pieces of tables that are kept in memory
 *
 * A set-associative cache over the file, written through: what is kept is
 * always what the file has.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "disk/qcow2_private.h"
#include "lib/util.h"

int
qcow2_pread(int fd, void *buf, size_t len, uint64_t offset)
{
	uint8_t *p = buf;
	ssize_t n;

	while (len > 0) {
		n = pread(fd, p, len, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0) {
			memset(p, 0, len);
			return 0;
		}
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int
qcow2_pwrite(int fd, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *p = buf;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

void
meta_init(struct qcow2 *q)
{
	q->meta.len = MIN((uint64_t)META_PIECE, q->cluster);
	while (1UL << q->meta.bits < q->meta.len)
		q->meta.bits++;
}

void
meta_fini(struct qcow2 *q)
{
	for (unsigned s = 0; s < META_SETS; s++)
		for (unsigned w = 0; w < META_WAYS; w++)
			free(q->meta.piece[s][w].bytes);
}

/* Neighbours in different sets, tables a power of two apart too. */
static struct meta_piece *
set_of(struct meta *m, uint64_t offset)
{
	uint64_t n = offset >> m->bits;

	return m->piece[(n ^ (n >> 8)) % META_SETS];
}

static struct meta_piece *
find(struct meta *m, uint64_t start)
{
	struct meta_piece *p = set_of(m, start);

	for (unsigned w = 0; w < META_WAYS; w++)
		if (p[w].used != 0 && p[w].offset == start)
			return &p[w];
	return NULL;
}

/* Into the place of the set that was used least recently. */
static struct meta_piece *
fill(struct qcow2 *q, uint64_t start)
{
	struct meta_piece *set = set_of(&q->meta, start), *p = set;

	for (unsigned w = 1; w < META_WAYS; w++)
		if (set[w].used < p->used)
			p = &set[w];
	if (p->bytes == NULL && (p->bytes = malloc(q->meta.len)) == NULL)
		return NULL;
	p->used = 0;
	if (qcow2_pread(q->fd, p->bytes, q->meta.len, start) == -1)
		return NULL;
	p->offset = start;
	return p;
}

const uint8_t *
meta_read(struct qcow2 *q, uint64_t offset, size_t *left)
{
	size_t at = offset & (q->meta.len - 1);
	struct meta_piece *p = find(&q->meta, offset - at);

	if (p == NULL && (p = fill(q, offset - at)) == NULL)
		return NULL;
	p->used = ++q->meta.now;
	*left = q->meta.len - at;
	return p->bytes + at;
}

int
meta_write(struct qcow2 *q, uint64_t offset, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	struct meta_piece *p;
	size_t at, n;

	if (qcow2_grow(q, offset + len) == -1)
		return -1;
	q->unsynced = true;
	if (qcow2_pwrite(q->fd, bytes, len, offset) == -1) {
		meta_forget(q, offset, len);
		return -1;
	}
	for (; len > 0; offset += n, from += n, len -= n) {
		at = offset & (q->meta.len - 1);
		n = MIN(len, q->meta.len - at);
		p = find(&q->meta, offset - at);
		if (p != NULL)
			memcpy(p->bytes + at, from, n);
	}
	return 0;
}

void
meta_forget(struct qcow2 *q, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len;
	struct meta_piece *p;

	for (offset -= offset & (q->meta.len - 1); offset < end;
	    offset += q->meta.len)
		if ((p = find(&q->meta, offset)) != NULL)
			p->used = 0;
}
