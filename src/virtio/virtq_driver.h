/* SPDX-License-Identifier: ISC */
/*
 * virtq_driver.h - driver side of a split virtqueue (virtio 1.2, 2.7)
 *
 * What a guest's driver does, for tests and benchmarks of back-ends, and
 * for a VMM between a guest and a device (shadow.h).  The device is not
 * trusted: what it can write is read once and checked, and nothing that is
 * needed later lies where it can write.
 */

#ifndef VIRTIO_VIRTQ_DRIVER_H
#define VIRTIO_VIRTQ_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/virtio.h"
#include "virtio/virtq.h"

struct virtq_driver {
	uint16_t		 len;
	struct virtq_desc	*desc;
	struct virtq_avail	*avail;
	struct virtq_used	*used;
	uint16_t		 avail_idx;	/* next to fill */
	uint16_t		 shown_idx;	/* the device saw */
	uint16_t		 used_idx;	/* next to read */
	uint16_t		 free;		/* first free descriptor */
	uint16_t		 nfree;
	uint16_t		 inflight;	/* chains the device has */
	bool			 event_idx;	/* negotiated */
	const char		*broken;	/* why, or NULL */
	uint16_t		 next[VIRTQ_LEN_MAX];	/* or free */
	uint16_t		 count[VIRTQ_LEN_MAX];	/* by head */
	void			*cookie[VIRTQ_LEN_MAX];	/* by head */
};

/* A buffer by its guest physical address. */
struct virtq_buf {
	uint64_t	gpa;
	uint32_t	len;
};

/* Bytes of memory for a queue of len descriptors. */
size_t	virtq_driver_bytes(uint16_t len);

/* Lay a queue out in zeroed memory, aligned to 16. */
void	virtq_driver_init(struct virtq_driver *, void *memory, uint16_t len,
	    bool event_idx);

/* Begin at another index than 0; for a queue without chains. */
void	virtq_driver_begin(struct virtq_driver *, uint16_t idx);

/* The parts' addresses when 'memory' is at 'user' for the front-end. */
struct virtq_addr virtq_driver_addr(const struct virtq_driver *,
	    uint64_t user);

/*
 * Add a chain: nout readable buffers, then nin writable ones.  False when
 * the descriptors do not suffice.  The device sees it after _show().
 */
bool	virtq_driver_add(struct virtq_driver *, const struct virtq_buf *,
	    unsigned nout, unsigned nin, void *cookie);

/* Show what was added.  True when the device wants a kick. */
bool	virtq_driver_show(struct virtq_driver *);

/*
 * The next finished chain's cookie; false when there is none, or when the
 * device answers what it was not asked: the queue is then broken.
 * 'written' is what the device claims.
 */
bool	virtq_driver_get(struct virtq_driver *, void **cookie,
	    uint32_t *written);

/* Ask for no interrupt, or for the next one; true: look again first. */
void	virtq_driver_quiet(struct virtq_driver *);
bool	virtq_driver_wait(struct virtq_driver *);

#endif
