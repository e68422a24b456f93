/* SPDX-License-Identifier: ISC */
/* qcow2_private.h - what the files of qcow2.h share */

#ifndef DISK_QCOW2_PRIVATE_H
#define DISK_QCOW2_PRIVATE_H

#include <string.h>

#include "disk/qcow2.h"
#include "lib/bigend.h"

/* The header: offsets of what is written after it was made. */
#define QCOW2_MAGIC		0x514649fbU	/* "QFI\xfb" */
#define HEADER_V2		72
#define HEADER_V3		104
#define HEADER_TABLE		48	/* refcount table: offset, clusters */
#define HEADER_INCOMPATIBLE	72
#define HEADER_AUTOCLEAR	88

/* Entries of L1 and L2 tables. */
#define OFLAG_COPIED		(1ULL << 63)	/* refcount is exactly 1 */
#define OFLAG_COMPRESSED	(1ULL << 62)
#define OFLAG_ZERO		1ULL		/* L2, version 3 */
#define OFFSET_MASK		0x00fffffffffffe00ULL

/*
 * Tables are kept in memory in pieces of 4 KiB, or a cluster where that is
 * less: 4 MiB of them, which is L2 tables for 32 GiB at 64 KiB a cluster.
 */
#define META_PIECE		4096
#define META_SETS		256
#define META_WAYS		4

struct meta_piece {
	uint64_t	 offset;	/* in the file */
	uint64_t	 used;		/* time of the last use; 0: empty */
	uint8_t		*bytes;		/* or NULL */
};

struct meta {
	struct meta_piece piece[META_SETS][META_WAYS];
	uint64_t	 now;		/* counts uses */
	size_t		 len;		/* bytes of a piece */
	unsigned	 bits;		/* log2 of it */
};

/* Clusters that nobody refers to any more, until that is durable. */
#define FREED_MAX		1024	/* runs; beyond it we sync ourselves */

struct run {
	uint64_t	first;		/* cluster */
	uint64_t	n;
};

struct freed {
	struct run	run[FREED_MAX];
	unsigned	n;
};

struct qcow2 {
	struct qcow2_header header;
	int		 fd;		/* borrowed */
	bool		 writable;
	bool		 corrupt;	/* found to be; no more changes */
	bool		 dirty;		/* marked so by us */
	bool		 unsynced;
	bool		 syncing;	/* begun, not ended */
	bool		 grows;		/* a file, not a device */

	unsigned	 bits;		/* of a cluster */
	uint64_t	 cluster;	/* bytes */
	uint64_t	 file_size;
	uint64_t	 fresh;		/* from here on nothing was used */
	uint64_t	 guess;		/* no cluster below is free */

	uint64_t	*l1;		/* host's byte order */
	uint32_t	 l1_used;	/* entries the disk needs */
	uint64_t	*table;		/* refcount blocks; the same */
	uint64_t	 table_len;	/* entries */
	struct meta	 meta;

	struct freed	 freed;		/* since the last sync began */
	struct freed	 freeing;	/* when that one has ended */

	uint8_t		*plain;		/* one cluster, uncompressed */
	uint64_t	 plain_entry;	/* which; 0: none */
	uint8_t		*packed;	/* as it is in the file */
};

/* --- numbers in the file: big-endian ------------------------------------- */

static inline uint64_t
get64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return bigend64(v);
}

static inline uint32_t
get32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return bigend32(v);
}

static inline void
put64(void *p, uint64_t v)
{
	v = bigend64(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
put32(void *p, uint32_t v)
{
	v = bigend32(v);
	memcpy(p, &v, sizeof(v));
}

/* Clusters that 'bytes' need. */
static inline uint64_t
clusters_of(const struct qcow2 *q, uint64_t bytes)
{
	return (bytes >> q->bits) + ((bytes & (q->cluster - 1)) != 0);
}

/* --- qcow2_meta.c: tables in the file ------------------------------------ */

/* Whole reads; what is behind the file's end is zeroes. */
int	qcow2_pread(int fd, void *, size_t len, uint64_t offset);
int	qcow2_pwrite(int fd, const void *, size_t len, uint64_t offset);

void	meta_init(struct qcow2 *);
void	meta_fini(struct qcow2 *);

/*
 * The piece that holds 'offset', from there to its end (*left bytes); valid
 * until the next call of any meta function.
 */
const uint8_t *meta_read(struct qcow2 *, uint64_t offset, size_t *left);

/* To the file and to what is kept of it. */
int	meta_write(struct qcow2 *, uint64_t offset, const void *, size_t len);

/* These clusters become something else: forget what is kept. */
void	meta_forget(struct qcow2 *, uint64_t offset, uint64_t len);

/* --- qcow2_refcount.c ---------------------------------------------------- */

/* Of one cluster; 0 where there is no block. */
int	refcount_get(struct qcow2 *, uint64_t cluster, uint64_t *);

/*
 * Take free clusters, at most n in a row, at least one; their count is 1.
 * *fresh: they read as zeroes.
 */
int	refcount_take(struct qcow2 *, uint64_t n, struct run *, bool *fresh);

/* Count them down by one, now; or when it is durable that they are unused. */
int	refcount_drop(struct qcow2 *, uint64_t first, uint64_t n);
int	refcount_drop_later(struct qcow2 *, uint64_t first, uint64_t n);

/* Put a count into a row of them, order: log2 of its bits. */
void	refcount_put(uint8_t *block, uint64_t i, unsigned order, uint64_t v);

/* Drop what the sync that ended made droppable. */
void	refcount_settle(struct qcow2 *);

/* --- the others ---------------------------------------------------------- */

/* Before tables change: mark the image as in use. */
int	qcow2_change(struct qcow2 *);

/* The image contradicts itself: mark it.  Returns -1 with EIO. */
int	qcow2_broken(struct qcow2 *, const char *what);

/* Is [offset, +len) in the file part of a table or the header? */
bool	qcow2_overlaps(const struct qcow2 *, uint64_t offset, uint64_t len);

/* Bytes of the file up to 'end' exist. */
int	qcow2_grow(struct qcow2 *, uint64_t end);

/* Make the reference counts anew from what refers to clusters. */
int	qcow2_repair(struct qcow2 *, struct err *);

/* Where a compressed cluster's bytes are in the file. */
void	qcow2_packed(const struct qcow2 *, uint64_t entry, uint64_t *offset,
	    uint64_t *len);

#endif
