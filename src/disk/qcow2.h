/* SPDX-License-Identifier: ISC */
/*
 * qcow2.h - the tables of a qcow2 image: which byte of a disk is where
 *
 * QEMU's docs/interop/qcow2.txt, versions 2 and 3.  A struct qcow2 knows one
 * file; data is read and written by its user (image.h at once, viod's
 * disk_qcow2.c without waiting), and so are backing files.
 *
 * Every change of a table is written to the file at once, in an order that
 * leaves a whole image behind whenever the process is killed: data, reference
 * counts, then the entry that leads to them.  What the host's kernel has not
 * written when the machine dies is made good by the dirty bit: a version 3
 * image that was not closed has its reference counts made anew.  Only what is
 * copied must be durable before the entry that leads to the copy.
 *
 * What was given back is used again only when the change that gave it back is
 * durable.
 *
 * Functions return -1 with errno: EIO for an image that contradicts itself,
 * which is marked corrupt when it is open for writing; then no table changes
 * any more.
 */

#ifndef DISK_QCOW2_H
#define DISK_QCOW2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define QCOW2_CLUSTER_BITS_MIN	9
#define QCOW2_CLUSTER_BITS_MAX	21
#define QCOW2_NAME_MAX		1023	/* bytes of a backing file's name */
#define QCOW2_FORMAT_MAX	15	/* bytes of its format's name */
#define QCOW2_L1_MAX		(32U << 20)	/* bytes of the L1 table */
#define QCOW2_TABLE_MAX		(8U << 20)	/* of the refcount table */

enum qcow2_compression {
	QCOW2_DEFLATE	= 0,
	QCOW2_ZSTD	= 1,
};

/* What the header says; see qcow2_peek(). */
struct qcow2_header {
	unsigned	version;		/* 2 or 3 */
	unsigned	cluster_bits;
	uint64_t	size;			/* of the disk, bytes */
	uint32_t	l1_len;			/* entries */
	uint64_t	l1_offset;
	uint64_t	table_offset;		/* of the refcount table */
	uint32_t	table_clusters;
	uint32_t	nsnapshots;
	uint64_t	snapshots_offset;
	uint64_t	incompatible;		/* bits */
	uint64_t	compatible;
	uint64_t	autoclear;
	unsigned	refcount_order;		/* log2 of the bits of one */
	enum qcow2_compression compression;
	bool		bitmaps;		/* has that extension */
	char		backing[QCOW2_NAME_MAX + 1];	/* "": none */
	char		format[QCOW2_FORMAT_MAX + 1];	/* its; "": not said */
};

#define QCOW2_DIRTY		0x1ULL	/* incompatible: refcounts are old */
#define QCOW2_CORRUPT		0x2ULL	/* incompatible: not to be written */
#define QCOW2_COMPRESSION	0x8ULL	/* incompatible: not deflate */
#define QCOW2_LAZY_REFCOUNTS	0x1ULL	/* compatible */

/*
 * Read and check a header.  Refused, with a sentence: not a qcow2 image,
 * versions and features that are not known, encryption, data in another
 * file, tables that lie outside of all bounds.
 */
int	qcow2_peek(struct qcow2_header *, int fd, struct err *);

struct qcow2;

/*
 * Open the tables.  fd, a file or block device, is borrowed.  'writable'
 * needs a descriptor open for both; the image must not be corrupt, and one
 * that was not closed is repaired first.
 */
int	qcow2_open(struct qcow2 **, int fd, bool writable, struct err *);

/*
 * Make it durable and mark it closed.  -1: that failed, and the next who
 * opens it repairs it; q is gone in any case.
 */
int	qcow2_close(struct qcow2 *, struct err *);

const struct qcow2_header *qcow2_header(const struct qcow2 *);

/* --- where it is --------------------------------------------------------- */

enum qcow2_kind {
	QCOW2_DATA,		/* at 'host' in the file; what is behind the
				 * file's end reads as zeroes */
	QCOW2_ZERO,		/* zeroes; 'host' is a place kept for them,
				 * or 0 */
	QCOW2_HOLE,		/* as in the backing file, or zeroes */
	QCOW2_COMPRESSED,	/* qcow2_uncompress() */
};

struct qcow2_extent {
	enum qcow2_kind	kind;
	bool		owned;		/* 'host' may be written in place */
	uint64_t	len;		/* bytes from the offset on */
	uint64_t	host;
	uint64_t	entry;		/* QCOW2_COMPRESSED */
};

/*
 * What is at offset, and for how many bytes in one piece, at most 'len'.
 * The range must be on the disk.
 */
int	qcow2_map(struct qcow2 *, uint64_t offset, uint64_t len,
	    struct qcow2_extent *);

/*
 * The cluster of a compressed extent, whole; valid until the next call.
 * NULL with errno.
 */
const uint8_t *qcow2_uncompress(struct qcow2 *, const struct qcow2_extent *);

/* Bytes of the file now. */
uint64_t qcow2_file_size(const struct qcow2 *);

/* --- changes ------------------------------------------------------------- */

/* May a write go to this extent of kind QCOW2_DATA?  Not over tables. */
int	qcow2_may_write(struct qcow2 *, uint64_t host, uint64_t len);

/* A row of clusters that will be data. */
struct qcow2_alloc {
	uint64_t	guest;		/* offset on the disk, of a cluster */
	uint64_t	len;		/* bytes, whole clusters */
	uint64_t	host;
	bool		fresh;		/* reads as zeroes already */
	bool		kept;		/* was kept for these zeroes: taken
					 * back by nobody */
};

/*
 * Find room for clusters from 'guest' on, at most 'len' bytes, perhaps
 * fewer.  Nobody sees them until they are linked, after the data was
 * written, and synced if some of it is a copy (image_edges()); or else they
 * must be given back by qcow2_unalloc().
 */
int	qcow2_alloc(struct qcow2 *, uint64_t guest, uint64_t len,
	    struct qcow2_alloc *);
int	qcow2_link(struct qcow2 *, const struct qcow2_alloc *);
void	qcow2_unalloc(struct qcow2 *, const struct qcow2_alloc *);

/*
 * Clusters from offset on read as zeroes; both numbers are those of whole
 * clusters (the disk's last one may be cut).  'punch': their place is given
 * back, too.  EOPNOTSUPP: version 2 with a backing file cannot say it, and
 * zeroes must be written.
 */
int	qcow2_zero(struct qcow2 *, uint64_t offset, uint64_t len, bool punch);

/*
 * Tell of a sync of the file: begun when it is started, ended when all that
 * was done before it began is durable, if it went well.  Several may be under
 * way.  qcow2_unsynced(): tables were changed since.
 */
void	qcow2_sync_begun(struct qcow2 *);
void	qcow2_sync_ended(struct qcow2 *, bool good);
bool	qcow2_unsynced(const struct qcow2 *);

/* --- making one ---------------------------------------------------------- */

struct qcow2_new {
	uint64_t	size;		/* bytes, whole sectors */
	unsigned	version;	/* 2 or 3 */
	unsigned	cluster_bits;
	unsigned	refcount_order;	/* 4 with version 2 */
	bool		lazy;		/* lazy refcounts, version 3 */
	const char	*backing;	/* name, or NULL */
	const char	*format;	/* its format: "raw", "qcow2" */
};

/* Write an empty image into an empty file. */
int	qcow2_create(int fd, const struct qcow2_new *, struct err *);

#endif
