/* SPDX-License-Identifier: ISC */
/*
 * shadow.c - fuzz target: a guest and a back-end that both lie
 *
 * The input is: flags, the index to begin at, then steps.  A step is a byte
 * and what belongs to it: bytes for the guest's memory or for the ring that
 * the back-end sees, a run, an answer of an honest back-end with a length
 * that need not be, or a stop and a start.
 */

#include <stdlib.h>
#include <string.h>

#include "virtio/virtq_driver.h"
#include "vmm/shadow.h"

#define GPA	0x1000ULL
#define BYTES	0x10000U		/* of guest memory; the ring first */
#define LEN	16		/* of the guest's queue */
#define STEPS	64

enum { FLAG_EVENT = 1, FLAG_INDIRECT = 2, FLAG_DISK = 0x80 };
enum { GUEST, RING, RUN, ANSWER, RESTART, OPS };

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct input {
	const uint8_t	*p;
	size_t		 left;
};

struct world {
	uint8_t			*mem;
	uint8_t			 flags;
	struct guest_memory	 table;
	struct virtq_addr	 addr;
	struct virtq		 guest;
	struct shadow		*shadow;
	struct guest_memory	 seen;
	uint8_t			*ring;		/* as the back-end sees it */
	struct virtq		 back;
	struct virtq_chain	 chain;
};

static uint32_t
take_bytes(struct input *in, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n && in->left > 0; i++, in->left--)
		v |= (uint32_t)*in->p++ << (8 * i);
	return v;
}

/* A place, a length, and that many bytes. */
static void
scribble(struct input *in, uint8_t *to, uint32_t room)
{
	uint32_t at = take_bytes(in, 2) % room;
	size_t n = take_bytes(in, 1);

	if (n > in->left)
		n = in->left;
	if (n > room - at)
		n = room - at;
	memcpy(to + at, in->p, n);
	in->p += n;
	in->left -= n;
}

static void
start(struct world *w, uint16_t base)
{
	struct frontend_queue fq;

	if (virtq_init(&w->guest, &w->table, LEN, &w->addr, base, NULL) == -1)
		abort();
	w->guest.event_idx = w->flags & FLAG_EVENT;
	w->guest.indirect = w->flags & FLAG_INDIRECT;
	shadow_start(w->shadow, 0, &w->guest, w->flags & FLAG_EVENT, &fq);
	if (virtq_init(&w->back, &w->seen, fq.len, &fq.addr, fq.base,
	    NULL) == -1)
		abort();
	w->back.event_idx = w->flags & FLAG_EVENT;
}

/* The shadow is made once for each of the two kinds. */
static struct world *
world(bool disk)
{
	static struct world worlds[2];
	struct world *w = &worlds[disk];
	struct shadow_setup setup = { .nqueues = 1, .disk = disk };
	struct guest_region r = { .gpa = GPA, .user = GPA, .len = BYTES };
	struct virtq_driver layout;
	struct frontend_region f;

	if (w->shadow != NULL)
		return w;
	w->mem = malloc(BYTES);
	if (w->mem == NULL || shadow_new(&w->shadow, &setup, NULL) == -1)
		abort();
	memset(w->mem, 0, BYTES);
	virtq_driver_init(&layout, w->mem, LEN, false);
	w->addr = virtq_driver_addr(&layout, GPA);
	r.host = w->mem;
	if (guest_memory_add(&w->table, &r, NULL) == -1)
		abort();
	shadow_region(w->shadow, &f);
	r = (struct guest_region){ .gpa = f.gpa, .user = f.user,
	    .len = f.len };
	if (guest_memory_map(&w->seen, &r, f.fd, f.offset, NULL) == -1)
		abort();
	w->ring = guest_memory_at(&w->seen, f.gpa, f.len);
	return w;
}

static void
step(struct world *w, struct input *in)
{
	switch (take_bytes(in, 1) % OPS) {
	case GUEST:
		scribble(in, w->mem, BYTES);
		break;
	case RING:
		scribble(in, w->ring, 0x8000);
		break;
	case RUN:
		(void)shadow_run(w->shadow, 0);
		break;
	case ANSWER:
		if (!virtq_pop(&w->back, &w->chain))
			break;
		(void)virtq_copy_in(&w->chain, take_bytes(in, 2), in->p,
		    in->left);
		virtq_push(&w->back, w->chain.head, take_bytes(in, 4));
		(void)virtq_flush(&w->back);
		break;
	case RESTART:
		(void)shadow_stop(w->shadow, 0);
		start(w, w->guest.avail_idx);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t none;
	struct input in = { data, size };
	struct world *w;
	uint8_t flags = (uint8_t)take_bytes(&in, 1);

	w = world(flags & FLAG_DISK);
	w->flags = flags;
	memset(w->mem, 0, BYTES);
	(void)shadow_set_pending(w->shadow, 0, &none, 0, NULL);
	start(w, (uint16_t)take_bytes(&in, 2));
	for (unsigned n = 0; n < STEPS && in.left > 0; n++)
		step(w, &in);
	(void)shadow_run(w->shadow, 0);
	(void)shadow_stop(w->shadow, 0);
	return 0;
}
