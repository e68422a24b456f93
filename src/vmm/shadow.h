/* SPDX-License-Identifier: ISC */
/*
 * shadow.h - queues whose back-end sees copies of what the guest sends it
 *
 * A back-end can map only memory that is shared.  That of a restored or
 * forked VM is private, and that of others may be meant to stay so.  Then
 * the back-end gets queues in memory of ours, with room for data behind
 * them: chains of the guest's queue are popped, what is readable is copied
 * over and offered there, and when the back-end has answered what it wrote is
 * copied back and pushed.
 *
 * Neither side is trusted.  The guest's queue is checked by virtq.h, the
 * back-end's answers by virtq_driver.h, and no more is copied back than the
 * guest's chain holds.
 *
 * Bounded: SHADOW_BYTES of copies a queue; chains beyond that wait.  Larger
 * requests of a disk are done in parts; another chain over SHADOW_CHAIN_MAX
 * breaks the guest's queue.
 */

#ifndef VMM_SHADOW_H
#define VMM_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "virtio/frontend.h"
#include "virtio/virtq.h"

#define SHADOW_BYTES		(4U << 20)	/* of copies of a queue */
#define SHADOW_CHAIN_MAX	(2U << 20)	/* of one chain */
#define SHADOW_PART		(1U << 20)	/* of a request in parts */
#define SHADOW_PIECES_MAX	128	/* of a chain, as virtq.h can have */
#define SHADOW_GPA		0x100000ULL	/* where the back-end sees it */

struct shadow;

struct shadow_setup {
	unsigned	nqueues;
	bool		disk;		/* the requests are of virtio-blk */
};

int	shadow_new(struct shadow **ret, const struct shadow_setup *,
	    struct err *);
void	shadow_destroy(struct shadow *);
OWN_DEFINE(struct shadow, shadow_destroy);

/* The one piece of memory that the back-end needs. */
void	shadow_region(const struct shadow *, struct frontend_region *);

/*
 * An eventfd, written to when the back-end has answered on queue n: run it
 * then.  Every write is an edge; it need not be read.
 */
int	shadow_call_fd(const struct shadow *, unsigned n);

/*
 * Queue n begins.  'guest', set up, is popped from until shadow_stop();
 * event_idx is for the back-end's side.  *ret is what to tell the back-end,
 * but its err.  What was popped before the last stop, or loaded, comes first.
 */
void	shadow_start(struct shadow *, unsigned n, struct virtq *guest,
	    bool event_idx, struct frontend_queue *ret);

/*
 * The guest kicked or the back-end called: move what there is, both ways.
 * True: the guest wants an interrupt.  A run does as much as a queue holds
 * and then writes to shadow_call_fd(), for others to have a turn.  See
 * guest->broken and shadow_broken() afterwards.
 */
bool	shadow_run(struct shadow *, unsigned n);

/* What the back-end did wrong on queue n (it is not used further), or NULL. */
const char *shadow_broken(const struct shadow *, unsigned n);

/*
 * The back-end has stopped, or is gone.  What it answered is pushed, what it
 * did not is kept for the next start.  True as in shadow_run().
 */
bool	shadow_stop(struct shadow *, unsigned n);

/* The driver of a stopped queue begins anew: nothing is kept for it. */
void	shadow_forget(struct shadow *, unsigned n);

/*
 * Chains of a stopped queue that are popped and not pushed, to be saved and
 * loaded; at most VIRTQ_LEN_MAX heads.
 */
unsigned shadow_pending(const struct shadow *, unsigned n,
	    const uint16_t **heads);
int	shadow_set_pending(struct shadow *, unsigned n, const uint16_t *heads,
	    unsigned nheads, struct err *);

#endif
