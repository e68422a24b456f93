/* SPDX-License-Identifier: ISC */
/*
 * shadow.c - queues whose back-end sees copies; see shadow.h
 *
 * Memory of a queue: its ring, then room for copies, handed out in units.  A
 * chain becomes two buffers there at most, one to read and one to write,
 * whatever its pieces were: devices may not care (virtio 1.2, section 2.7.4).
 * The room is sparse and the lowest fitting place is taken, so that a quiet
 * queue costs few pages.
 *
 * Process: vmm.  Sandbox: nothing beyond what it has.
 * Needs: memfd_create, eventfd.
 */

#include <sys/mman.h>
#include <sys/queue.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "virtio/virtq_driver.h"
#include "vmm/shadow.h"

#define UNIT		512U		/* bytes; copies are made of them */
#define UNITS		(SHADOW_BYTES / UNIT)
#define RING_BYTES	0x8000U		/* for the ring of any queue */
#define QUEUE_BYTES	(RING_BYTES + SHADOW_BYTES)
#define PART_MAX	(SHADOW_PART + sizeof(struct virtio_blk_req))
#define ROUNDS		8		/* of a run, while answers come */

_Static_assert(SHADOW_CHAIN_MAX + UNIT <= SHADOW_BYTES, "one always fits");
_Static_assert(SHADOW_PART % VIRTIO_BLK_SECTOR == 0, "whole sectors");

/* A chain the back-end has. */
struct flight {
	TAILQ_ENTRY(flight)	entry;	/* as they were popped */
	uint32_t		at;	/* bytes into the room */
	uint32_t		units;	/* of it */
	uint32_t		in_at;	/* of it, for the back-end to write */
	uint32_t		part;	/* bytes of a request in parts, or 0 */
	uint64_t		done;	/* bytes of its earlier parts */
	struct virtq_chain	chain;	/* last: only what is used of it */
};

struct queue {
	struct virtq		*guest;		/* NULL: stopped */
	struct virtq_driver	*ring;		/* the back-end's side */
	uint8_t			*mem;		/* ring, then room */
	uint64_t		 gpa;		/* of mem for the back-end */
	struct os_notify	 kick;
	struct os_notify	 call;
	TAILQ_HEAD(, flight)	 flights;
	uint64_t		 used[UNITS / 64];	/* a bit a unit */
	unsigned		 npending;
	uint16_t		 pending[VIRTQ_LEN_MAX];
};

struct shadow {
	bool			 disk;
	unsigned		 nqueues;
	int			 memfd;
	uint8_t			*mem;
	struct virtq_chain	 chain;		/* being looked at */
	struct queue		 queue[];
};

/* --- room for copies ------------------------------------------------------ */

static bool
unit_used(const struct queue *q, unsigned n)
{
	return (q->used[n / 64] & (1ULL << (n % 64))) != 0;
}

static void
room_mark(struct queue *q, unsigned from, unsigned n, bool used)
{
	for (unsigned i = from; i < from + n; i++)
		if (used)
			q->used[i / 64] |= 1ULL << (i % 64);
		else
			q->used[i / 64] &= ~(1ULL << (i % 64));
}

/* The first place with n free units in a row, or -1. */
static int
room_take(struct queue *q, unsigned n)
{
	unsigned i = 0, run = 0;

	while (i < UNITS) {
		if (i % 64 == 0 && q->used[i / 64] == ~0ULL) {
			run = 0;
			i += 64;
			continue;
		}
		run = unit_used(q, i++) ? 0 : run + 1;
		if (run == n) {
			room_mark(q, i - n, n, true);
			return (int)(i - n);
		}
	}
	return -1;
}

static uint8_t *
room_at(const struct queue *q, uint32_t at)
{
	return q->mem + RING_BYTES + at;
}

/* --- flights -------------------------------------------------------------- */

static struct flight *
flight_new(const struct virtq_chain *c)
{
	unsigned n = c->nout + c->nin;
	size_t len = offsetof(struct virtq_chain, iov) +
	    n * sizeof(c->iov[0]);
	struct flight *f = malloc(offsetof(struct flight, chain) + len);

	if (f == NULL)
		fatal("a copy of a request");
	f->part = 0;
	f->done = 0;
	memcpy(&f->chain, c, len);
	return f;
}

static void
flight_end(struct queue *q, struct flight *f)
{
	TAILQ_REMOVE(&q->flights, f, entry);
	room_mark(q, f->at / UNIT, f->units, false);
	free(f);
}

/* Place for 'out' bytes to be read and 'in' to be written; false: full. */
static bool
flight_place(struct queue *q, struct flight *f, uint64_t out, uint64_t in)
{
	uint32_t in_at = (uint32_t)(out + 63) & ~63U;
	int unit;

	f->units = (uint32_t)((in_at + in + UNIT - 1) / UNIT);
	unit = room_take(q, f->units);
	if (unit == -1)
		return false;
	f->at = (uint32_t)unit * UNIT;
	f->in_at = f->at + in_at;
	return true;
}

/* Offer to the back-end; there are two free descriptors. */
static void
flight_offer(struct queue *q, struct flight *f, uint32_t out, uint32_t in)
{
	const uint64_t room = q->gpa + RING_BYTES;
	struct virtq_buf b[2];
	unsigned n = 0;

	if (out > 0)
		b[n++] = (struct virtq_buf){ room + f->at, out };
	if (in > 0)
		b[n++] = (struct virtq_buf){ room + f->in_at, in };
	(void)virtq_driver_add(q->ring, b, out > 0, in > 0, f);
}

/* --- requests of a disk in parts ------------------------------------------ */

/* Bytes of data of a disk's request. */
static uint64_t
disk_data(const struct virtq_chain *c)
{
	return c->in_len > 1 ? c->in_len - 1 :
	    c->out_len - sizeof(struct virtio_blk_req);
}

/* Can it be done in parts: data one way, and nothing but reads and writes? */
static bool
disk_splits(const struct virtq_chain *c)
{
	struct virtio_blk_req head;

	if (virtq_copy_out(c, 0, &head, sizeof(head)) < sizeof(head))
		return false;
	if (head.type == VIRTIO_BLK_T_IN)
		return c->out_len == sizeof(head);
	return head.type == VIRTIO_BLK_T_OUT && c->in_len == 1;
}

/* Copy and offer the next part of f, which has its place. */
static void
disk_next(struct queue *q, struct flight *f)
{
	struct virtq_chain *c = &f->chain;
	uint64_t left = disk_data(c) - f->done;
	bool write = c->in_len == 1;
	struct virtio_blk_req head;
	uint8_t *out = room_at(q, f->at);

	f->part = (uint32_t)MIN(left, SHADOW_PART);
	/* It may have changed since; then it is the guest's own disorder. */
	(void)virtq_copy_out(c, 0, &head, sizeof(head));
	head.type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	head.sector += f->done / VIRTIO_BLK_SECTOR;
	memcpy(out, &head, sizeof(head));
	if (write)
		(void)virtq_copy_out(c, sizeof(head) + f->done,
		    out + sizeof(head), f->part);
	flight_offer(q, f, (uint32_t)sizeof(head) + (write ? f->part : 0),
	    1 + (write ? 0 : f->part));
}

/* A part is answered; true: the last one. */
static bool
disk_settle(struct queue *q, struct flight *f)
{
	struct virtq_chain *c = &f->chain;
	const uint8_t *in = room_at(q, f->in_at);
	bool write = c->in_len == 1;
	uint8_t status = in[write ? 0 : f->part];

	if (status == VIRTIO_BLK_S_OK) {
		if (!write)
			(void)virtq_copy_in(c, f->done, in, f->part);
		f->done += f->part;
		if (f->done < disk_data(c))
			return false;
	}
	(void)virtq_copy_in(c, c->in_len - 1, &status, sizeof(status));
	virtq_push(q->guest, c->head, status == VIRTIO_BLK_S_OK ?
	    (uint32_t)c->in_len : 1);
	return true;
}

/* --- both ways ------------------------------------------------------------ */

/* The back-end is done with f; 'written' is what it says. */
static void
settle(const struct shadow *s, struct queue *q, struct flight *f,
    uint32_t written)
{
	struct virtq_chain *c = &f->chain;
	const uint8_t *in = room_at(q, f->in_at);
	uint64_t len = MIN(written, c->in_len);

	(void)virtq_copy_in(c, 0, in, len);
	/* A disk's last byte is its status, however much was written. */
	if (s->disk && c->in_len > 0 && len < c->in_len)
		(void)virtq_copy_in(c, c->in_len - 1, in + c->in_len - 1, 1);
	virtq_push(q->guest, c->head, (uint32_t)len);
	flight_end(q, f);
}

/* Take what the back-end has answered; more: go on with what is in parts. */
static void
take_answers(const struct shadow *s, struct queue *q, bool more)
{
	struct flight *f;
	uint32_t written;
	void *cookie;

	while (virtq_driver_get(q->ring, &cookie, &written)) {
		f = cookie;
		if (f->part == 0)
			settle(s, q, f, written);
		else if (disk_settle(q, f))
			flight_end(q, f);
		else if (more)
			disk_next(q, f);
		/* Else it is done again from its begin: no harm. */
	}
}

/* Copy a chain over and offer it.  False: it must wait, or broke the queue. */
static bool
offer(struct shadow *s, struct queue *q)
{
	struct virtq_chain *c = &s->chain;
	bool parts = c->out_len + c->in_len > SHADOW_CHAIN_MAX;
	struct flight *f;

	if (parts && !(s->disk && disk_splits(c))) {
		virtq_break(q->guest, "chain of more than can be copied");
		return false;
	}
	f = flight_new(c);
	/* A part goes one way, with a header before and a status behind. */
	if (!flight_place(q, f, parts ? MIN(c->out_len, PART_MAX) : c->out_len,
	    parts ? MIN(c->in_len, PART_MAX) : c->in_len)) {
		free(f);
		virtq_unpop(q->guest, c->head);
		return false;
	}
	TAILQ_INSERT_TAIL(&q->flights, f, entry);
	if (parts) {
		disk_next(q, f);
		return true;
	}
	(void)virtq_copy_out(c, 0, room_at(q, f->at), c->out_len);
	flight_offer(q, f, (uint32_t)c->out_len, (uint32_t)c->in_len);
	return true;
}

/*
 * Offer what the guest has made available.  When room is short an answer
 * will make some, and the guest need not tell us meanwhile.  True: there is
 * more, for which nobody will wake us.
 */
static bool
take_chains(struct shadow *s, struct queue *q)
{
	virtq_notify_off(q->guest);
	for (unsigned n = 0; n < q->guest->len; n++) {
		if (q->ring->nfree < 2)
			return false;
		if (!virtq_pop(q->guest, &s->chain)) {
			if (!virtq_notify_on(q->guest))
				return false;
			continue;
		}
		if (!offer(s, q))
			return false;
	}
	return virtq_waiting(q->guest) > 0;
}

bool
shadow_run(struct shadow *s, unsigned n)
{
	struct queue *q = &s->queue[n];
	unsigned rounds = 0;
	bool more;

	if (q->guest == NULL)
		return false;
	virtq_driver_quiet(q->ring);
	do {
		take_answers(s, q, true);
		more = take_chains(s, q);
		if (virtq_driver_show(q->ring))
			os_notify_send(q->kick.wr);
		more |= q->ring->broken == NULL && virtq_driver_wait(q->ring);
	} while (more && q->guest->broken == NULL && ++rounds < ROUNDS);
	if (more)
		os_notify_send(q->call.wr);
	return virtq_flush(q->guest);
}

const char *
shadow_broken(const struct shadow *s, unsigned n)
{
	const struct queue *q = &s->queue[n];

	return q->guest != NULL ? q->ring->broken : NULL;
}

/* --- life ----------------------------------------------------------------- */

void
shadow_start(struct shadow *s, unsigned n, struct virtq *guest,
    bool event_idx, struct frontend_queue *ret)
{
	struct queue *q = &s->queue[n];
	uint16_t len = (uint16_t)MIN(guest->len * 2, VIRTQ_LEN_MAX);

	memset(q->mem, 0, RING_BYTES);
	virtq_driver_init(q->ring, q->mem, len, event_idx);
	/* Not 0 when the guest goes on: back-ends look at that. */
	virtq_driver_begin(q->ring, guest->avail_idx);
	q->guest = guest;
	virtq_redo(guest, q->pending, q->npending);
	q->npending = 0;
	memset(ret, 0, sizeof(*ret));
	ret->len = len;
	ret->base = guest->avail_idx;
	ret->addr = virtq_driver_addr(q->ring, q->gpa);
	ret->kick = q->kick.rd;
	ret->call = q->call.wr;
	ret->err = -1;
	/* Chains may be waiting that no kick will come for. */
	os_notify_send(q->call.wr);
}

/* A state that was loaded may list more than a queue can hold. */
static void
keep(struct queue *q, uint16_t head)
{
	if (q->npending < COUNT(q->pending))
		q->pending[q->npending++] = head;
}

bool
shadow_stop(struct shadow *s, unsigned n)
{
	struct queue *q = &s->queue[n];
	struct flight *f;
	bool interrupt;

	if (q->guest == NULL)
		return false;
	take_answers(s, q, false);
	while ((f = TAILQ_FIRST(&q->flights)) != NULL) {
		keep(q, f->chain.head);
		flight_end(q, f);
	}
	for (unsigned i = q->guest->replayed; i < q->guest->nreplay; i++)
		keep(q, q->guest->replay[i]);
	interrupt = virtq_flush(q->guest);
	q->guest = NULL;
	return interrupt;
}

void
shadow_forget(struct shadow *s, unsigned n)
{
	s->queue[n].npending = 0;
}

unsigned
shadow_pending(const struct shadow *s, unsigned n, const uint16_t **heads)
{
	*heads = s->queue[n].pending;
	return s->queue[n].npending;
}

int
shadow_set_pending(struct shadow *s, unsigned n, const uint16_t *heads,
    unsigned nheads, struct err *e)
{
	if (n >= s->nqueues || nheads > VIRTQ_LEN_MAX)
		return err_set(e, EINVAL, "%u chains of queue %u", nheads, n);
	memcpy(s->queue[n].pending, heads, nheads * sizeof(*heads));
	s->queue[n].npending = nheads;
	return 0;
}

void
shadow_region(const struct shadow *s, struct frontend_region *r)
{
	r->gpa = r->user = SHADOW_GPA;
	r->len = (uint64_t)s->nqueues * QUEUE_BYTES;
	r->offset = 0;
	r->fd = s->memfd;
}

int
shadow_call_fd(const struct shadow *s, unsigned n)
{
	return s->queue[n].call.rd;
}

static int
queue_init(struct shadow *s, unsigned n, struct err *e)
{
	struct queue *q = &s->queue[n];

	q->mem = s->mem + (size_t)n * QUEUE_BYTES;
	q->gpa = SHADOW_GPA + (uint64_t)n * QUEUE_BYTES;
	TAILQ_INIT(&q->flights);
	if (os_notify_init(&q->kick, e) == -1 ||
	    os_notify_init(&q->call, e) == -1)
		return -1;
	q->ring = calloc(1, sizeof(*q->ring));
	if (q->ring == NULL)
		return err_sys(e, "copied queue");
	return 0;
}

int
shadow_new(struct shadow **ret, const struct shadow_setup *setup,
    struct err *e)
{
	OWN(shadow_destroy) struct shadow *s = NULL;
	size_t bytes = (size_t)setup->nqueues * QUEUE_BYTES;

	s = calloc(1, sizeof(*s) + setup->nqueues * sizeof(s->queue[0]));
	if (s == NULL)
		return err_sys(e, "copied queues");
	s->disk = setup->disk;
	s->nqueues = setup->nqueues;
	s->mem = MAP_FAILED;
	for (unsigned n = 0; n < s->nqueues; n++)
		s->queue[n].kick = s->queue[n].call = OS_NOTIFY_NONE;
	s->memfd = os_memfd("copies", bytes, e);
	if (s->memfd == -1)
		return -1;
	s->mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
	    s->memfd, 0);
	if (s->mem == MAP_FAILED)
		return err_sys(e, "copied queues: %zu bytes", bytes);
	for (unsigned n = 0; n < s->nqueues; n++)
		if (queue_init(s, n, e) == -1)
			return -1;
	*ret = take(&s);
	return 0;
}

void
shadow_destroy(struct shadow *s)
{
	if (s == NULL)
		return;
	for (unsigned n = 0; n < s->nqueues; n++) {
		struct queue *q = &s->queue[n];

		(void)shadow_stop(s, n);
		os_notify_fini(&q->kick);
		os_notify_fini(&q->call);
		free(q->ring);
	}
	if (s->mem != MAP_FAILED)
		(void)munmap(s->mem, (size_t)s->nqueues * QUEUE_BYTES);
	if (s->memfd != -1)
		(void)close(s->memfd);
	free(s);
}
