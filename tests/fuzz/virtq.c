/* SPDX-License-Identifier: ISC */
/*
 * virtq.c - fuzz target: a guest's memory with a queue in it
 *
 * The input is: flags, the base index, then the guest's memory, in two
 * regions that touch in the guest and are apart here.  Each piece of each
 * chain is touched in full, so that a wrong one is seen.
 */

#include <stdlib.h>
#include <string.h>

#include "virtio/virtq.h"

#define GPA	0x1000ULL
#define PART	0x1000		/* bytes of each region */
#define CHAINS	64		/* popped at most */

enum { FLAG_EVENT = 1, FLAG_INDIRECT = 2, FLAG_TRACK = 4, FLAG_LEN = 0x70 };

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static volatile uint8_t sink;

static void
touch(struct virtq_chain *c)
{
	uint8_t bytes[64];
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->nout + c->nin; i++) {
		uint8_t *at = c->iov[i].iov_base;

		sum += c->iov[i].iov_len;
		if (i < c->nout)
			sink = at[0] ^ at[c->iov[i].iov_len - 1];
		else
			at[0] = at[c->iov[i].iov_len - 1] = 0x55;
	}
	if (sum != c->out_len + c->in_len)
		abort();
	memset(bytes, 1, sizeof(bytes));
	(void)virtq_copy_out(c, 3, bytes, sizeof(bytes));
	(void)virtq_copy_in(c, 5, bytes, sizeof(bytes));
}

static void
serve(struct virtq *q)
{
	static struct virtq_chain c;

	for (unsigned n = 0; n < CHAINS && virtq_pop(q, &c); n++) {
		touch(&c);
		if (n % 7 == 6) {
			virtq_unpop(q, c.head);
			continue;
		}
		if (n % 5 != 4)
			virtq_push(q, c.head, (uint32_t)c.in_len);
		if (n % 3 == 2)
			(void)virtq_flush(q);
		virtq_notify_off(q);
	}
	(void)virtq_flush(q);
	(void)virtq_notify_on(q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(16) uint8_t record[4096];
	uint8_t *low = aligned_alloc(4096, PART);
	uint8_t *high = aligned_alloc(4096, PART);
	struct guest_region r[2] = {
		{ .gpa = GPA, .user = GPA, .len = PART, .host = low },
		{ .gpa = GPA + PART, .user = GPA + PART, .len = PART,
		  .host = high },
	};
	struct virtq_addr a = { GPA, GPA + 0x400, GPA + 0x800 };
	static struct virtq q;
	struct guest_memory m;
	uint8_t flags;
	uint16_t base;

	if (low == NULL || high == NULL)
		abort();
	memset(low, 0, PART);
	memset(high, 0, PART);
	guest_memory_init(&m);
	(void)guest_memory_add(&m, &r[0], NULL);
	(void)guest_memory_add(&m, &r[1], NULL);
	if (size > 3) {
		flags = data[0];
		memcpy(&base, data + 1, sizeof(base));
		data += 3;
		size -= 3;
		memcpy(low, data, size < PART ? size : PART);
		if (size > PART)
			memcpy(high, data + PART,
			    size - PART < PART ? size - PART : PART);
		if (virtq_init(&q, &m,
		    (uint16_t)(1U << ((flags & FLAG_LEN) >> 4)), &a, base,
		    NULL) == 0) {
			q.event_idx = flags & FLAG_EVENT;
			q.indirect = flags & FLAG_INDIRECT;
			/* The record is foreign bytes too. */
			memcpy(record, low + 0xc00, 0x400);
			if (flags & FLAG_TRACK)
				(void)virtq_track(&q, inflight_queue(record,
				    q.len, 0), NULL);
			serve(&q);
		}
	}
	guest_memory_fini(&m);
	free(low);
	free(high);
	return 0;
}
