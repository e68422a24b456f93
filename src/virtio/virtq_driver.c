/* SPDX-License-Identifier: ISC */
/* virtq_driver.c - driver side of a split virtqueue; see virtq_driver.h */

#include <string.h>

#include "lib/own.h"
#include "virtio/virtq_driver.h"

#define load16(p)	__atomic_load_n((p), __ATOMIC_RELAXED)
#define store16(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELAXED)

static size_t
avail_offset(uint16_t len)
{
	return VIRTQ_DESC_BYTES(len);
}

static size_t
used_offset(uint16_t len)
{
	return (avail_offset(len) + VIRTQ_AVAIL_BYTES(len) + 3) / 4 * 4;
}

size_t
virtq_driver_bytes(uint16_t len)
{
	return used_offset(len) + VIRTQ_USED_BYTES(len);
}

void
virtq_driver_init(struct virtq_driver *q, void *memory, uint16_t len,
    bool event_idx)
{
	uint8_t *at = memory;

	memset(q, 0, sizeof(*q));
	q->len = q->nfree = len;
	q->event_idx = event_idx;
	q->desc = (struct virtq_desc *)(void *)at;
	q->avail = (struct virtq_avail *)(void *)(at + avail_offset(len));
	q->used = (struct virtq_used *)(void *)(at + used_offset(len));
	for (uint16_t i = 0; i < len; i++)
		q->next[i] = (uint16_t)(i + 1);
}

void
virtq_driver_begin(struct virtq_driver *q, uint16_t idx)
{
	q->avail_idx = q->shown_idx = q->used_idx = idx;
	store16(&q->avail->idx, idx);
	store16(&q->used->idx, idx);
}

struct virtq_addr
virtq_driver_addr(const struct virtq_driver *q, uint64_t user)
{
	struct virtq_addr a = {
		.desc = user,
		.avail = user + avail_offset(q->len),
		.used = user + used_offset(q->len),
	};

	return a;
}

bool
virtq_driver_add(struct virtq_driver *q, const struct virtq_buf *bufs,
    unsigned nout, unsigned nin, void *cookie)
{
	uint16_t head = q->free, i = head;
	unsigned all = nout + nin;

	if (all > q->nfree || all == 0)
		return false;
	for (unsigned n = 0; n < all; n++, i = q->next[i]) {
		struct virtq_desc *d = &q->desc[i];

		d->addr = bufs[n].gpa;
		d->len = bufs[n].len;
		d->flags = n < nout ? 0 : VIRTQ_DESC_F_WRITE;
		if (n + 1 < all)
			d->flags |= VIRTQ_DESC_F_NEXT;
		d->next = n + 1 < all ? q->next[i] : 0;
	}
	q->free = i;
	q->nfree = (uint16_t)(q->nfree - all);
	q->count[head] = (uint16_t)all;
	q->inflight++;
	q->cookie[head] = cookie;
	q->avail->ring[q->avail_idx++ & (q->len - 1)] = head;
	return true;
}

bool
virtq_driver_show(struct virtq_driver *q)
{
	uint16_t old = q->shown_idx, new = q->avail_idx, event;

	if (new == old)
		return false;
	__atomic_store_n(&q->avail->idx, new, __ATOMIC_RELEASE);
	q->shown_idx = new;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(load16(&q->used->flags) & VIRTQ_USED_F_NO_NOTIFY);
	event = load16((uint16_t *)(void *)&q->used->ring[q->len]);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* Give a chain's descriptors back. */
static void
release(struct virtq_driver *q, uint16_t head)
{
	uint16_t last = head;

	for (unsigned n = 1; n < q->count[head]; n++)
		last = q->next[last];
	q->next[last] = q->free;
	q->free = head;
	q->nfree = (uint16_t)(q->nfree + q->count[head]);
	q->count[head] = 0;
	q->inflight--;
}

static bool
breaks(struct virtq_driver *q, const char *why)
{
	q->broken = why;
	return false;
}

bool
virtq_driver_get(struct virtq_driver *q, void **cookie, uint32_t *written)
{
	uint16_t idx = load16(&q->used->idx);
	struct virtq_used_elem *u;
	uint32_t id;

	if (idx == q->used_idx || q->broken != NULL)
		return false;
	if ((uint16_t)(idx - q->used_idx) > q->inflight)
		return breaks(q, "more chains finished than begun");
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	u = &q->used->ring[q->used_idx & (q->len - 1)];
	id = __atomic_load_n(&u->id, __ATOMIC_RELAXED);
	if (id >= q->len || q->count[id] == 0)
		return breaks(q, "a chain finished that was not begun");
	*written = __atomic_load_n(&u->len, __ATOMIC_RELAXED);
	*cookie = take(&q->cookie[id]);
	q->used_idx++;
	release(q, (uint16_t)id);
	return true;
}

void
virtq_driver_quiet(struct virtq_driver *q)
{
	if (!q->event_idx)
		store16(&q->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool
virtq_driver_wait(struct virtq_driver *q)
{
	if (q->event_idx)
		store16(&q->avail->ring[q->len], q->used_idx);
	else
		store16(&q->avail->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(&q->used->idx) != q->used_idx;
}
