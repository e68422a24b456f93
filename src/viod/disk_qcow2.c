/* SPDX-License-Identifier: ISC */
/*
 * disk_qcow2.c - qcow2 images that nobody waits for; see disk.h
 *
 * A request that lies in one piece in a file is passed on as it is.  Others
 * become a job: it walks along its range and starts a part for each piece.
 * Data moves without waiting; tables, which are small and mostly in memory,
 * are read and written at once, and so is what must be copied from below
 * around a write to a cluster that is not there yet.
 *
 * A write to such clusters takes room, writes, and when that is done links
 * them.  Until then another write to the same clusters waits.  What had to be
 * copied is made durable before: a host that loses power with the link and
 * without the copy would have lost what was flushed long ago.  One sync is for
 * all copies that wait for one.  Discards and
 * write-zeroes change places under everybody: they run alone.  Those that
 * wait stand in one line; reads pass it unless somebody wants to be alone.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "lib/log.h"
#include "lib/util.h"
#include "virtio/virtq.h"
#include "viod/disk.h"

#define IOV_MAX_PART	(VIRTQ_IOV_MAX + 2)	/* a request's, two edges */
#define EDGES_MAX	(16U << 20)	/* bytes around writes, all together */
#define ZERO_CHUNK	(64U << 10)

struct qdisk;

/* One file of the chain. */
struct level {
	struct qdisk	*disk;
	struct image	*im;
	struct aio	*aio;
	unsigned	 inflight;
	bool		 queued;	/* since the last kick */
};

struct job {
	struct aio_req	*user;
	enum aio_op	 op;
	uint64_t	 start, at, end;	/* bytes of the disk */
	unsigned	 pending;	/* parts, and 1 while it walks */
	bool		 running;	/* counted as such */
	int		 error;
	struct job	*next;		/* in the line, or free */
};

/* A piece of a job: one transfer. */
struct part {
	struct aio_req		 aio;
	struct job		*job;
	struct qcow2_alloc	 alloc;		/* len 0: none */
	struct image_edges	 edges;
	struct iovec		 iov[IOV_MAX_PART];
	struct part		*next;		/* allocating, or free */
	struct part		*copy;		/* the next that has copies */
};

struct qdisk {
	struct disk		 disk;		/* first */
	struct aio_setup	 setup;		/* whom to tell */
	struct qcow2		*qcow2;		/* of the first level */
	uint64_t		 cluster;	/* its, bytes */
	struct level		 level[IMAGE_CHAIN_MAX];
	unsigned		 nlevels;
	unsigned		 running;	/* requests begun, not done */
	struct job		*first;		/* the line */
	struct job		**last;
	unsigned		 alone;		/* of them: want to be alone */
	bool			 going;		/* go_on() is at work */
	struct part		*allocating;
	struct part		*copies;	/* written, not durable */
	struct part		*syncing;	/* of them: a sync is under
						   way, which is the first's */
	uint64_t		 edges;		/* bytes of them */
	struct job		*free_jobs;
	struct part		*free_parts;
};

/* --- jobs and parts ------------------------------------------------------ */

static struct job *
get_job(struct qdisk *d, struct aio_req *r)
{
	struct job *j = d->free_jobs;

	if (j != NULL)
		d->free_jobs = j->next;
	else if ((j = malloc(sizeof(*j))) == NULL)
		fatal("qcow2: a request");
	*j = (struct job){ .user = r, .op = r->op, .start = r->offset,
	    .at = r->offset, .end = r->offset + r->len, .pending = 1 };
	return j;
}

static struct part *
get_part(struct qdisk *d, struct job *j, enum aio_op op)
{
	struct part *p = d->free_parts;

	if (p != NULL)
		d->free_parts = p->next;
	else if ((p = malloc(sizeof(*p))) == NULL)
		fatal("qcow2: a request");
	p->aio = (struct aio_req){ .op = op, .iov = p->iov, .owner = p };
	p->job = j;
	p->alloc.len = 0;
	p->edges = (struct image_edges){ .bytes = NULL };
	j->pending++;
	return p;
}

static void
put_part(struct qdisk *d, struct part *p)
{
	d->edges -= p->edges.head + p->edges.tail;
	free(p->edges.bytes);
	p->next = d->free_parts;
	d->free_parts = p;
}

static bool
is_alone(const struct job *j)
{
	return j->op == AIO_PUNCH || j->op == AIO_ZERO;
}

/* Room for n more bytes of iovec: the pieces of [from, from + n) of a job. */
static void
slice(struct part *p, const struct job *j, uint64_t from, uint64_t n)
{
	const struct iovec *v = j->user->iov;
	uint64_t skip = from - j->start;
	size_t part;

	for (; skip >= v->iov_len; v++)
		skip -= v->iov_len;
	for (p->aio.len += n; n > 0; v++, n -= part, skip = 0) {
		part = MIN(v->iov_len - skip, n);
		p->iov[p->aio.niov++] = (struct iovec){
		    (char *)v->iov_base + skip, part };
	}
}

/* Put bytes (or zeroes: NULL) into [from, from + n) of a reading request. */
static void
put_bytes(const struct aio_req *r, uint64_t from, const uint8_t *bytes,
    uint64_t n)
{
	const struct iovec *v = r->iov;
	size_t part;

	for (; from >= v->iov_len; v++)
		from -= v->iov_len;
	for (; n > 0; v++, n -= part, from = 0) {
		part = MIN(v->iov_len - from, n);
		if (bytes == NULL) {
			memset((char *)v->iov_base + from, 0, part);
			continue;
		}
		memcpy((char *)v->iov_base + from, bytes, part);
		bytes += part;
	}
}

static void
queue(struct level *l, struct aio_req *r)
{
	l->inflight++;
	l->queued = true;
	aio_queue(l->aio, r);
}

/* --- the end of jobs ----------------------------------------------------- */

static void	go_on(struct qdisk *);

static void
tell(struct qdisk *d, struct aio_req *r, int error)
{
	r->error = error;
	d->setup.done(d->setup.arg, r);
}

static void
start_sync(struct qdisk *d, struct job *j)
{
	struct part *p = get_part(d, j, AIO_SYNC);

	qcow2_sync_begun(d->qcow2);
	queue(&d->level[0], &p->aio);
}

/* One part of it less; the last ends it. */
static void
job_done(struct qdisk *d, struct job *j, int error)
{
	struct aio_req *r = j->user;

	if (j->error == 0)
		j->error = error;
	if (--j->pending > 0)
		return;
	if (j->op == AIO_WRITE_SYNC && j->error == 0) {
		j->op = AIO_SYNC;
		start_sync(d, j);
		return;
	}
	d->running--;
	error = j->error;
	j->next = d->free_jobs;
	d->free_jobs = j;
	tell(d, r, error);
}

static void
end_alloc(struct qdisk *d, struct part *p)
{
	struct part **q = &d->allocating;

	while (*q != p)
		q = &(*q)->next;
	*q = p->next;
	if (p->aio.error != 0)
		qcow2_unalloc(d->qcow2, &p->alloc);
	else if (qcow2_link(d->qcow2, &p->alloc) == -1)
		p->aio.error = errno;
}

/* One sync for all copies that were written by now. */
static void
sync_copies(struct qdisk *d)
{
	struct part *p = d->copies;

	if (p == NULL || d->syncing != NULL)
		return;
	d->syncing = p;
	d->copies = NULL;
	p->aio.op = AIO_SYNC;
	p->aio.len = 0;
	queue(&d->level[0], &p->aio);
}

static void
part_end(struct qdisk *d, struct part *p)
{
	struct job *j = p->job;
	int error;

	if (p->alloc.len != 0)
		end_alloc(d, p);
	else if (p->aio.op == AIO_SYNC)
		qcow2_sync_ended(d->qcow2, p->aio.error == 0);
	error = p->aio.error;
	put_part(d, p);
	job_done(d, j, error);
}

static void
copies_synced(struct qdisk *d)
{
	struct part *p = d->syncing, *next;
	int error = p->aio.error;

	d->syncing = NULL;
	for (; p != NULL; p = next) {
		next = p->copy;
		p->aio.error = error;
		part_end(d, p);
	}
	sync_copies(d);
}

static void
part_done(struct qdisk *d, struct part *p)
{
	if (p == d->syncing) {
		copies_synced(d);
	} else if (p->edges.bytes != NULL && p->aio.error == 0) {
		p->copy = d->copies;
		d->copies = p;
		sync_copies(d);
	} else
		part_end(d, p);
}

static void
on_done(void *arg, struct aio_req *r)
{
	struct level *l = arg;
	struct qdisk *d = l->disk;

	l->inflight--;
	if (r->owner != NULL)
		part_done(d, r->owner);
	else {
		d->running--;
		d->setup.done(d->setup.arg, r);
	}
	if (d->first != NULL)
		go_on(d);
}

/* --- reading ------------------------------------------------------------- */

/* Where a disk's bytes are: in a file, or at hand. */
struct place {
	struct level	*level;		/* NULL: zeroes, or 'bytes' */
	uint64_t	 host;
	const uint8_t	*bytes;
	uint64_t	 len;
};

/* What a qcow2 file says.  1: look below; -1 with errno. */
static int
find_here(struct level *l, uint64_t offset, struct place *ret)
{
	struct qcow2 *q = l->im->qcow2;
	uint64_t size = qcow2_file_size(q);
	struct qcow2_extent x;

	if (qcow2_map(q, offset, ret->len, &x) == -1)
		return -1;
	ret->len = x.len;
	switch (x.kind) {
	case QCOW2_HOLE:
		return 1;
	case QCOW2_ZERO:
		return 0;
	case QCOW2_COMPRESSED:
		ret->bytes = qcow2_uncompress(q, &x);
		if (ret->bytes == NULL)
			return -1;
		ret->bytes += offset &
		    ((1ULL << qcow2_header(q)->cluster_bits) - 1);
		return 0;
	case QCOW2_DATA:
		break;
	}
	/* A file may end in the middle of its last cluster. */
	if (x.host >= size)
		return 0;
	ret->len = MIN(ret->len, size - x.host);
	ret->level = l;
	ret->host = x.host;
	return 0;
}

/* The first piece of [offset, +len), through all levels. */
static int
find(struct qdisk *d, uint64_t offset, uint64_t len, struct place *ret)
{
	struct level *l = d->level;
	int r;

	*ret = (struct place){ .len = len };
	for (; l < d->level + d->nlevels; l++) {
		if (offset >= l->im->size)
			return 0;
		ret->len = MIN(ret->len, l->im->size - offset);
		if (l->im->qcow2 == NULL) {
			ret->level = l;
			ret->host = offset;
			return 0;
		}
		r = find_here(l, offset, ret);
		if (r != 1)
			return r;
	}
	return 0;
}

/* True: it needed no job. */
static bool
read_direct(struct qdisk *d, struct aio_req *r)
{
	struct place p;

	if (find(d, r->offset, r->len, &p) == -1 || p.len != r->len)
		return false;
	d->running++;
	if (p.level != NULL) {
		r->offset = p.host;
		queue(p.level, r);
		return true;
	}
	put_bytes(r, 0, p.bytes, r->len);
	d->running--;
	tell(d, r, 0);
	return true;
}

static bool
walk_read(struct qdisk *d, struct job *j)
{
	struct place pl;
	struct part *p;

	for (; j->at < j->end; j->at += pl.len) {
		if (find(d, j->at, j->end - j->at, &pl) == -1) {
			j->error = errno;
			break;
		}
		if (pl.level == NULL) {
			put_bytes(j->user, j->at - j->start, pl.bytes,
			    pl.len);
			continue;
		}
		p = get_part(d, j, AIO_READ);
		slice(p, j, j->at, pl.len);
		p->aio.offset = pl.host;
		queue(pl.level, &p->aio);
	}
	return true;
}

/* --- writing ------------------------------------------------------------- */

/* True: it lies in one piece that is there, and needed no job. */
static bool
write_direct(struct qdisk *d, struct aio_req *r)
{
	struct qcow2_extent x;

	if (r->op == AIO_WRITE_SYNC && qcow2_unsynced(d->qcow2))
		return false;
	if (qcow2_map(d->qcow2, r->offset, r->len, &x) == -1 ||
	    x.kind != QCOW2_DATA || !x.owned || x.len != r->len ||
	    qcow2_may_write(d->qcow2, x.host, x.len) == -1)
		return false;
	d->running++;
	r->offset = x.host;
	queue(&d->level[0], r);
	return true;
}

/* Of [offset, +len), how much is before clusters that are being made? */
static uint64_t
until_busy(const struct qdisk *d, uint64_t offset, uint64_t len)
{
	uint64_t start = offset & ~(d->cluster - 1), guest;

	for (const struct part *p = d->allocating; p != NULL; p = p->next) {
		guest = p->alloc.guest;
		if (guest + p->alloc.len <= start || guest >= offset + len)
			continue;
		if (guest <= offset)
			return 0;
		len = guest - offset;
	}
	return len;
}

static int
write_in_place(struct qdisk *d, struct job *j, const struct qcow2_extent *x)
{
	struct part *p;

	if (qcow2_may_write(d->qcow2, x->host, x->len) == -1)
		return -1;
	p = get_part(d, j, AIO_WRITE);
	slice(p, j, j->at, x->len);
	p->aio.offset = x->host;
	queue(&d->level[0], &p->aio);
	return 0;
}

static int
take_room(struct qdisk *d, struct part *p, uint64_t offset, uint64_t len)
{
	uint64_t in = offset & (d->cluster - 1), all = in + len;
	struct image *im = d->level[0].im;

	all = (all + d->cluster - 1) & ~(d->cluster - 1);
	if (qcow2_alloc(d->qcow2, offset - in, all, &p->alloc) == -1)
		return -1;
	len = MIN(len, p->alloc.len - in);
	if (image_edges(im, &p->alloc, offset, len, &p->edges) == -1) {
		qcow2_unalloc(d->qcow2, &p->alloc);
		p->alloc.len = 0;
		return -1;
	}
	d->edges += p->edges.head + p->edges.tail;
	return 0;
}

/* To clusters that are not there yet; *len: bytes of the job it took. */
static int
write_new(struct qdisk *d, struct job *j, uint64_t *len)
{
	struct part *p = get_part(d, j, AIO_WRITE);
	uint64_t in = j->at & (d->cluster - 1);
	struct image_edges *g = &p->edges;
	int error;

	if (take_room(d, p, j->at, *len) == -1) {
		error = errno;
		put_part(d, p);
		j->pending--;
		errno = error;
		return -1;
	}
	*len = MIN(*len, p->alloc.len - in);
	p->aio.offset = p->alloc.host + in - g->head;
	if (g->head > 0)
		p->iov[p->aio.niov++] = (struct iovec){ g->bytes, g->head };
	p->aio.len = g->head + g->tail;
	slice(p, j, j->at, *len);
	if (g->tail > 0)
		p->iov[p->aio.niov++] = (struct iovec){ g->bytes + g->head,
		    g->tail };
	p->next = d->allocating;
	d->allocating = p;
	queue(&d->level[0], &p->aio);
	return 0;
}

/* False: it must wait for others; it goes on from where it is. */
static bool
walk_write(struct qdisk *d, struct job *j)
{
	struct qcow2_extent x;
	uint64_t len;

	for (; j->at < j->end; j->at += len) {
		if (qcow2_map(d->qcow2, j->at, j->end - j->at, &x) == -1)
			break;
		len = x.len;
		if (x.kind == QCOW2_DATA && x.owned) {
			if (write_in_place(d, j, &x) == -1)
				break;
			continue;
		}
		len = until_busy(d, j->at, len);
		if (len == 0 || (d->edges > EDGES_MAX))
			return false;
		if (write_new(d, j, &len) == -1)
			break;
	}
	if (j->at < j->end)
		j->error = errno;
	return true;
}

/* --- zeroes -------------------------------------------------------------- */

static int
write_zeroes(struct qdisk *d, uint64_t offset, uint64_t len)
{
	static const uint8_t zeroes[ZERO_CHUNK];
	struct image *im = d->level[0].im;
	uint64_t n;

	for (; len > 0; offset += n, len -= n) {
		n = MIN(len, sizeof(zeroes));
		if (!image_zeroes(im, offset, n) &&
		    image_write(im, offset, zeroes, n) == -1)
			return -1;
	}
	return 0;
}

/* Alone: whole clusters in the tables, and bytes at both ends. */
static bool
walk_zero(struct qdisk *d, struct job *j)
{
	uint64_t mask = d->cluster - 1;
	uint64_t a = (j->at + mask) & ~mask, b = j->end & ~mask;

	if (j->end == d->disk.info.size)
		b = j->end;
	if (a >= b)
		a = b = j->end;
	else if (qcow2_zero(d->qcow2, a, b - a, j->op == AIO_PUNCH) == -1) {
		if (errno != EOPNOTSUPP) {
			j->error = errno;
			return true;
		}
		a = b = j->end;
	}
	if (write_zeroes(d, j->at, a - j->at) == -1 ||
	    write_zeroes(d, b, j->end - b) == -1)
		j->error = errno;
	return true;
}

static bool
walk_sync(struct qdisk *d, struct job *j)
{
	start_sync(d, j);
	return true;
}

/* --- the line ------------------------------------------------------------ */

static bool (*const walks[])(struct qdisk *, struct job *) = {
	[AIO_READ]		= walk_read,
	[AIO_WRITE]		= walk_write,
	[AIO_WRITE_SYNC]	= walk_write,
	[AIO_SYNC]		= walk_sync,
	[AIO_PUNCH]		= walk_zero,
	[AIO_ZERO]		= walk_zero,
};

/* Begin or go on with a job.  False: it has to wait. */
static bool
walk(struct qdisk *d, struct job *j)
{
	if (!j->running)
		d->running++;
	j->running = true;
	if (!walks[j->op](d, j))
		return false;
	job_done(d, j, 0);
	return true;
}

/* Those in the line that can go on do. */
static void
go_on(struct qdisk *d)
{
	struct job *j;

	if (d->going)
		return;
	d->going = true;
	while ((j = d->first) != NULL) {
		if (is_alone(j) && d->running > 0)
			break;
		d->first = j->next;
		if (d->first == NULL)
			d->last = &d->first;
		d->alone -= is_alone(j);
		if (walk(d, j))
			continue;
		j->next = d->first;
		if (d->first == NULL)
			d->last = &j->next;
		d->first = j;
		break;
	}
	d->going = false;
}

static void
stand_in_line(struct qdisk *d, struct job *j)
{
	j->next = NULL;
	*d->last = j;
	d->last = &j->next;
	d->alone += is_alone(j);
}

static void
qcow2_queue(struct disk *disk, struct aio_req *r)
{
	struct qdisk *d = (struct qdisk *)disk;
	bool in_line = d->first != NULL;

	r->owner = NULL;
	if (r->op == AIO_SYNC)
		in_line = false;
	else if (r->op == AIO_READ) {
		in_line = d->alone > 0;
		if (!in_line && read_direct(d, r))
			return;
	} else if (r->op == AIO_PUNCH || r->op == AIO_ZERO)
		in_line = true;
	else if (!in_line && write_direct(d, r))
		return;
	if (!in_line) {
		struct job *j = get_job(d, r);

		if (walk(d, j))
			return;
		stand_in_line(d, j);
	} else
		stand_in_line(d, get_job(d, r));
	go_on(d);
}

/* Start what was queued; what is done at once may queue more. */
static void
qcow2_kick(struct disk *disk)
{
	struct qdisk *d = (struct qdisk *)disk;

	for (unsigned i = 0; i < d->nlevels; i++)
		while (d->level[i].queued) {
			d->level[i].queued = false;
			aio_kick(d->level[i].aio);
			i = 0;
		}
}

static void
on_batch(void *arg)
{
	struct level *l = arg;

	qcow2_kick(&l->disk->disk);
	l->disk->setup.batch(l->disk->setup.arg);
}

static void
qcow2_wait(struct disk *disk)
{
	struct qdisk *d = (struct qdisk *)disk;

	qcow2_kick(disk);
	for (unsigned i = 0; i < d->nlevels; i++)
		if (d->level[i].inflight > 0) {
			aio_wait(d->level[i].aio);
			break;
		}
	qcow2_kick(disk);
}

/* --- open and close ------------------------------------------------------ */

static void
qcow2_disk_close(struct disk *disk)
{
	struct qdisk *d = (struct qdisk *)disk;
	struct err e;
	struct job *j;
	struct part *p;

	for (unsigned i = 0; i < d->nlevels; i++)
		aio_destroy(d->level[i].aio);
	if (d->level[0].im != NULL &&
	    image_close(d->level[0].im, &e) == -1)
		log_err(&e, "the disk stays marked as in use");
	while ((j = d->free_jobs) != NULL) {
		d->free_jobs = j->next;
		free(j);
	}
	while ((p = d->free_parts) != NULL) {
		d->free_parts = p->next;
		free(p);
	}
	free(d);
}

static const struct disk_class qcow2 = {
	.close	= qcow2_disk_close,
	.queue	= qcow2_queue,
	.kick	= qcow2_kick,
	.wait	= qcow2_wait,
};

/* An engine for each file. */
static int
start_levels(struct qdisk *d, struct image *im, const struct disk_options *o,
    struct err *e)
{
	struct aio_setup mine = d->setup;
	struct level *l;

	mine.done = on_done;
	mine.batch = on_batch;
	for (; im != NULL; im = im->backing) {
		l = &d->level[d->nlevels];
		l->disk = d;
		l->im = im;
		mine.fd = im->fd;
		mine.arg = l;
		if (aio_new(&l->aio, &mine, o->engine, e) == -1)
			return -1;
		d->nlevels++;
	}
	return 0;
}

int
disk_qcow2_open(struct disk **ret, const struct aio_setup *setup,
    const struct disk_options *o, struct err *e)
{
	OWN(disk_close) struct disk *disk = NULL;
	struct qdisk *d = calloc(1, sizeof(*d));
	const struct qcow2_header *h;

	if (d == NULL)
		return err_sys(e, "disk");
	disk = &d->disk;
	disk->class = &qcow2;
	d->setup = *setup;
	d->last = &d->first;
	if (image_open(&d->level[0].im, &o->files, !o->readonly, e) == -1 ||
	    start_levels(d, d->level[0].im, o, e) == -1)
		return -1;
	disk->aio = d->level[0].aio;
	d->qcow2 = d->level[0].im->qcow2;
	h = qcow2_header(d->qcow2);
	d->cluster = 1ULL << h->cluster_bits;
	disk->info.size = d->level[0].im->size;
	disk->info.readonly = o->readonly;
	disk->info.punch = !o->readonly &&
	    (h->version > 2 || h->backing[0] == '\0');
	if (disk->info.size < IMAGE_SECTOR)
		return err_set(e, EINVAL, "disk of %llu bytes is too small",
		    (unsigned long long)disk->info.size);
	*ret = take(&disk);
	return 0;
}
