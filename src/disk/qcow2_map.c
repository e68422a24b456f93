/* SPDX-License-Identifier: ISC */
/*
 * qcow2_map.c - from a disk's offset to the file, and back out of it
 * ("Cluster mapping" of the specification); see qcow2.h
 */

#include <errno.h>
#include <stdlib.h>

#include "disk/qcow2_private.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"

/* Entries of an L2 table, log2. */
static unsigned
l2_bits(const struct qcow2 *q)
{
	return q->bits - 3;
}

/* Where the L2 table of a cluster of the disk is; 0: there is none. */
static int
find_l2(struct qcow2 *q, uint64_t cluster, uint64_t *offset)
{
	uint64_t i = cluster >> l2_bits(q), entry;

	if (i >= q->l1_used) {
		errno = EINVAL;
		return -1;
	}
	entry = q->l1[i];
	*offset = entry & OFFSET_MASK;
	if ((*offset & (q->cluster - 1)) != 0)
		return qcow2_broken(q, "an L2 table's address");
	return 0;
}

/* What an entry says about one cluster. */
static int
decode(struct qcow2 *q, uint64_t entry, struct qcow2_extent *x)
{
	x->entry = entry;
	x->host = entry & OFFSET_MASK;
	x->owned = (entry & OFLAG_COPIED) != 0;
	if (entry & OFLAG_COMPRESSED) {
		x->kind = QCOW2_COMPRESSED;
		x->host = 0;
		x->owned = false;
		return 0;
	}
	if ((x->host & (q->cluster - 1)) != 0)
		return qcow2_broken(q, "a cluster's address");
	if (entry & OFLAG_ZERO) {
		if (q->header.version < 3)
			return qcow2_broken(q, "a zero cluster of version 2");
		x->kind = QCOW2_ZERO;
	} else
		x->kind = x->host != 0 ? QCOW2_DATA : QCOW2_HOLE;
	return 0;
}

/* Does the cluster of 'y' go on where x ends? */
static bool
goes_on(const struct qcow2_extent *x, uint64_t clusters_len,
    const struct qcow2_extent *y)
{
	if (x->kind != y->kind || x->owned != y->owned ||
	    x->kind == QCOW2_COMPRESSED)
		return false;
	if (x->host == 0)
		return y->host == 0;
	return y->host == x->host + clusters_len;
}

int
qcow2_map(struct qcow2 *q, uint64_t offset, uint64_t len,
    struct qcow2_extent *ret)
{
	uint64_t cluster = offset >> q->bits, in = offset & (q->cluster - 1);
	uint64_t table, n = 1, wanted = clusters_of(q, in + len);
	struct qcow2_extent y;
	const uint8_t *row;
	size_t left;

	if (find_l2(q, cluster, &table) == -1)
		return -1;
	if (table == 0) {
		n = (1ULL << l2_bits(q)) - (cluster &
		    ((1ULL << l2_bits(q)) - 1));
		*ret = (struct qcow2_extent){ .kind = QCOW2_HOLE,
		    .len = MIN(len, (n << q->bits) - in) };
		return 0;
	}
	row = meta_read(q, table + (cluster & ((1ULL << l2_bits(q)) - 1)) * 8,
	    &left);
	if (row == NULL || decode(q, get64(row), ret) == -1)
		return -1;
	wanted = MIN(wanted, left / 8);
	for (; n < wanted; n++) {
		/* One that is wrong is found when it is its turn. */
		if ((get64(row + n * 8) & OFFSET_MASK & (q->cluster - 1)) != 0
		    || decode(q, get64(row + n * 8), &y) == -1 ||
		    !goes_on(ret, n << q->bits, &y))
			break;
	}
	ret->len = MIN(len, (n << q->bits) - in);
	if (ret->host != 0)
		ret->host += in;
	return 0;
}

/* --- changes ------------------------------------------------------------- */

static int
set_l1(struct qcow2 *q, uint64_t i, uint64_t entry)
{
	uint8_t b[8];

	put64(b, entry);
	if (meta_write(q, q->header.l1_offset + i * 8, b, sizeof(b)) == -1)
		return -1;
	q->l1[i] = entry;
	return 0;
}

/*
 * The L2 table of a cluster, ours alone: made, or copied when a snapshot
 * has it too.
 */
static int
own_l2(struct qcow2 *q, uint64_t cluster, uint64_t *ret)
{
	uint64_t i = cluster >> l2_bits(q), old;
	own_mem uint8_t *b = NULL;
	struct run r;
	bool fresh;

	if (find_l2(q, cluster, &old) == -1)
		return -1;
	*ret = old;
	if (old != 0 && q->l1[i] & OFLAG_COPIED)
		return qcow2_overlaps(q, old, q->cluster) ?
		    qcow2_broken(q, "an L2 table in another table") : 0;
	b = calloc(1, q->cluster);
	if (b == NULL ||
	    (old != 0 && qcow2_pread(q->fd, b, q->cluster, old) == -1) ||
	    refcount_take(q, 1, &r, &fresh) == -1)
		return -1;
	*ret = r.first << q->bits;
	meta_forget(q, *ret, q->cluster);
	/*
	 * What a place that was used before has must not be seen as a table,
	 * nor must a copy be nothing.
	 */
	if (meta_write(q, *ret, b, q->cluster) == -1 ||
	    ((!fresh || old != 0) && os_datasync(q->fd) == -1) ||
	    set_l1(q, i, *ret | OFLAG_COPIED) == -1)
		return -1;
	return old != 0 ? refcount_drop_later(q, old >> q->bits, 1) : 0;
}

void
qcow2_packed(const struct qcow2 *q, uint64_t entry, uint64_t *offset,
    uint64_t *len)
{
	unsigned shift = 62 - (q->bits - 8);

	entry &= OFLAG_COMPRESSED - 1;
	*offset = entry & ((1ULL << shift) - 1);
	*len = ((entry >> shift) + 1) * 512 - (*offset & 511);
}

/* Nobody of the active disk refers to what 'entry' did any more. */
static int
release(struct qcow2 *q, uint64_t entry)
{
	uint64_t offset = entry & OFFSET_MASK, len = 1, first;

	if (entry & OFLAG_COMPRESSED)
		qcow2_packed(q, entry, &offset, &len);
	else if (offset == 0)
		return 0;
	first = offset >> q->bits;
	return refcount_drop_later(q, first,
	    ((offset + len - 1) >> q->bits) - first + 1);
}

#define BATCH	64	/* entries changed at once */

/*
 * The entries of n clusters, all of one L2 table, to first, first + step ..;
 * what they were is released where it was something else.
 */
static int
set_entries(struct qcow2 *q, uint64_t cluster, uint64_t n, uint64_t first,
    uint64_t step)
{
	uint64_t table, at, old[BATCH], now;
	uint8_t b[BATCH * 8];
	const uint8_t *row;
	size_t left;

	if (own_l2(q, cluster, &table) == -1)
		return -1;
	at = table + (cluster & ((1ULL << l2_bits(q)) - 1)) * 8;
	while (n > 0) {
		row = meta_read(q, at, &left);
		if (row == NULL)
			return -1;
		left = MIN(MIN(left / 8, n), (uint64_t)BATCH);
		for (size_t i = 0; i < left; i++) {
			old[i] = get64(row + i * 8);
			put64(b + i * 8, first + i * step);
		}
		if (meta_write(q, at, b, left * 8) == -1)
			return -1;
		for (size_t i = 0; i < left; i++, first += step) {
			now = first & (OFFSET_MASK | OFLAG_COMPRESSED);
			if ((old[i] & (OFFSET_MASK | OFLAG_COMPRESSED)) != now
			    && release(q, old[i]) == -1)
				return -1;
		}
		at += left * 8;
		n -= left;
	}
	return 0;
}

/* Clusters from 'cluster' on, at most n, that one L2 table describes. */
static uint64_t
in_table(const struct qcow2 *q, uint64_t cluster, uint64_t n)
{
	uint64_t per = 1ULL << l2_bits(q);

	return MIN(n, per - (cluster & (per - 1)));
}

int
qcow2_alloc(struct qcow2 *q, uint64_t guest, uint64_t len,
    struct qcow2_alloc *ret)
{
	struct qcow2_extent x;
	struct run r;

	if (qcow2_change(q) == -1 || qcow2_map(q, guest, len, &x) == -1)
		return -1;
	*ret = (struct qcow2_alloc){ .guest = guest, .len = x.len };
	if (x.kind == QCOW2_ZERO && x.host != 0 && x.owned) {
		ret->host = x.host;
		ret->kept = true;
		return qcow2_may_write(q, x.host, x.len);
	}
	if (refcount_take(q, in_table(q, guest >> q->bits,
	    clusters_of(q, x.len)), &r, &ret->fresh) == -1)
		return -1;
	ret->host = r.first << q->bits;
	ret->len = MIN(x.len, r.n << q->bits);
	meta_forget(q, ret->host, r.n << q->bits);
	return 0;
}

int
qcow2_link(struct qcow2 *q, const struct qcow2_alloc *a)
{
	if (qcow2_change(q) == -1)
		return -1;
	return set_entries(q, a->guest >> q->bits, clusters_of(q, a->len),
	    a->host | OFLAG_COPIED, q->cluster);
}

void
qcow2_unalloc(struct qcow2 *q, const struct qcow2_alloc *a)
{
	/* What cannot be counted down is space that is lost, not more. */
	if (!a->kept && qcow2_change(q) == 0)
		(void)refcount_drop_later(q, a->host >> q->bits,
		    clusters_of(q, a->len));
}

/* n clusters of one L2 table become zeroes. */
static int
zero_some(struct qcow2 *q, uint64_t cluster, uint64_t n, bool punch)
{
	uint64_t flag = q->header.version >= 3 ? OFLAG_ZERO : 0;
	struct qcow2_extent x;
	uint64_t entry = flag, step = 0, count;

	for (; n > 0; n -= count, cluster += count) {
		if (qcow2_map(q, cluster << q->bits, n << q->bits, &x) == -1)
			return -1;
		count = x.len >> q->bits;
		if (x.kind == QCOW2_HOLE && q->header.backing[0] == '\0')
			continue;
		if (x.kind == QCOW2_ZERO && (x.host == 0 || !punch))
			continue;
		entry = flag;
		step = 0;
		if (flag != 0 && !punch && x.owned && x.host != 0) {
			entry |= x.host | OFLAG_COPIED;
			step = q->cluster;
		}
		if (set_entries(q, cluster, count, entry, step) == -1)
			return -1;
	}
	return 0;
}

int
qcow2_zero(struct qcow2 *q, uint64_t offset, uint64_t len, bool punch)
{
	uint64_t cluster = offset >> q->bits, n = clusters_of(q, len), some;

	if (q->header.version < 3 && q->header.backing[0] != '\0') {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (qcow2_change(q) == -1)
		return -1;
	for (; n > 0; n -= some, cluster += some) {
		some = in_table(q, cluster, n);
		if (zero_some(q, cluster, some, punch) == -1)
			return -1;
	}
	return 0;
}
