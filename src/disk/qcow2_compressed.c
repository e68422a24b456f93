/* SPDX-License-Identifier: ISC */
/*
 * qcow2_compressed.c - clusters that are deflate or zstd ("Compressed
 * Clusters Descriptor" of the specification); read only
 */

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "disk/qcow2_private.h"

/* Both: 'len' bytes of 'packed' to one whole cluster at q->plain. */
static bool
inflate_cluster(struct qcow2 *q, size_t len)
{
	z_stream z = { .next_in = q->packed, .avail_in = (uInt)len,
	    .next_out = q->plain, .avail_out = (uInt)q->cluster };
	int r;

	/* Without a header of zlib's. */
	if (inflateInit2(&z, -15) != Z_OK)
		return false;
	r = inflate(&z, Z_FINISH);
	(void)inflateEnd(&z);
	/* Z_BUF_ERROR: the cluster is full and more was there. */
	return (r == Z_STREAM_END || r == Z_BUF_ERROR) && z.avail_out == 0;
}

static bool
zstd_cluster(struct qcow2 *q, size_t len)
{
	ZSTD_inBuffer in = { q->packed, len, 0 };
	ZSTD_outBuffer out = { q->plain, q->cluster, 0 };
	ZSTD_DStream *s = ZSTD_createDStream();
	size_t before, r;

	if (s == NULL)
		return false;
	/* A window larger than a cluster is of no use. */
	(void)ZSTD_DCtx_setParameter(s, ZSTD_d_windowLogMax,
	    QCOW2_CLUSTER_BITS_MAX + 2);
	do {
		before = in.pos + out.pos;
		r = ZSTD_decompressStream(s, &out, &in);
	} while (!ZSTD_isError(r) && out.pos < out.size &&
	    in.pos + out.pos != before);
	(void)ZSTD_freeDStream(s);
	return out.pos == out.size;
}

static int
make_buffers(struct qcow2 *q)
{
	if (q->plain == NULL)
		q->plain = malloc(q->cluster);
	/* The bytes may be as many as an entry can say. */
	if (q->packed == NULL)
		q->packed = malloc(2 * q->cluster + 512);
	return q->plain != NULL && q->packed != NULL ? 0 : -1;
}

const uint8_t *
qcow2_uncompress(struct qcow2 *q, const struct qcow2_extent *x)
{
	uint64_t offset, len;
	bool good;

	if (q->plain_entry == x->entry)
		return q->plain;
	qcow2_packed(q, x->entry, &offset, &len);
	if (make_buffers(q) == -1)
		return NULL;
	q->plain_entry = 0;
	if (qcow2_pread(q->fd, q->packed, len, offset) == -1)
		return NULL;
	good = q->header.compression == QCOW2_ZSTD ?
	    zstd_cluster(q, len) : inflate_cluster(q, len);
	if (!good) {
		errno = EIO;
		return NULL;
	}
	q->plain_entry = x->entry;
	return q->plain;
}
