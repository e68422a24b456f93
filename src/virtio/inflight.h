/* SPDX-License-Identifier: ISC */
/*
 * inflight.h - which requests a device has popped and not answered
 *
 * Memory shared with the front-end that survives the back-end (vhost-user
 * specification, "Inflight I/O tracking", split virtqueues): after a crash
 * the next back-end answers exactly the requests the last one did not.
 * The front-end can write here, so what is read is checked.
 */

#ifndef VIRTIO_INFLIGHT_H
#define VIRTIO_INFLIGHT_H

#include <stddef.h>
#include <stdint.h>

struct inflight_desc {
	uint8_t		inflight;
	uint8_t		padding[5];
	uint16_t	next;		/* list of the last batch */
	uint64_t	counter;	/* order in which it was popped */
};

/* One queue's part of the shared memory; layout of the specification. */
struct inflight {
	uint64_t		features;	/* 0: none is defined */
	uint16_t		version;	/* 1 */
	uint16_t		desc_num;	/* length of the queue */
	uint16_t		last_batch_head;
	uint16_t		used_idx;	/* as of the last whole batch */
	struct inflight_desc	desc[];
};

/* Bytes of one queue's part for a queue of len, a multiple of 64. */
size_t	 inflight_bytes(uint16_t len);

/* Part 'queue' of memory that holds equal parts for queues up to len. */
struct inflight *inflight_queue(void *memory, uint16_t len, unsigned queue);

/* A popped and a pushed-back request. */
void	 inflight_start(struct inflight *, uint16_t head, uint64_t counter);
void	 inflight_cancel(struct inflight *, uint16_t head);

/* 'head' is part of the batch that is about to be shown to the guest. */
void	 inflight_link(struct inflight *, uint16_t head);

/* The batch of n requests of a queue of len is visible up to used_idx. */
void	 inflight_commit(struct inflight *, unsigned n, uint16_t len,
	    uint16_t used_idx);

/*
 * After a reconnect: finish a batch that was cut short, and list the
 * requests that must be done again, oldest first, into heads[len].
 * used_idx is the ring's.  Returns how many, or -1 if the memory is not
 * what a back-end left there (wrong length or version).
 */
int	 inflight_recover(struct inflight *, uint16_t len, uint16_t used_idx,
	    uint16_t *heads);

#endif
