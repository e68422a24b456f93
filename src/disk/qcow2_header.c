/* SPDX-License-Identifier: ISC */
/* qcow2_header.c - the header of a qcow2 image ("Header"); see qcow2.h */

#include <errno.h>

#include "disk/qcow2_private.h"
#include "lib/util.h"

#define EXTENSIONS_MAX		64	/* header extensions of an image */
#define SNAPSHOTS_MAX		65536
#define EXT_END			0x00000000U
#define EXT_FORMAT		0xe2792acaU	/* of the backing file */
#define EXT_BITMAPS		0x23852875U

#define INCOMPATIBLE_KNOWN	(QCOW2_DIRTY | QCOW2_CORRUPT | \
				QCOW2_COMPRESSION)

/* Features that are known and not built, for a sentence. */
static const struct {
	uint64_t	 bit;
	const char	*what;
} refused[] = {
	{ 0x4,	"its data is in another file (external data file)" },
	{ 0x10,	"it has extended L2 entries (subclusters)" },
};

static void
parse(struct qcow2_header *h, const uint8_t *b)
{
	memset(h, 0, sizeof(*h));
	h->version = get32(b + 4);
	h->cluster_bits = get32(b + 20);
	h->size = get64(b + 24);
	h->l1_len = get32(b + 36);
	h->l1_offset = get64(b + 40);
	h->table_offset = get64(b + HEADER_TABLE);
	h->table_clusters = get32(b + 56);
	h->nsnapshots = get32(b + 60);
	h->snapshots_offset = get64(b + 64);
	h->refcount_order = 4;
	if (h->version < 3)
		return;
	h->incompatible = get64(b + HEADER_INCOMPATIBLE);
	h->compatible = get64(b + 80);
	h->autoclear = get64(b + HEADER_AUTOCLEAR);
	h->refcount_order = get32(b + 96);
	if (h->incompatible & QCOW2_COMPRESSION)
		h->compression = b[104];
}

static int
check_features(const struct qcow2_header *h, struct err *e)
{
	uint64_t unknown = h->incompatible & ~INCOMPATIBLE_KNOWN;

	for (unsigned i = 0; i < COUNT(refused); i++)
		if (unknown & refused[i].bit)
			return err_set(e, ENOTSUP, "qcow2: %s, which is "
			    "not built", refused[i].what);
	if (unknown != 0)
		return err_set(e, ENOTSUP, "qcow2: it has incompatible "
		    "features that are not known (0x%llx)",
		    (unsigned long long)unknown);
	if (h->incompatible & QCOW2_COMPRESSION &&
	    h->compression != QCOW2_ZSTD)
		return err_set(e, ENOTSUP,
		    "qcow2: compression type %u is not known",
		    (unsigned)h->compression);
	return 0;
}

/* Is [offset, +len) a table of whole clusters somewhere sensible? */
static bool
is_table(const struct qcow2_header *h, uint64_t offset, uint64_t len)
{
	return (offset & ((1ULL << h->cluster_bits) - 1)) == 0 &&
	    offset <= OFFSET_MASK && offset + len <= OFFSET_MASK;
}

/* Every number that memory or arithmetic depends on. */
static int
check_numbers(const struct qcow2_header *h, struct err *e)
{
	uint64_t l2_bytes, needed;

	if (h->cluster_bits < QCOW2_CLUSTER_BITS_MIN ||
	    h->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return err_set(e, EINVAL, "qcow2: clusters of 2^%u bytes; "
		    "%d to %d are possible", h->cluster_bits,
		    QCOW2_CLUSTER_BITS_MIN, QCOW2_CLUSTER_BITS_MAX);
	if (h->refcount_order > 6)
		return err_set(e, EINVAL, "qcow2: reference counts of 2^%u "
		    "bits", h->refcount_order);
	/* What an L2 table describes: its entries times a cluster. */
	l2_bytes = 1ULL << (2 * h->cluster_bits - 3);
	needed = h->size / l2_bytes + (h->size % l2_bytes != 0);
	if (h->l1_len > QCOW2_L1_MAX / 8 || needed > h->l1_len ||
	    !is_table(h, h->l1_offset, h->l1_len * 8ULL))
		return err_set(e, EINVAL, "qcow2: %llu bytes and an L1 table "
		    "of %u entries at %llu", (unsigned long long)h->size,
		    h->l1_len, (unsigned long long)h->l1_offset);
	if (h->table_clusters == 0 ||
	    h->table_clusters > QCOW2_TABLE_MAX >> h->cluster_bits ||
	    h->table_offset == 0 || !is_table(h, h->table_offset,
	    (uint64_t)h->table_clusters << h->cluster_bits))
		return err_set(e, EINVAL, "qcow2: a refcount table of %u "
		    "clusters at %llu", h->table_clusters,
		    (unsigned long long)h->table_offset);
	if (h->nsnapshots > SNAPSHOTS_MAX ||
	    !is_table(h, h->snapshots_offset, 0))
		return err_set(e, EINVAL, "qcow2: %u snapshots at %llu",
		    h->nsnapshots, (unsigned long long)h->snapshots_offset);
	return 0;
}

static int
read_backing(struct qcow2_header *h, int fd, const uint8_t *b, struct err *e)
{
	uint64_t at = get64(b + 8), cluster = 1ULL << h->cluster_bits;
	uint32_t len = get32(b + 16);

	if (at == 0 || len == 0)
		return 0;
	if (len > QCOW2_NAME_MAX || at > cluster || len > cluster - at)
		return err_set(e, EINVAL, "qcow2: a backing file's name of "
		    "%u bytes at %llu", len, (unsigned long long)at);
	if (qcow2_pread(fd, h->backing, len, at) == -1)
		return err_sys(e, "qcow2: backing file's name");
	if (memchr(h->backing, 0, len) != NULL)
		return err_set(e, EINVAL, "qcow2: a zero byte in the "
		    "backing file's name");
	return 0;
}

/* Header extensions: of those we know two matter. */
static int
read_extensions(struct qcow2_header *h, int fd, uint64_t at, struct err *e)
{
	uint64_t end = 1ULL << h->cluster_bits;
	uint8_t b[8];
	uint32_t type, len;

	for (unsigned n = 0; n < EXTENSIONS_MAX && at + 8 <= end; n++) {
		if (qcow2_pread(fd, b, sizeof(b), at) == -1)
			return err_sys(e, "qcow2: header extension");
		type = get32(b);
		len = get32(b + 4);
		at += 8;
		if (type == EXT_END)
			return 0;
		if (len > end - at)
			return err_set(e, EINVAL,
			    "qcow2: a header extension of %u bytes", len);
		h->bitmaps |= type == EXT_BITMAPS;
		if (type == EXT_FORMAT && len <= QCOW2_FORMAT_MAX &&
		    qcow2_pread(fd, h->format, len, at) == -1)
			return err_sys(e, "qcow2: header extension");
		at += (len + 7ULL) / 8 * 8;
	}
	return 0;
}

int
qcow2_peek(struct qcow2_header *ret, int fd, struct err *e)
{
	struct qcow2_header h;
	uint8_t b[HEADER_V3 + 8];
	uint32_t len = HEADER_V2;

	if (qcow2_pread(fd, b, sizeof(b), 0) == -1)
		return err_sys(e, "qcow2: header");
	if (get32(b) != QCOW2_MAGIC)
		return err_set(e, EINVAL, "it is not a qcow2 image");
	parse(&h, b);
	if (h.version != 2 && h.version != 3)
		return err_set(e, ENOTSUP, "qcow2: version %u is not known",
		    h.version);
	if (get32(b + 32) != 0)
		return err_set(e, ENOTSUP, "qcow2: it is encrypted, which is "
		    "not built");
	if (h.version == 3) {
		len = get32(b + 100);
		if (len < HEADER_V3 || len % 8 != 0 ||
		    (len == HEADER_V3 && h.compression != 0))
			return err_set(e, EINVAL,
			    "qcow2: a header of %u bytes", len);
	}
	if (check_features(&h, e) == -1 || check_numbers(&h, e) == -1 ||
	    read_backing(&h, fd, b, e) == -1 ||
	    read_extensions(&h, fd, len, e) == -1)
		return -1;
	*ret = h;
	return 0;
}

/* --- a new one ----------------------------------------------------------- */

static int
check_new(const struct qcow2_new *n, struct err *e)
{
	uint64_t l1;

	if (n->cluster_bits < QCOW2_CLUSTER_BITS_MIN ||
	    n->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return err_set(e, EINVAL, "clusters are 512 bytes to 2 MiB");
	if (n->refcount_order > 6 ||
	    (n->version == 2 && (n->refcount_order != 4 || n->lazy)))
		return err_set(e, EINVAL, "version %u has no such reference "
		    "counts", n->version);
	l1 = (n->size >> (2 * n->cluster_bits - 3)) + 1;
	if (l1 > QCOW2_L1_MAX / 8)
		return err_set(e, EFBIG, "too large for clusters of %llu "
		    "bytes", 1ULL << n->cluster_bits);
	if (n->backing != NULL && (strlen(n->backing) > QCOW2_NAME_MAX ||
	    strlen(n->backing) + 160 > 1ULL << n->cluster_bits))
		return err_set(e, ENAMETOOLONG,
		    "the name of the base is too long");
	return 0;
}

/* The first cluster; l1: entries. */
static void
fill_header(uint8_t *b, const struct qcow2_new *n, uint32_t l1)
{
	size_t at = n->version == 2 ? HEADER_V2 : HEADER_V3, len;
	uint64_t cluster = 1ULL << n->cluster_bits;

	put32(b, QCOW2_MAGIC);
	put32(b + 4, n->version);
	put32(b + 20, n->cluster_bits);
	put64(b + 24, n->size);
	put32(b + 36, l1);
	put64(b + 40, 3 * cluster);
	put64(b + HEADER_TABLE, cluster);
	put32(b + 56, 1);
	if (n->version > 2) {
		put64(b + 80, n->lazy ? QCOW2_LAZY_REFCOUNTS : 0);
		put32(b + 96, n->refcount_order);
		put32(b + 100, HEADER_V3);
	}
	if (n->backing == NULL)
		return;
	len = n->format != NULL ? strlen(n->format) : 0;
	if (len != 0) {
		put32(b + at, EXT_FORMAT);
		put32(b + at + 4, (uint32_t)len);
		memcpy(b + at + 8, n->format, len);
		at += 8 + (len + 7) / 8 * 8;
	}
	at += 8;	/* the end of the extensions */
	put64(b + 8, at);
	put32(b + 16, (uint32_t)strlen(n->backing));
	memcpy(b + at, n->backing, strlen(n->backing));
}

/*
 * Header, refcount table, its first block, and the L1 table, which may need
 * more clusters than the block can count: they are entered by a repair.
 */
int
qcow2_create(int fd, const struct qcow2_new *n, struct err *e)
{
	uint64_t cluster = 1ULL << n->cluster_bits, l1_clusters, l1;
	own_mem uint8_t *b = NULL;
	struct qcow2 *q;

	if (check_new(n, e) == -1)
		return -1;
	l1 = n->size >> (2 * n->cluster_bits - 3);
	l1 += (n->size & ((1ULL << (2 * n->cluster_bits - 3)) - 1)) != 0;
	l1_clusters = (l1 * 8 + cluster - 1) >> n->cluster_bits;
	b = calloc(3, cluster);
	if (b == NULL)
		return err_sys(e, "qcow2");
	fill_header(b, n, (uint32_t)l1);
	put64(b + cluster, 2 * cluster);
	for (uint64_t i = 0; i < 3 + l1_clusters &&
	    i >> (n->cluster_bits + 3 - n->refcount_order) == 0; i++)
		refcount_put(b + 2 * cluster, i, n->refcount_order, 1);
	if (qcow2_pwrite(fd, b, 3 * cluster, 0) == -1 ||
	    ftruncate(fd, (off_t)((3 + l1_clusters) << n->cluster_bits)) == -1)
		return err_sys(e, "qcow2: write");
	if ((3 + l1_clusters) >> (n->cluster_bits + 3 - n->refcount_order)
	    == 0)
		return 0;
	if (qcow2_open(&q, fd, true, e) == -1)
		return -1;
	if (qcow2_repair(q, e) == -1) {
		(void)qcow2_close(q, NULL);
		return -1;
	}
	return qcow2_close(q, e);
}
