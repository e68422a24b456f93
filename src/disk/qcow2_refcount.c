/* SPDX-License-Identifier: ISC */
/*
 * qcow2_refcount.c - reference counts and free clusters ("Host cluster
 * management" of the specification); see qcow2_private.h
 *
 * The refcount table leads to blocks of counts.  A block is made where the
 * first free cluster without one is found: it counts itself.  When the table
 * is full a larger one is put behind all that it could count.
 */

#include <errno.h>
#include <unistd.h>

#include "disk/qcow2_private.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"

/* Counts of a block, log2. */
static unsigned
block_bits(const struct qcow2 *q)
{
	return q->bits + 3 - q->header.refcount_order;
}

/* Count i of a row; order: log2 of the bits of one. */
static uint64_t
row_get(const uint8_t *row, uint64_t i, unsigned order)
{
	unsigned bits = 1U << order;
	uint64_t v = 0;

	if (order < 3)
		return row[i >> (3 - order)] >>
		    ((i << order) & 7) & ((1U << bits) - 1);
	row += i << (order - 3);
	for (unsigned n = 0; n < bits / 8; n++)
		v = v << 8 | row[n];
	return v;
}

void
refcount_put(uint8_t *row, uint64_t i, unsigned order, uint64_t v)
{
	unsigned bits = 1U << order, shift;

	if (order < 3) {
		shift = (i << order) & 7;
		row += i >> (3 - order);
		*row = (uint8_t)((*row & ~(((1U << bits) - 1) << shift)) |
		    v << shift);
		return;
	}
	row += i << (order - 3);
	for (unsigned n = bits / 8; n-- > 0; v >>= 8)
		row[n] = (uint8_t)v;
}

/* Where the block of a cluster is in the file; 0: nowhere. */
static int
find_block(struct qcow2 *q, uint64_t cluster, uint64_t *offset)
{
	uint64_t i = cluster >> block_bits(q);

	*offset = 0;
	if (i >= q->table_len || q->table[i] == 0)
		return 0;
	*offset = q->table[i];
	if ((*offset & (q->cluster - 1)) != 0 || *offset > OFFSET_MASK)
		return qcow2_broken(q, "a refcount block's address");
	return 0;
}

/*
 * The counts from a cluster on: *bytes begins with the byte of the count,
 * *n of them are there.  *bytes NULL: no block, they are 0.
 */
static int
read_row(struct qcow2 *q, uint64_t cluster, const uint8_t **bytes,
    uint64_t *first, uint64_t *n)
{
	unsigned order = q->header.refcount_order;
	uint64_t in = cluster & ((1ULL << block_bits(q)) - 1), offset, at;
	size_t left;

	*bytes = NULL;
	*n = (1ULL << block_bits(q)) - in;
	*first = 0;
	if (find_block(q, cluster, &offset) == -1)
		return -1;
	if (offset == 0)
		return 0;
	at = (in << order) >> 3;
	*bytes = meta_read(q, offset + at, &left);
	if (*bytes == NULL)
		return -1;
	*first = order < 3 ? in & ((8U >> order) - 1) : 0;
	*n = MIN(*n, ((uint64_t)left << 3 >> order) - *first);
	return 0;
}

int
refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *ret)
{
	const uint8_t *row;
	uint64_t first, n;

	if (read_row(q, cluster, &row, &first, &n) == -1)
		return -1;
	*ret = row == NULL ? 0 :
	    row_get(row, first, q->header.refcount_order);
	return 0;
}

#define ROW_MAX	512	/* bytes of counts changed at once */

/*
 * Change up to n counts from 'cluster' on that are in one block by 'by',
 * which is 1 or -1.  Returns how many were changed, or -1.
 */
static int64_t
add_row(struct qcow2 *q, uint64_t cluster, uint64_t n, int by)
{
	unsigned order = q->header.refcount_order;
	const uint8_t *row;
	uint8_t copy[ROW_MAX];
	uint64_t first, there, v, offset, at;
	size_t len;

	if (read_row(q, cluster, &row, &first, &there) == -1)
		return -1;
	if (row == NULL)
		return qcow2_broken(q, "a used cluster without a count");
	n = MIN(n, there);
	n = MIN(n, ((uint64_t)ROW_MAX << 3 >> order) - first);
	len = (((first + n) << order) + 7) >> 3;
	memcpy(copy, row, len);
	for (uint64_t i = first; i < first + n; i++) {
		v = row_get(copy, i, order);
		if (by < 0 ? v == 0 : v != 0)
			return qcow2_broken(q, "a reference count");
		refcount_put(copy, i, order, by < 0 ? v - 1 : v + 1);
	}
	if (find_block(q, cluster, &offset) == -1)
		return -1;
	at = ((cluster & ((1ULL << block_bits(q)) - 1)) << order) >> 3;
	return meta_write(q, offset + at, copy, len) == -1 ? -1 : (int64_t)n;
}

static int
add(struct qcow2 *q, uint64_t first, uint64_t n, int by)
{
	int64_t done;

	while (n > 0) {
		done = add_row(q, first, n, by);
		if (done == -1)
			return -1;
		first += (uint64_t)done;
		n -= (uint64_t)done;
	}
	return 0;
}

/* --- giving back --------------------------------------------------------- */

int
refcount_drop(struct qcow2 *q, uint64_t first, uint64_t n)
{
	uint64_t v;

	if (add(q, first, n, -1) == -1)
		return -1;
	for (uint64_t i = first; i < first + n; i++) {
		if (refcount_get(q, i, &v) == -1)
			return -1;
		if (v != 0)
			continue;
		q->guess = MIN(q->guess, i);
		meta_forget(q, i << q->bits, q->cluster);
		/* No matter if not: it is space, not meaning. */
		(void)os_punch(q->fd, i << q->bits, q->cluster);
	}
	return 0;
}

int
refcount_drop_later(struct qcow2 *q, uint64_t first, uint64_t n)
{
	struct freed *f = &q->freed;
	struct run *last = f->n > 0 ? &f->run[f->n - 1] : NULL;

	if (last != NULL && last->first + last->n == first) {
		last->n += n;
		return 0;
	}
	if (f->n == FREED_MAX) {
		if (os_datasync(q->fd) == -1)
			return -1;
		for (unsigned i = 0; i < f->n; i++)
			if (refcount_drop(q, f->run[i].first,
			    f->run[i].n) == -1)
				return -1;
		f->n = 0;
	}
	f->run[f->n++] = (struct run){ first, n };
	return 0;
}

void
refcount_settle(struct qcow2 *q)
{
	struct freed *f = &q->freeing;

	/* A failure leaves clusters that nobody uses: no more than that. */
	for (unsigned i = 0; i < f->n && !q->corrupt; i++)
		(void)refcount_drop(q, f->run[i].first, f->run[i].n);
	f->n = 0;
}

/* --- taking -------------------------------------------------------------- */

/* A block for the counts around 'cluster', in that cluster. */
static int
make_block(struct qcow2 *q, uint64_t cluster)
{
	own_mem uint8_t *b = calloc(1, q->cluster);
	uint64_t i = cluster >> block_bits(q);
	uint64_t offset = cluster << q->bits;
	uint8_t entry[8];

	if (b == NULL)
		return -1;
	if (qcow2_overlaps(q, offset, q->cluster))
		return qcow2_broken(q, "a table in a free cluster");
	refcount_put(b, cluster & ((1ULL << block_bits(q)) - 1),
	    q->header.refcount_order, 1);
	put64(entry, offset);
	if (meta_write(q, offset, b, q->cluster) == -1 ||
	    meta_write(q, q->header.table_offset + i * 8, entry,
	    sizeof(entry)) == -1)
		return -1;
	q->table[i] = offset;
	q->fresh = MAX(q->fresh, offset + q->cluster);
	return 0;
}

/*
 * The new table: 'first' is where it will be, behind the 'nblocks' blocks
 * that count it and themselves.
 */
static int
write_table(struct qcow2 *q, uint64_t first, uint64_t nblocks,
    uint64_t nclusters)
{
	uint64_t len = nclusters << q->bits;
	own_mem uint8_t *b = calloc(nblocks, q->cluster);
	own_mem uint8_t *raw = malloc(len);
	own_mem uint64_t *table = calloc(len / 8, sizeof(*table));
	uint8_t head[12];

	if (b == NULL || raw == NULL || table == NULL)
		return -1;
	for (uint64_t i = 0; i < nblocks + nclusters; i++)
		refcount_put(b, i, q->header.refcount_order, 1);
	memcpy(table, q->table, q->table_len * sizeof(*table));
	for (uint64_t i = 0; i < nblocks; i++)
		table[q->table_len + i] = (first + i) << q->bits;
	for (uint64_t i = 0; i < len / 8; i++)
		put64(raw + i * 8, table[i]);
	put64(head, (first + nblocks) << q->bits);
	put32(head + 8, (uint32_t)nclusters);
	if (meta_write(q, first << q->bits, b, nblocks << q->bits) == -1 ||
	    meta_write(q, (first + nblocks) << q->bits, raw, len) == -1 ||
	    os_datasync(q->fd) == -1 ||
	    meta_write(q, HEADER_TABLE, head, sizeof(head)) == -1)
		return -1;
	free(q->table);
	q->table = take(&table);
	q->table_len = len / 8;
	q->fresh = MAX(q->fresh, (first + nblocks + nclusters) << q->bits);
	return 0;
}

/* The table is full: half as much again. */
static int
grow_table(struct qcow2 *q)
{
	uint64_t first = q->table_len << block_bits(q);
	uint64_t old = q->header.table_offset >> q->bits;
	uint64_t nold = q->header.table_clusters;
	uint64_t nclusters, nblocks = 0, n;

	nclusters = nold + nold / 2 + 1;
	if (nclusters << q->bits > QCOW2_TABLE_MAX) {
		errno = EFBIG;
		return -1;
	}
	do {
		n = nblocks;
		nblocks = ((n + nclusters) >> block_bits(q)) + 1;
	} while (nblocks != n);
	if (qcow2_grow(q, (first + nblocks + nclusters) << q->bits) == -1 ||
	    write_table(q, first, nblocks, nclusters) == -1)
		return -1;
	q->header.table_offset = (first + nblocks) << q->bits;
	q->header.table_clusters = (uint32_t)nclusters;
	return refcount_drop_later(q, old, nold);
}

/* How many of the n clusters from c on are free; *busy: how many are not. */
static int
look(struct qcow2 *q, uint64_t c, uint64_t n, uint64_t *free_, uint64_t *busy)
{
	unsigned order = q->header.refcount_order;
	const uint8_t *row;
	uint64_t first, there;

	*free_ = *busy = 0;
	if (read_row(q, c, &row, &first, &there) == -1)
		return -1;
	if (row == NULL)
		return 0;
	while (*busy < there && row_get(row, first + *busy, order) != 0)
		++*busy;
	if (*busy != 0)
		return 0;
	n = MIN(n, there);
	while (*free_ < n && row_get(row, first + *free_, order) == 0)
		++*free_;
	return 0;
}

int
refcount_take(struct qcow2 *q, uint64_t n, struct run *ret, bool *fresh)
{
	uint64_t c = q->guess, got, busy;

	for (;;) {
		if (c >> block_bits(q) >= q->table_len &&
		    grow_table(q) == -1)
			return -1;
		if (look(q, c, n, &got, &busy) == -1)
			return -1;
		if (got != 0)
			break;
		if (busy == 0 && make_block(q, c) == -1)
			return -1;
		c += MAX(busy, 1);
	}
	if (qcow2_overlaps(q, c << q->bits, got << q->bits))
		return qcow2_broken(q, "a table in a free cluster");
	if (qcow2_grow(q, (c + got) << q->bits) == -1 ||
	    add(q, c, got, 1) == -1)
		return -1;
	*fresh = c << q->bits >= q->fresh;
	q->fresh = MAX(q->fresh, (c + got) << q->bits);
	q->guess = c + got;
	*ret = (struct run){ c, got };
	return 0;
}
