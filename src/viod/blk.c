/* SPDX-License-Identifier: ISC */
/*
 * blk.c - virtio block device (virtio 1.2, section 5.2)
 *
 * A request is popped, checked, queued for the disk and answered when the
 * disk has done it, in whatever order that is.  All requests that wait when
 * a queue is looked at are started together, and all that are done when the
 * disk is looked at are shown to the guest with one interrupt.
 *
 * Flush: a write is acknowledged when the disk has done it, so a flush that
 * is started later covers it.  A driver that cannot flush, or asked for
 * write-through, gets every write made durable before it is acknowledged.
 *
 * Limits: nothing is popped while a bucket is in debt.
 *
 * Process: viod.  Sandbox: the disk's descriptor, guest memory.
 * Needs: what the engine of aio.h needs.
 */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "lib/util.h"
#include "lib/written.h"
#include "os/os.h"
#include "viod/blk.h"
#include "viod/disk.h"
#include "viod/limit.h"

#define SECTOR		VIRTIO_BLK_SECTOR
#define SEG_MAX		126	/* data pieces of a request */
#define RANGES_MAX	16	/* of a discard or write-zeroes request */
#define BATCH_BYTES	(512U << 10)	/* copied before the guest is told */
#define ROUNDS_MAX	16	/* of one queue before others have a turn */
#define RANGE_SECTORS	(1U << 22)	/* of one range: 2 GiB */

_Static_assert(SEG_MAX + 2 <= VIRTQ_IOV_MAX, "header and status fit");

struct blk_req {
	struct aio_req		 aio;
	unsigned		 queue;
	uint8_t			*status;	/* in guest memory */
	uint32_t		 written;	/* bytes, if it goes well */
	uint64_t		 at, len;	/* bytes of the disk */
	unsigned		 nranges;	/* still to be done */
	struct virtio_blk_range	*range;		/* the next, or NULL */
	struct virtio_blk_range	 ranges[RANGES_MAX];
	struct blk_req		*next;		/* when free */
	struct virtq_chain	 chain;		/* last: large */
};

struct blk {
	struct viod		 viod;		/* first: we are handed it */
	struct disk		*disk;
	struct blk_req		*free;		/* used last, used first */
	unsigned		 inflight;	/* requests the disk has */
	uint64_t		 batch_bytes;	/* started since a kick */
	uint32_t		 answered;	/* queues to flush, bits */
	struct limit		 bytes;
	struct limit		 ops;
	bool			 limited;	/* there is a limit */
	struct event_timer	 timer;		/* limits let us go on */
	struct {				/* of requests that went well */
		uint64_t	 ops;
		uint64_t	 bytes;
	}			 reads, writes;
	struct written		 written;
	struct virtio_blk_config config;
	char			 serial[VIRTIO_BLK_ID_BYTES];
};

/* --- requests that are free ---------------------------------------------- */

static struct blk_req *
get_req(struct blk *b)
{
	struct blk_req *r = b->free;

	if (r != NULL)
		b->free = r->next;
	else if ((r = malloc(sizeof(*r))) == NULL)
		fatal("blk: a request");
	return r;
}

static void
put_req(struct blk *b, struct blk_req *r)
{
	r->next = b->free;
	b->free = r;
}

/* --- answers ------------------------------------------------------------- */

static void
answer(struct blk *b, struct blk_req *r, uint8_t status)
{
	*r->status = status;
	viod_push(&b->viod, r->queue, r->chain.head,
	    status == VIRTIO_BLK_S_OK ? r->written : 1);
	b->answered |= 1U << r->queue;
	put_req(b, r);
}

/* Show the guests' drivers what was answered. */
static void
flush(struct blk *b)
{
	for (unsigned n = 0; b->answered != 0; n++) {
		if (b->answered & (1U << n))
			viod_flush(&b->viod, n);
		b->answered &= ~(1U << n);
	}
}

static void
start(struct blk *b, struct blk_req *r, enum aio_op op)
{
	r->aio.op = op;
	r->at = r->aio.offset;
	r->len = r->aio.len;
	b->inflight++;
	b->batch_bytes += op == AIO_SYNC ? 0 : r->aio.len;
	disk_queue(b->disk, &r->aio);
}

static void
start_range(struct blk *b, struct blk_req *r)
{
	const struct virtio_blk_range *range = r->range++;
	bool punch = r->aio.op == AIO_PUNCH ||
	    (range->flags & VIRTIO_BLK_WRITE_ZEROES_F_UNMAP) != 0;

	r->nranges--;
	r->aio.offset = range->sector * SECTOR;
	r->aio.len = (uint64_t)range->nsectors * SECTOR;
	start(b, r, punch && disk_info(b->disk)->punch ? AIO_PUNCH : AIO_ZERO);
}

/* Write-through: zeroes and discarded blocks are written, too. */
static bool
wants_sync(const struct blk *b, const struct aio_req *aio)
{
	return !b->config.writeback &&
	    (aio->op == AIO_PUNCH || aio->op == AIO_ZERO);
}

/* A request went well. */
static void
count(struct blk *b, const struct blk_req *r)
{
	if (r->aio.op == AIO_READ) {
		b->reads.ops++;
		b->reads.bytes += r->chain.in_len - 1;
	} else if (r->aio.op == AIO_WRITE || r->aio.op == AIO_WRITE_SYNC) {
		b->writes.ops++;
		b->writes.bytes += r->chain.out_len -
		    sizeof(struct virtio_blk_req);
	}
}

/*
 * Before the guest hears of it, and whether it went well or not.  What cannot
 * be marked did not go well.
 */
static void
mark(struct blk *b, struct blk_req *r)
{
	if (r->aio.op != AIO_READ && r->aio.op != AIO_SYNC &&
	    written_mark(&b->written, r->at, r->len) == -1 &&
	    r->aio.error == 0)
		r->aio.error = errno;
}

static void
on_done(void *arg, struct aio_req *aio)
{
	struct blk *b = arg;
	struct blk_req *r = CONTAINER_OF(aio, struct blk_req, aio);

	b->inflight--;
	mark(b, r);
	if (aio->error != 0) {
		log_limited(&b->viod.complaints, "blk: offset %llu: %s",
		    (unsigned long long)aio->offset, strerror(aio->error));
		answer(b, r, VIRTIO_BLK_S_IOERR);
	} else if (r->nranges > 0)
		start_range(b, r);
	else if (wants_sync(b, aio))
		start(b, r, AIO_SYNC);
	else {
		count(b, r);
		answer(b, r, VIRTIO_BLK_S_OK);
	}
}

static void
on_batch(void *arg)
{
	flush(arg);
}

/* --- requests ------------------------------------------------------------ */

/* Is [sector, +len bytes) on the disk, and whole sectors? */
static bool
on_disk(const struct blk *b, uint64_t sector, uint64_t len)
{
	uint64_t capacity = b->config.capacity;

	return len % SECTOR == 0 && sector <= capacity &&
	    len / SECTOR <= capacity - sector;
}

/* Leave the first 'skip' and the last 'cut' bytes of the pieces away. */
static void
trim(struct aio_req *aio, struct iovec *iov, unsigned n, size_t skip,
    size_t cut)
{
	size_t part;

	while (skip > 0 && n > 0) {
		part = MIN(skip, iov->iov_len);
		iov->iov_base = (char *)iov->iov_base + part;
		iov->iov_len -= part;
		skip -= part;
		if (iov->iov_len == 0) {
			iov++;
			n--;
		}
	}
	while (cut > 0 && n > 0) {
		part = MIN(cut, iov[n - 1].iov_len);
		iov[n - 1].iov_len -= part;
		cut -= part;
		if (iov[n - 1].iov_len == 0)
			n--;
	}
	aio->iov = iov;
	aio->niov = n;
}

typedef void request_fn(struct blk *, struct blk_req *, uint64_t sector);

static void
req_read(struct blk *b, struct blk_req *r, uint64_t sector)
{
	struct virtq_chain *c = &r->chain;

	r->aio.len = c->in_len - 1;
	if (!on_disk(b, sector, r->aio.len)) {
		answer(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (r->aio.len == 0) {
		answer(b, r, VIRTIO_BLK_S_OK);
		return;
	}
	trim(&r->aio, c->iov + c->nout, c->nin, 0, 1);
	r->aio.offset = sector * SECTOR;
	r->written = (uint32_t)c->in_len;
	limit_take(&b->bytes, r->aio.len);
	start(b, r, AIO_READ);
}

static void
req_write(struct blk *b, struct blk_req *r, uint64_t sector)
{
	struct virtq_chain *c = &r->chain;

	r->aio.len = c->out_len - sizeof(struct virtio_blk_req);
	if (disk_info(b->disk)->readonly || !on_disk(b, sector, r->aio.len)) {
		answer(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (r->aio.len == 0) {
		answer(b, r, VIRTIO_BLK_S_OK);
		return;
	}
	trim(&r->aio, c->iov, c->nout, sizeof(struct virtio_blk_req), 0);
	r->aio.offset = sector * SECTOR;
	limit_take(&b->bytes, r->aio.len);
	start(b, r, b->config.writeback ? AIO_WRITE : AIO_WRITE_SYNC);
}

static void
req_flush(struct blk *b, struct blk_req *r, uint64_t sector)
{
	(void)sector;
	if (disk_info(b->disk)->readonly)
		answer(b, r, VIRTIO_BLK_S_OK);
	else
		start(b, r, AIO_SYNC);
}

static void
req_id(struct blk *b, struct blk_req *r, uint64_t sector)
{
	size_t len = MIN(sizeof(b->serial), r->chain.in_len - 1);

	(void)sector;
	len = virtq_copy_in(&r->chain, 0, b->serial, len);
	r->written = (uint32_t)len + 1;
	answer(b, r, VIRTIO_BLK_S_OK);
}

/* Copy and check the ranges.  The status that is wrong with them, or OK. */
static uint8_t
take_ranges(struct blk *b, struct blk_req *r, uint32_t flags)
{
	size_t len = r->chain.out_len - sizeof(struct virtio_blk_req);

	r->nranges = (unsigned)(len / sizeof(r->ranges[0]));
	if (disk_info(b->disk)->readonly ||
	    len == 0 || len % sizeof(r->ranges[0]) != 0 ||
	    r->nranges > RANGES_MAX)
		return VIRTIO_BLK_S_IOERR;
	(void)virtq_copy_out(&r->chain, sizeof(struct virtio_blk_req),
	    r->ranges, len);
	for (unsigned i = 0; i < r->nranges; i++) {
		const struct virtio_blk_range *g = &r->ranges[i];

		if (g->flags & ~flags)
			return VIRTIO_BLK_S_UNSUPP;
		if (g->nsectors == 0 || g->nsectors > RANGE_SECTORS ||
		    !on_disk(b, g->sector, (uint64_t)g->nsectors * SECTOR))
			return VIRTIO_BLK_S_IOERR;
	}
	r->range = r->ranges;
	return VIRTIO_BLK_S_OK;
}

static void
do_ranges(struct blk *b, struct blk_req *r, uint32_t flags)
{
	uint8_t status = take_ranges(b, r, flags);

	if (status == VIRTIO_BLK_S_OK) {
		start_range(b, r);
		return;
	}
	r->nranges = 0;
	answer(b, r, status);
}

static void
req_discard(struct blk *b, struct blk_req *r, uint64_t sector)
{
	(void)sector;
	if (!viod_has(&b->viod, VIRTIO_BLK_F_DISCARD)) {
		answer(b, r, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	r->aio.op = AIO_PUNCH;
	do_ranges(b, r, 0);
}

static void
req_zeroes(struct blk *b, struct blk_req *r, uint64_t sector)
{
	(void)sector;
	if (!viod_has(&b->viod, VIRTIO_BLK_F_WRITE_ZEROES)) {
		answer(b, r, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	r->aio.op = AIO_ZERO;
	do_ranges(b, r, VIRTIO_BLK_WRITE_ZEROES_F_UNMAP);
}

static request_fn *const requests[] = {
	[VIRTIO_BLK_T_IN]		= req_read,
	[VIRTIO_BLK_T_OUT]		= req_write,
	[VIRTIO_BLK_T_FLUSH]		= req_flush,
	[VIRTIO_BLK_T_GET_ID]		= req_id,
	[VIRTIO_BLK_T_DISCARD]		= req_discard,
	[VIRTIO_BLK_T_WRITE_ZEROES]	= req_zeroes,
};

/* A chain was popped into r: find out what it asks for. */
static void
dispatch(struct blk *b, struct blk_req *r)
{
	const struct virtq_chain *c = &r->chain;
	const struct iovec *last = &c->iov[c->nout + c->nin - 1];
	struct virtio_blk_req head;

	if (virtq_copy_out(c, 0, &head, sizeof(head)) != sizeof(head) ||
	    c->nin == 0) {
		put_req(b, r);
		viod_broken(&b->viod, r->queue,
		    "request without header or status");
		return;
	}
	r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	r->written = 1;
	r->nranges = 0;
	limit_take(&b->ops, 1);
	if (head.type < COUNT(requests) && requests[head.type] != NULL)
		requests[head.type](b, r, head.sector);
	else
		answer(b, r, VIRTIO_BLK_S_UNSUPP);
}

/* True while a limit holds requests back; the timer will call us. */
static bool
held_back(struct blk *b)
{
	uint64_t now, us;

	if (!b->limited)
		return false;
	now = os_now_us();
	us = MAX(limit_wait(&b->bytes, now), limit_wait(&b->ops, now));
	if (us == 0)
		return false;
	event_timer_set(&b->timer, us);
	return true;
}

/* Let the disk start what is queued; show the guest what is done. */
static void
kick(struct blk *b)
{
	b->batch_bytes = 0;
	disk_kick(b->disk);
	flush(b);
}

/*
 * Pop and start what is there, at most a queue's worth: others want their
 * turn.  False when a limit ended it.
 */
static bool
serve_some(struct blk *b, unsigned queue)
{
	struct blk_req *r;

	for (unsigned n = 0; n < VIRTQ_LEN_MAX; n++) {
		if (held_back(b))
			return false;
		r = get_req(b);
		r->queue = queue;
		if (!viod_pop(&b->viod, queue, &r->chain)) {
			put_req(b, r);
			break;
		}
		dispatch(b, r);
		if (b->batch_bytes >= BATCH_BYTES)
			kick(b);
	}
	return true;
}

static void
blk_notify(struct viod *v, unsigned queue)
{
	struct blk *b = (struct blk *)v;
	bool free_to_go;

	for (unsigned n = 0; n < ROUNDS_MAX; n++) {
		viod_notify_off(v, queue);
		free_to_go = serve_some(b, queue);
		kick(b);
		if (!free_to_go || !viod_notify_on(v, queue))
			return;
	}
	viod_again(v, queue);
}

static void
on_timer(void *arg)
{
	struct blk *b = arg;

	for (unsigned n = 0; n < b->viod.nqueues; n++)
		blk_notify(&b->viod, n);
}

static void
blk_drain(struct viod *v)
{
	struct blk *b = (struct blk *)v;

	while (b->inflight > 0)
		disk_wait(b->disk);
	flush(b);
}

/* --- config space and life ----------------------------------------------- */

static const void *
blk_config(struct viod *v, size_t *len)
{
	struct blk *b = (struct blk *)v;

	*len = sizeof(b->config);
	return &b->config;
}

static int
blk_config_set(struct viod *v, uint32_t offset, const void *bytes,
    uint32_t len)
{
	struct blk *b = (struct blk *)v;

	if (!viod_has(v, VIRTIO_BLK_F_CONFIG_WCE) || len != 1 ||
	    offset != offsetof(struct virtio_blk_config, writeback))
		return -1;
	b->config.writeback = *(const uint8_t *)bytes != 0;
	return 0;
}

static void
blk_start(struct viod *v, unsigned queue)
{
	struct blk *b = (struct blk *)v;

	(void)queue;
	/* Section 5.2.5.2: who can neither choose nor flush is safe. */
	if (!viod_has(v, VIRTIO_BLK_F_CONFIG_WCE))
		b->config.writeback = viod_has(v, VIRTIO_BLK_F_FLUSH);
}

static void
blk_reset(struct viod *v)
{
	struct blk *b = (struct blk *)v;

	b->config.writeback = 1;
	event_timer_clear(&b->timer);
}

static void
blk_counters(const struct viod *v, char *text, size_t size)
{
	const struct blk *b = (const struct blk *)v;

	(void)snprintf(text, size, "read_bytes %llu read_ops %llu "
	    "write_bytes %llu write_ops %llu",
	    (unsigned long long)b->reads.bytes,
	    (unsigned long long)b->reads.ops,
	    (unsigned long long)b->writes.bytes,
	    (unsigned long long)b->writes.ops);
}

static const struct viod_class blk_class = {
	.name		= "blk",
	.id		= VIRTIO_ID_BLOCK,
	.inflight	= true,
	.config		= blk_config,
	.config_set	= blk_config_set,
	.start		= blk_start,
	.notify		= blk_notify,
	.drain		= blk_drain,
	.counters	= blk_counters,
	.reset		= blk_reset,
};

static void
fill_config(struct virtio_blk_config *c, const struct disk_info *info,
    unsigned queues)
{
	c->capacity = info->size / SECTOR;
	c->seg_max = SEG_MAX;
	c->blk_size = SECTOR;
	c->physical_block_exp = 3;	/* 4 KiB, as file systems have */
	c->min_io_size = 8;
	c->writeback = 1;
	c->num_queues = (uint16_t)queues;
	if (info->readonly)
		return;
	c->max_discard_sectors = RANGE_SECTORS;
	c->max_discard_seg = RANGES_MAX;
	c->discard_sector_alignment = 8;
	c->max_write_zeroes_sectors = RANGE_SECTORS;
	c->max_write_zeroes_seg = RANGES_MAX;
	c->write_zeroes_may_unmap = info->punch;
}

static uint64_t
offered(const struct disk_info *info)
{
	uint64_t bits = VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) |
	    VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
	    VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY) |
	    VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) |
	    VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE) |
	    VIRTIO_BIT(VIRTIO_BLK_F_MQ);

	if (info->readonly)
		return bits | VIRTIO_BIT(VIRTIO_BLK_F_RO);
	if (info->punch)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_DISCARD);
	return bits | VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES);
}

void
blk_destroy(struct viod *v)
{
	struct blk *b = (struct blk *)v;
	struct blk_req *r;

	if (b == NULL)
		return;
	viod_fini(v);
	while ((r = b->free) != NULL) {
		b->free = r->next;
		free(r);
	}
	event_timer_clear(&b->timer);
	disk_close(b->disk);
	written_close(&b->written);
	free(b);
}

static int
open_marks(struct blk *b, const struct blk_options *opt, struct err *e)
{
	if (opt->marks == -1)
		return 0;
	if (opt->disk.files.file[0].format != IMAGE_RAW || opt->disk.readonly)
		return err_set(e, EINVAL, "marks are of a raw disk that is "
		    "written");
	return written_open(&b->written, opt->marks,
	    disk_info(b->disk)->size, e);
}

int
blk_new(struct viod **ret, struct event_loop *loop,
    const struct blk_options *opt, struct err *e)
{
	OWN(blk_destroy) struct viod *made = NULL;
	struct aio_setup setup = {
		.loop = loop, .fd = -1, .done = on_done,
		.batch = on_batch,
	};
	struct blk *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_sys(e, "blk");
	setup.arg = b;
	made = &b->viod;
	if (viod_init(made, &blk_class, loop, opt->queues, 0, e) == -1 ||
	    disk_open(&b->disk, &setup, &opt->disk, e) == -1)
		return -1;
	if (open_marks(b, opt, e) == -1)
		return -1;
	made->features |= offered(disk_info(b->disk));
	fill_config(&b->config, disk_info(b->disk), opt->queues);
	if (opt->serial != NULL)
		memcpy(b->serial, opt->serial,
		    strnlen(opt->serial, sizeof(b->serial)));
	limit_init(&b->bytes, opt->bytes_limit, os_now_us());
	limit_init(&b->ops, opt->ops_limit, os_now_us());
	b->limited = opt->bytes_limit != 0 || opt->ops_limit != 0;
	event_timer_init(&b->timer, loop, on_timer, b);
	log_debug("blk: %llu bytes, %s", (unsigned long long)
	    disk_info(b->disk)->size, disk_engine(b->disk));
	*ret = take(&made);
	return 0;
}
