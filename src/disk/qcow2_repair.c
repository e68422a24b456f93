/* SPDX-License-Identifier: ISC */
/*
 * qcow2_repair.c - reference counts made anew
 *
 * For an image whose user died.  L1 and L2 tables, of the disk and of its
 * snapshots, say which clusters are in use; a whole new refcount table with
 * its blocks is written behind the end of the file and then put in place.
 *
 * An entry that leads behind the file's end was made just before the machine
 * died: neither it nor its data was flushed, and it is taken away.
 */

#include <errno.h>
#include <stdlib.h>

#include "disk/qcow2_private.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"

#define CLUSTERS_MAX	(1ULL << 26)	/* of a file; 2 bytes each */
#define TABLES_MAX	(1ULL << 30)	/* bytes of tables that are read */
#define COUNT_MAX	UINT16_MAX

struct repair {
	struct qcow2	*q;
	uint16_t	*count;
	uint64_t	 n;		/* clusters of the file */
	uint64_t	 read;		/* bytes of tables */
	uint64_t	 lost;		/* entries behind the end */
	uint8_t		*l2;		/* a cluster */
};

static void
use(struct repair *r, uint64_t offset, uint64_t len)
{
	uint64_t last = (offset + len - 1) >> r->q->bits;

	for (uint64_t i = offset >> r->q->bits; len > 0 && i <= last &&
	    i < r->n; i++)
		if (r->count[i] < COUNT_MAX)
			r->count[i]++;
}

static bool
behind(const struct repair *r, uint64_t offset)
{
	return offset >> r->q->bits >= r->n;
}

static int
read_table(struct repair *r, void *to, uint64_t offset, uint64_t len,
    struct err *e)
{
	r->read += len;
	if (r->read > TABLES_MAX)
		return err_set(e, EFBIG, "more tables than are read here; "
		    "use qemu-img check -r all");
	if (qcow2_pread(r->q->fd, to, len, offset) == -1)
		return err_sys(e, "table");
	return 0;
}

/* --- counting ------------------------------------------------------------ */

/* One entry of an L2 table.  Returns what it should be. */
static uint64_t
count_entry(struct repair *r, uint64_t entry)
{
	uint64_t offset = entry & OFFSET_MASK, len = r->q->cluster;

	if (entry & OFLAG_COMPRESSED)
		qcow2_packed(r->q, entry, &offset, &len);
	else if (offset == 0)
		return entry;
	if (behind(r, offset)) {
		r->lost++;
		return entry & OFLAG_COMPRESSED ? 0 : entry & OFLAG_ZERO;
	}
	use(r, offset, len);
	return entry;
}

/* An L2 table's clusters; the active one is set right. */
static int
count_l2(struct repair *r, uint64_t offset, bool active, struct err *e)
{
	uint64_t entry, now;
	bool changed = false;

	if (read_table(r, r->l2, offset, r->q->cluster, e) == -1)
		return -1;
	for (uint64_t i = 0; i < r->q->cluster / 8; i++) {
		entry = get64(r->l2 + i * 8);
		now = entry == 0 ? 0 : count_entry(r, entry);
		if (now == entry)
			continue;
		put64(r->l2 + i * 8, now);
		changed = true;
	}
	if (active && changed &&
	    meta_write(r->q, offset, r->l2, r->q->cluster) == -1)
		return err_sys(e, "L2 table");
	return 0;
}

static int
write_l1(struct repair *r, uint64_t i, uint64_t entry, struct err *e)
{
	uint8_t b[8];

	put64(b, entry);
	r->q->l1[i] = entry;
	if (meta_write(r->q, r->q->header.l1_offset + i * 8, b, 8) == -1)
		return err_sys(e, "L1 table");
	return 0;
}

static int
count_active(struct repair *r, struct err *e)
{
	struct qcow2 *q = r->q;
	uint64_t offset;

	use(r, q->header.l1_offset, q->header.l1_len * 8ULL);
	for (uint64_t i = 0; i < q->l1_used; i++) {
		offset = q->l1[i] & OFFSET_MASK;
		if (offset == 0)
			continue;
		if ((offset & (q->cluster - 1)) != 0)
			return err_set(e, EIO, "an L2 table's address");
		if (behind(r, offset)) {
			r->lost++;
			if (write_l1(r, i, 0, e) == -1)
				return -1;
			continue;
		}
		use(r, offset, q->cluster);
		if (count_l2(r, offset, true, e) == -1)
			return -1;
	}
	return 0;
}

static int
count_snapshot(struct repair *r, uint64_t l1_offset, uint32_t len,
    struct err *e)
{
	own_mem uint8_t *l1 = NULL;
	uint64_t offset;

	if (len > QCOW2_L1_MAX / 8 || l1_offset > OFFSET_MASK)
		return err_set(e, EIO, "a snapshot's L1 table");
	l1 = malloc(len * 8ULL + 1);
	if (l1 == NULL)
		return err_sys(e, "snapshot");
	use(r, l1_offset, len * 8ULL);
	if (read_table(r, l1, l1_offset, len * 8ULL, e) == -1)
		return -1;
	for (uint32_t i = 0; i < len; i++) {
		offset = get64(l1 + i * 8ULL) & OFFSET_MASK;
		if (offset == 0)
			continue;
		use(r, offset, r->q->cluster);
		if (count_l2(r, offset, false, e) == -1)
			return -1;
	}
	return 0;
}

/* The snapshot table ("Snapshots" of the specification). */
static int
count_snapshots(struct repair *r, struct err *e)
{
	const struct qcow2_header *h = &r->q->header;
	uint64_t at = h->snapshots_offset;
	uint8_t b[40];

	for (uint32_t i = 0; i < h->nsnapshots; i++) {
		if (read_table(r, b, at, sizeof(b), e) == -1 ||
		    count_snapshot(r, get64(b), get32(b + 8), e) == -1)
			return -1;
		at += sizeof(b) + get32(b + 36) +
		    (get32(b + 12) >> 16) + (get32(b + 12) & 0xffff);
		at = (at + 7) / 8 * 8;
	}
	use(r, h->snapshots_offset, at - h->snapshots_offset);
	return 0;
}

/* --- the flag in the active tables --------------------------------------- */

static uint64_t
flag(const struct repair *r, uint64_t entry)
{
	uint64_t cluster = (entry & OFFSET_MASK) >> r->q->bits;

	if (entry & OFLAG_COMPRESSED || (entry & OFFSET_MASK) == 0)
		return entry & ~OFLAG_COPIED;
	return cluster < r->n && r->count[cluster] == 1 ?
	    entry | OFLAG_COPIED : entry & ~OFLAG_COPIED;
}

static int
set_flags(struct repair *r, struct err *e)
{
	struct qcow2 *q = r->q;
	uint64_t offset, now;
	bool changed;

	for (uint64_t i = 0; i < q->l1_used; i++) {
		offset = q->l1[i] & OFFSET_MASK;
		if (offset == 0)
			continue;
		now = flag(r, q->l1[i]);
		if (now != q->l1[i] && write_l1(r, i, now, e) == -1)
			return -1;
		if (read_table(r, r->l2, offset, q->cluster, e) == -1)
			return -1;
		changed = false;
		for (uint64_t k = 0; k < q->cluster; k += 8) {
			now = flag(r, get64(r->l2 + k));
			changed |= now != get64(r->l2 + k);
			put64(r->l2 + k, now);
		}
		if (changed &&
		    meta_write(q, offset, r->l2, q->cluster) == -1)
			return err_sys(e, "L2 table");
	}
	return 0;
}

/* --- the new counts ------------------------------------------------------ */

struct layout {
	uint64_t	first;		/* cluster: blocks, then the table */
	uint64_t	nblocks;
	uint64_t	nclusters;	/* of the table */
};

static int
plan(const struct repair *r, struct layout *l, struct err *e)
{
	unsigned bits = r->q->bits + 3 - r->q->header.refcount_order;
	uint64_t before;

	*l = (struct layout){ .first = r->n, .nclusters = 1 };
	do {
		before = l->nblocks + l->nclusters;
		l->nblocks = ((r->n + before) >> bits) + 1;
		l->nclusters = clusters_of(r->q, l->nblocks * 8);
	} while (l->nblocks + l->nclusters != before);
	if (l->nclusters << r->q->bits > QCOW2_TABLE_MAX)
		return err_set(e, EFBIG, "the refcount table would be too "
		    "large");
	return 0;
}

/* The counts of block i to b. */
static int
fill_block(const struct repair *r, const struct layout *l, uint64_t i,
    uint8_t *b, struct err *e)
{
	unsigned order = r->q->header.refcount_order;
	uint64_t per = 1ULL << (r->q->bits + 3 - order), c, v;
	uint64_t max = order == 6 ? UINT64_MAX : (1ULL << (1U << order)) - 1;

	memset(b, 0, r->q->cluster);
	for (uint64_t k = 0; k < per; k++) {
		c = i * per + k;
		v = c < r->n ? r->count[c] :
		    c < l->first + l->nblocks + l->nclusters;
		if (v > max || v == COUNT_MAX)
			return err_set(e, EIO,
			    "a cluster is used more often than can be counted");
		refcount_put(b, k, order, v);
	}
	return 0;
}

static int
write_counts(struct repair *r, struct err *e)
{
	struct qcow2 *q = r->q;
	struct layout l;
	own_mem uint8_t *table = NULL;
	own_mem uint64_t *mine = NULL;
	uint64_t bytes;
	uint8_t head[12];

	if (plan(r, &l, e) == -1)
		return -1;
	bytes = l.nclusters << q->bits;
	table = calloc(1, bytes);
	mine = calloc(bytes / 8, sizeof(*mine));
	if (table == NULL || mine == NULL)
		return err_sys(e, "refcount table");
	for (uint64_t i = 0; i < l.nblocks; i++) {
		mine[i] = (l.first + i) << q->bits;
		put64(table + i * 8, mine[i]);
		if (fill_block(r, &l, i, r->l2, e) == -1)
			return -1;
		if (meta_write(q, mine[i], r->l2, q->cluster) == -1)
			return err_sys(e, "refcount block");
	}
	put64(head, (l.first + l.nblocks) << q->bits);
	put32(head + 8, (uint32_t)l.nclusters);
	if (meta_write(q, (l.first + l.nblocks) << q->bits, table,
	    bytes) == -1 || os_datasync(q->fd) == -1 ||
	    meta_write(q, HEADER_TABLE, head, sizeof(head)) == -1 ||
	    os_datasync(q->fd) == -1)
		return err_sys(e, "refcount table");
	free(q->table);
	q->table = take(&mine);
	q->table_len = bytes / 8;
	q->header.table_offset = (l.first + l.nblocks) << q->bits;
	q->header.table_clusters = (uint32_t)l.nclusters;
	q->fresh = (l.first + l.nblocks + l.nclusters) << q->bits;
	q->guess = 0;
	return 0;
}

static int
count_all(struct repair *r, struct err *e)
{
	use(r, 0, 1);		/* the header */
	if (count_active(r, e) == -1 || count_snapshots(r, e) == -1 ||
	    set_flags(r, e) == -1)
		return -1;
	return write_counts(r, e);
}

int
qcow2_repair(struct qcow2 *q, struct err *e)
{
	struct repair r = { .q = q, .n = clusters_of(q, q->file_size) };
	int ret = -1;

	if (q->header.bitmaps)
		return err_set(e, ENOTSUP, "it has bitmaps, which are not "
		    "repaired here; use qemu-img check -r all");
	if (r.n > CLUSTERS_MAX)
		return err_set(e, EFBIG, "too large to be repaired here; use "
		    "qemu-img check -r all");
	r.count = calloc(r.n + 1, sizeof(*r.count));
	r.l2 = malloc(q->cluster);
	if (r.count == NULL || r.l2 == NULL)
		(void)err_sys(e, "repair");
	else
		ret = count_all(&r, e);
	free(r.count);
	free(r.l2);
	if (ret == 0) {
		q->dirty = true;
		log_debug("qcow2: reference counts made anew, %llu entries "
		    "were lost", (unsigned long long)r.lost);
	}
	return ret;
}
