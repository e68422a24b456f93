/* SPDX-License-Identifier: ISC */
/* qcow2_open.c - opening, closing, marks in the header; see qcow2.h */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "disk/qcow2_private.h"
#include "lib/bigend.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"

#define GROW_BYTES	(1ULL << 20)	/* of a file, at once */

static void
destroy(struct qcow2 *q)
{
	if (q == NULL)
		return;
	meta_fini(q);
	free(q->l1);
	free(q->table);
	free(q->plain);
	free(q->packed);
	free(q);
}
OWN_DEFINE(struct qcow2, destroy);

static int
examine(struct qcow2 *q, struct err *e)
{
	struct stat st;
	off_t end;

	if (fstat(q->fd, &st) == -1 || (end = lseek(q->fd, 0, SEEK_END)) == -1)
		return err_sys(e, "qcow2: size of the file");
	q->grows = S_ISREG(st.st_mode);
	q->file_size = (uint64_t)end;
	q->fresh = clusters_of(q, q->file_size) << q->bits;
	return 0;
}

/* n numbers at offset, in the host's byte order. */
static int
load(struct qcow2 *q, uint64_t **ret, uint64_t n, uint64_t offset)
{
	uint64_t *t = malloc(MAX(n, 1) * sizeof(*t));

	if (t == NULL)
		return -1;
	if (qcow2_pread(q->fd, t, n * sizeof(*t), offset) == -1) {
		free(t);
		return -1;
	}
	for (uint64_t i = 0; i < n; i++)
		t[i] = bigend64(t[i]);
	*ret = t;
	return 0;
}

static int
load_tables(struct qcow2 *q, struct err *e)
{
	const struct qcow2_header *h = &q->header;
	uint64_t l2_bytes = 1ULL << (2 * q->bits - 3);

	q->l1_used = (uint32_t)(h->size / l2_bytes +
	    (h->size % l2_bytes != 0));
	if (h->l1_offset + q->l1_used * 8ULL > q->file_size)
		return err_set(e, EINVAL,
		    "qcow2: the file ends before its L1 table");
	if (load(q, &q->l1, q->l1_used, h->l1_offset) == -1)
		return err_sys(e, "qcow2: L1 table");
	if (!q->writable)
		return 0;
	q->table_len = ((uint64_t)h->table_clusters << q->bits) / 8;
	if (load(q, &q->table, q->table_len, h->table_offset) == -1)
		return err_sys(e, "qcow2: refcount table");
	return 0;
}

static int
check_writable(const struct qcow2_header *h, struct err *e)
{
	if (h->incompatible & QCOW2_CORRUPT)
		return err_set(e, EIO, "qcow2: it is marked corrupt and can "
		    "only be read; qemu-img check -r all may repair it");
	return 0;
}

int
qcow2_open(struct qcow2 **ret, int fd, bool writable, struct err *e)
{
	OWN(destroy) struct qcow2 *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return err_sys(e, "qcow2");
	q->fd = fd;
	q->writable = writable;
	if (qcow2_peek(&q->header, fd, e) == -1 ||
	    (writable && check_writable(&q->header, e) == -1))
		return -1;
	q->bits = q->header.cluster_bits;
	q->cluster = 1ULL << q->bits;
	meta_init(q);
	if (examine(q, e) == -1 || load_tables(q, e) == -1)
		return -1;
	if (writable && q->header.incompatible & QCOW2_DIRTY &&
	    qcow2_repair(q, e) == -1)
		return err_prefix(e, "qcow2: it was not closed");
	*ret = take(&q);
	return 0;
}

const struct qcow2_header *
qcow2_header(const struct qcow2 *q)
{
	return &q->header;
}

uint64_t
qcow2_file_size(const struct qcow2 *q)
{
	return q->file_size;
}

/* --- marks in the header ------------------------------------------------- */

static int
write_incompatible(struct qcow2 *q, uint64_t bits)
{
	uint8_t b[8];

	put64(b, bits);
	if (qcow2_pwrite(q->fd, b, sizeof(b), HEADER_INCOMPATIBLE) == -1 ||
	    os_datasync(q->fd) == -1)
		return -1;
	q->header.incompatible = bits;
	return 0;
}

int
qcow2_broken(struct qcow2 *q, const char *what)
{
	log_debug("qcow2: %s is wrong", what);
	if (q->writable && !q->corrupt && q->header.version >= 3)
		(void)write_incompatible(q,
		    q->header.incompatible | QCOW2_CORRUPT);
	q->corrupt = true;
	errno = EIO;
	return -1;
}

int
qcow2_change(struct qcow2 *q)
{
	static const uint8_t none[8];

	if (q->corrupt) {
		errno = EIO;
		return -1;
	}
	if (q->dirty)
		return 0;
	/* Bitmaps, and what else we do not keep up to date. */
	if (q->header.autoclear != 0 && qcow2_pwrite(q->fd, none,
	    sizeof(none), HEADER_AUTOCLEAR) == -1)
		return -1;
	q->header.autoclear = 0;
	if (q->header.version >= 3 && write_incompatible(q,
	    q->header.incompatible | QCOW2_DIRTY) == -1)
		return -1;
	q->dirty = true;
	return 0;
}

static int
finish(struct qcow2 *q)
{
	if (!q->writable)
		return 0;
	if (os_datasync(q->fd) == -1)
		return -1;
	if (!q->dirty || q->corrupt)
		return 0;
	refcount_settle(q);
	q->freeing = q->freed;
	q->freed.n = 0;
	refcount_settle(q);
	if (q->grows && q->fresh < q->file_size &&
	    ftruncate(q->fd, (off_t)q->fresh) == -1)
		return -1;
	if (os_datasync(q->fd) == -1)
		return -1;
	if (q->corrupt || q->header.version < 3)
		return 0;
	return write_incompatible(q, q->header.incompatible & ~QCOW2_DIRTY);
}

int
qcow2_close(struct qcow2 *q, struct err *e)
{
	int r;

	if (q == NULL)
		return 0;
	r = finish(q);
	if (r == -1)
		(void)err_sys(e, "qcow2: close");
	destroy(q);
	return r;
}

/* --- the file ------------------------------------------------------------ */

static bool
crosses(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen;
}

bool
qcow2_overlaps(const struct qcow2 *q, uint64_t offset, uint64_t len)
{
	const struct qcow2_header *h = &q->header;

	return offset < q->cluster ||
	    crosses(offset, len, h->l1_offset, h->l1_len * 8ULL) ||
	    crosses(offset, len, h->table_offset,
	    (uint64_t)h->table_clusters << q->bits) ||
	    (h->nsnapshots != 0 && crosses(offset, len, h->snapshots_offset,
	    q->cluster));
}

int
qcow2_may_write(struct qcow2 *q, uint64_t host, uint64_t len)
{
	if (q->corrupt) {
		errno = EIO;
		return -1;
	}
	if (qcow2_overlaps(q, host, len))
		return qcow2_broken(q, "data in a table");
	return qcow2_grow(q, host + len);
}

int
qcow2_grow(struct qcow2 *q, uint64_t end)
{
	uint64_t to;

	if (end <= q->file_size)
		return 0;
	if (!q->grows) {
		errno = ENOSPC;
		return -1;
	}
	to = (end + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
	if (ftruncate(q->fd, (off_t)to) == -1)
		return -1;
	q->file_size = to;
	return 0;
}

void
qcow2_sync_begun(struct qcow2 *q)
{
	if (q->syncing)
		return;
	q->syncing = true;
	q->unsynced = false;
	if (q->freeing.n != 0)
		return;		/* of one that failed */
	q->freeing = q->freed;
	q->freed.n = 0;
}

void
qcow2_sync_ended(struct qcow2 *q, bool good)
{
	q->syncing = false;
	if (good)
		refcount_settle(q);
	else
		q->unsynced = true;
}

bool
qcow2_unsynced(const struct qcow2 *q)
{
	return q->unsynced || q->syncing;
}
