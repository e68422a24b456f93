/* SPDX-License-Identifier: ISC */
/* inflight.c - requests popped and not answered; see inflight.h */

#include <stdlib.h>

#include "virtio/inflight.h"
#include "virtio/virtq.h"

#define ALIGN	64	/* bytes; a queue's part shares no cache line */

/* Stores of the protocol's steps must reach memory in their order. */
#define barrier()	__atomic_thread_fence(__ATOMIC_RELEASE)

size_t
inflight_bytes(uint16_t len)
{
	size_t n = sizeof(struct inflight) +
	    (size_t)len * sizeof(struct inflight_desc);

	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

struct inflight *
inflight_queue(void *memory, uint16_t len, unsigned queue)
{
	return (struct inflight *)(void *)
	    ((uint8_t *)memory + queue * inflight_bytes(len));
}

void
inflight_start(struct inflight *f, uint16_t head, uint64_t counter)
{
	f->desc[head].counter = counter;
	barrier();
	f->desc[head].inflight = 1;
}

void
inflight_cancel(struct inflight *f, uint16_t head)
{
	f->desc[head].inflight = 0;
}

void
inflight_link(struct inflight *f, uint16_t head)
{
	f->desc[head].next = f->last_batch_head;
	barrier();
	f->last_batch_head = head;
	barrier();
}

/*
 * Clear the newest n requests of the batch list.  The list is in memory
 * that others can write: an index out of range ends it.
 */
static void
clear_batch(struct inflight *f, uint16_t len, unsigned n)
{
	uint16_t head = f->last_batch_head;

	for (; n > 0 && head < len; n--) {
		f->desc[head].inflight = 0;
		head = f->desc[head].next;
	}
}

void
inflight_commit(struct inflight *f, unsigned n, uint16_t len,
    uint16_t used_idx)
{
	barrier();
	clear_batch(f, len, n);
	barrier();
	f->used_idx = used_idx;
}

struct entry {
	uint64_t	counter;
	uint16_t	head;
};

static int
older(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	return (a->counter > b->counter) - (a->counter < b->counter);
}

int
inflight_recover(struct inflight *f, uint16_t len, uint16_t used_idx,
    uint16_t *heads)
{
	struct entry list[VIRTQ_LEN_MAX];
	unsigned n = 0;

	if (len > VIRTQ_LEN_MAX)
		return -1;
	if (f->version == 0) {		/* new memory, all zeroes */
		f->version = 1;
		f->desc_num = len;
		f->used_idx = used_idx;
		return 0;
	}
	if (f->version != 1 || f->desc_num != len)
		return -1;
	if (f->used_idx != used_idx)
		inflight_commit(f, (uint16_t)(used_idx - f->used_idx), len,
		    used_idx);
	for (uint16_t i = 0; i < len; i++)
		if (f->desc[i].inflight == 1)
			list[n++] = (struct entry){ f->desc[i].counter, i };
	qsort(list, n, sizeof(list[0]), older);
	for (unsigned i = 0; i < n; i++)
		heads[i] = list[i].head;
	return (int)n;
}
