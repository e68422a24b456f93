/* SPDX-License-Identifier: ISC */
/* virtq.c - device side of a split virtqueue; see virtq.h */

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "virtio/virtq.h"

/* Fields the guest changes while we look: one load, one store. */
#define load16(p)	__atomic_load_n((p), __ATOMIC_RELAXED)
#define store16(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELAXED)

/* The events behind the rings: section 2.7.7 and 2.7.10. */
static uint16_t *
used_event(const struct virtq *q)
{
	return &q->avail->ring[q->len];
}

static uint16_t *
avail_event(const struct virtq *q)
{
	return (uint16_t *)(void *)&q->used->ring[q->len];
}

void
virtq_break(struct virtq *q, const char *why)
{
	if (q->broken == NULL)
		q->broken = why;
}

int
virtq_remap(struct virtq *q, const struct virtq_addr *a, struct err *e)
{
	void *desc, *avail, *used;

	desc = guest_memory_at_user(q->mem, a->desc, VIRTQ_DESC_BYTES(q->len));
	avail = guest_memory_at_user(q->mem, a->avail,
	    VIRTQ_AVAIL_BYTES(q->len));
	used = guest_memory_at_user(q->mem, a->used, VIRTQ_USED_BYTES(q->len));
	if (desc == NULL || avail == NULL || used == NULL)
		return err_set(e, EFAULT, "queue outside of guest memory");
	if ((uintptr_t)desc % 16 != 0 || (uintptr_t)avail % 2 != 0 ||
	    (uintptr_t)used % 4 != 0)
		return err_set(e, EINVAL, "queue not aligned");
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	return 0;
}

int
virtq_init(struct virtq *q, const struct guest_memory *mem, uint16_t len,
    const struct virtq_addr *a, uint16_t base, struct err *e)
{
	if (len == 0 || len > VIRTQ_LEN_MAX || (len & (len - 1)) != 0)
		return err_set(e, EINVAL, "queue of %u descriptors", len);
	memset(q, 0, sizeof(*q));
	q->mem = mem;
	q->len = len;
	if (virtq_remap(q, a, e) == -1)
		return -1;
	q->avail_idx = base;
	q->used_idx = q->flushed_idx = load16(&q->used->idx);
	return 0;
}

int
virtq_track(struct virtq *q, struct inflight *f, struct err *e)
{
	int n = inflight_recover(f, q->len, q->used_idx, q->replay);

	if (n == -1)
		return err_set(e, EINVAL,
		    "in-flight record is not that of a queue of %u", q->len);
	q->inflight = f;
	q->nreplay = (unsigned)n;
	q->replayed = 0;
	/* Popped is what was answered and what was not. */
	q->avail_idx = (uint16_t)(q->used_idx + n);
	q->counter = (uint64_t)q->used_idx + (uint64_t)n;
	for (int i = 0; i < n; i++)
		q->counter = MAX(q->counter,
		    f->desc[q->replay[i]].counter + 1);
	return 0;
}

void
virtq_redo(struct virtq *q, const uint16_t *heads, unsigned n)
{
	memcpy(q->replay, heads, n * sizeof(*heads));
	q->nreplay = n;
	q->replayed = 0;
}

/* --- popping ------------------------------------------------------------- */

/* A table of descriptors: the queue's own, or an indirect one. */
struct table {
	const void	*desc;
	unsigned	 n;
};

/*
 * One descriptor, read once.  An indirect table may lie at any address, so
 * it is copied as bytes; the barrier keeps the compiler from reading again.
 */
static struct virtq_desc
table_get(const struct table *t, unsigned i)
{
	struct virtq_desc d;

	memcpy(&d, (const uint8_t *)t->desc + (size_t)i * sizeof(d),
	    sizeof(d));
	__asm__ __volatile__("" ::: "memory");
	return d;
}

/* Follow the descriptor to the table it stands for. */
static const char *
table_indirect(struct virtq *q, struct table *t, const struct virtq_desc *d)
{
	if (!q->indirect)
		return "indirect descriptor that was not negotiated";
	if (t->desc != q->desc)
		return "indirect descriptor in an indirect table";
	if (d->flags & VIRTQ_DESC_F_NEXT)
		return "indirect descriptor with a successor";
	if (d->len == 0 || d->len % sizeof(*d) != 0 ||
	    d->len / sizeof(*d) > VIRTQ_LEN_MAX)
		return "indirect table of bad length";
	t->n = d->len / (unsigned)sizeof(*d);
	t->desc = guest_memory_at(q->mem, d->addr, d->len);
	if (t->desc == NULL)
		return "indirect table outside of guest memory";
	return NULL;
}

/* Add one buffer to the chain. */
static const char *
chain_add(const struct virtq *q, struct virtq_chain *c,
    const struct virtq_desc *d)
{
	unsigned used = c->nout + c->nin;
	int n;

	if (!(d->flags & VIRTQ_DESC_F_WRITE) && c->nin != 0)
		return "readable descriptor behind a writable one";
	n = guest_memory_iov(q->mem, d->addr, d->len, &c->iov[used],
	    VIRTQ_IOV_MAX - used);
	if (n == -1)
		return "buffer outside of guest memory, empty, or one of "
		    "too many";
	if (c->out_len + c->in_len + d->len > UINT32_MAX)
		return "chain of more than 4 GiB";
	if (d->flags & VIRTQ_DESC_F_WRITE) {
		c->nin += (unsigned)n;
		c->in_len += d->len;
	} else {
		c->nout += (unsigned)n;
		c->out_len += d->len;
	}
	return NULL;
}

/* Walk the chain that begins at c->head.  NULL, or what is wrong with it. */
static const char *
chain_walk(struct virtq *q, struct virtq_chain *c)
{
	struct table t = { q->desc, q->len };
	unsigned i = c->head, steps = 0;
	struct virtq_desc d;
	const char *why;

	c->nout = c->nin = 0;
	c->out_len = c->in_len = 0;
	for (;;) {
		if (i >= t.n)
			return "descriptor index out of range";
		if (steps++ == t.n)
			return "descriptor chain has a loop";
		d = table_get(&t, i);
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			why = table_indirect(q, &t, &d);
			if (why != NULL)
				return why;
			i = steps = 0;
			continue;
		}
		why = chain_add(q, c, &d);
		if (why != NULL)
			return why;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			return NULL;
		i = d.next;
	}
}

unsigned
virtq_waiting(struct virtq *q)
{
	uint16_t n;

	if (q->broken != NULL)
		return 0;
	n = (uint16_t)(load16(&q->avail->idx) - q->avail_idx);
	if (n > q->len) {
		virtq_break(q, "more chains available than the queue holds");
		return 0;
	}
	return n + q->nreplay - q->replayed;
}

/* The next head: one an earlier back-end left, else the ring's. */
static bool
next_head(struct virtq *q, uint16_t *head)
{
	if (virtq_waiting(q) == 0)
		return false;
	q->last_replay = q->replayed < q->nreplay;
	if (q->last_replay) {
		*head = q->replay[q->replayed++];
		return true;
	}
	/* What the guest wrote before idx is read after it. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*head = load16(&q->avail->ring[q->avail_idx & (q->len - 1)]);
	q->avail_idx++;
	return true;
}

bool
virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	uint64_t bit;
	const char *why;

	if (!next_head(q, &c->head))
		return false;
	if (c->head >= q->len) {
		virtq_break(q, "head out of range");
		return false;
	}
	bit = 1ULL << (c->head % 64);
	if (q->popped[c->head / 64] & bit) {
		virtq_break(q, "chain made available twice");
		return false;
	}
	why = chain_walk(q, c);
	if (why != NULL) {
		virtq_break(q, why);
		return false;
	}
	q->popped[c->head / 64] |= bit;
	if (q->inflight != NULL && !q->last_replay)
		inflight_start(q->inflight, c->head, q->counter++);
	return true;
}

void
virtq_unpop(struct virtq *q, uint16_t head)
{
	q->popped[head / 64] &= ~(1ULL << (head % 64));
	if (q->last_replay) {
		q->replayed--;
		return;
	}
	q->avail_idx--;
	if (q->inflight != NULL)
		inflight_cancel(q->inflight, head);
}

/* --- answering ----------------------------------------------------------- */

/* Mark a part of the used ring. */
static void
wrote(const struct virtq *q, const void *at, uint64_t len)
{
	if (q->mem->log != NULL)
		guest_memory_wrote(q->mem, at, len);
}

/*
 * Mark all that may have been written of a chain: what a device says of it
 * need not begin at the first byte.  It is walked again instead of kept; a
 * guest that has changed it meanwhile loses what it was told.
 */
static void
wrote_chain(struct virtq *q, uint16_t head)
{
	struct virtq_chain c;

	c.head = head;
	if (chain_walk(q, &c) != NULL)
		return;
	for (unsigned i = c.nout; i < c.nout + c.nin; i++)
		guest_memory_wrote(q->mem, c.iov[i].iov_base,
		    c.iov[i].iov_len);
}

void
virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	struct virtq_used_elem *u = &q->used->ring[q->used_idx & (q->len - 1)];

	q->popped[head / 64] &= ~(1ULL << (head % 64));
	if (q->inflight != NULL)
		inflight_link(q->inflight, head);
	if (q->mem->log != NULL)
		wrote_chain(q, head);
	u->id = head;
	u->len = written;
	wrote(q, u, sizeof(*u));
	q->used_idx++;
}

/* Does the guest want an interrupt for the step from old to new? */
static bool
wants_interrupt(const struct virtq *q, uint16_t old, uint16_t new)
{
	uint16_t event;

	if (!q->event_idx)
		return !(load16(&q->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
	event = load16(used_event(q));
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

bool
virtq_flush(struct virtq *q)
{
	uint16_t old = q->flushed_idx;

	if (q->used_idx == old)
		return false;
	__atomic_store_n(&q->used->idx, q->used_idx, __ATOMIC_RELEASE);
	wrote(q, &q->used->idx, sizeof(q->used->idx));
	q->flushed_idx = q->used_idx;
	if (q->inflight != NULL)
		inflight_commit(q->inflight, (uint16_t)(q->used_idx - old),
		    q->len, q->used_idx);
	/* Our idx is visible before we read whether anybody waits for it. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return wants_interrupt(q, old, q->used_idx);
}

void
virtq_notify_off(struct virtq *q)
{
	/* With EVENT_IDX the event falls behind by itself. */
	if (q->event_idx)
		return;
	store16(&q->used->flags, VIRTQ_USED_F_NO_NOTIFY);
	wrote(q, &q->used->flags, sizeof(q->used->flags));
}

bool
virtq_notify_past(struct virtq *q, unsigned waiting)
{
	uint16_t *wish;

	if (q->broken != NULL)
		return false;
	wish = q->event_idx ? avail_event(q) : &q->used->flags;
	store16(wish, q->event_idx ? (uint16_t)(q->avail_idx + waiting) : 0);
	wrote(q, wish, sizeof(*wish));
	/* Our wish is visible before we look whether it came too late. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtq_waiting(q) > waiting;
}

bool
virtq_notify_on(struct virtq *q)
{
	return virtq_notify_past(q, 0);
}

/* --- copying ------------------------------------------------------------- */

/* Walk n iovecs from 'offset' on; 'in' says which way the bytes go. */
static size_t
copy(const struct iovec *iov, unsigned n, uint64_t offset, void *buf,
    size_t len, bool in)
{
	size_t done = 0, part;
	uint8_t *at;

	for (unsigned i = 0; i < n && done < len; i++) {
		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		at = (uint8_t *)iov[i].iov_base + offset;
		part = MIN(iov[i].iov_len - (size_t)offset, len - done);
		if (in)
			memcpy(at, (const uint8_t *)buf + done, part);
		else
			memcpy((uint8_t *)buf + done, at, part);
		done += part;
		offset = 0;
	}
	__asm__ __volatile__("" ::: "memory");
	return done;
}

size_t
virtq_copy_out(const struct virtq_chain *c, uint64_t offset, void *to,
    size_t len)
{
	return copy(c->iov, c->nout, offset, to, len, false);
}

size_t
virtq_copy_in(const struct virtq_chain *c, uint64_t offset, const void *from,
    size_t len)
{
	return copy(c->iov + c->nout, c->nin, offset, (void *)(uintptr_t)from,
	    len, true);
}
