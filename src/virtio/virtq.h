/* SPDX-License-Identifier: ISC */
/*
 * virtq.h - device side of a split virtqueue (virtio 1.2, section 2.7)
 *
 * The guest owns the memory and changes it whenever it likes: every field
 * is read once, checked, and used from the copy.  A guest that breaks the
 * rules gets its queue marked broken (with the reason); a broken queue
 * pops nothing until it is set up again.
 *
 * Where the memory has a log (guest_memory.h), what may be written of a
 * chain is marked when it is pushed, and the used ring whenever it changes.
 *
 * A batch is: notify off, pop until empty, push as requests finish, one
 * virtq_flush() for all of them, notify on.
 */

#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "virtio/guest_memory.h"
#include "virtio/inflight.h"
#include "virtio/virtio.h"

#define VIRTQ_LEN_MAX	1024	/* descriptors of a queue; a power of 2 */
#define VIRTQ_IOV_MAX	136	/* pieces of a chain after translation */

struct virtq {
	const struct guest_memory	*mem;
	uint16_t			 len;		/* power of 2 */
	const struct virtq_desc		*desc;		/* in guest memory */
	struct virtq_avail		*avail;
	struct virtq_used		*used;
	uint16_t			 avail_idx;	/* next to pop */
	uint16_t			 used_idx;	/* next to push */
	uint16_t			 flushed_idx;	/* what the guest saw */
	bool				 event_idx;	/* negotiated */
	bool				 indirect;	/* negotiated */
	const char			*broken;	/* why, or NULL */

	uint64_t	 popped[VIRTQ_LEN_MAX / 64];	/* a bit a head */
	uint64_t	 counter;	/* chains ever popped */
	struct inflight	*inflight;	/* or NULL; borrowed */
	unsigned	 nreplay;	/* of an earlier back-end: */
	unsigned	 replayed;	/* popped before all others */
	bool		 last_replay;	/* the last pop was one of them */
	uint16_t	 replay[VIRTQ_LEN_MAX];
};

/* A request: what the guest wrote for us, then what we may write. */
struct virtq_chain {
	uint16_t	 head;		/* the chain's name when pushed */
	unsigned	 nout;		/* readable pieces: iov[0..nout) */
	unsigned	 nin;		/* writable: iov[nout..nout + nin) */
	uint64_t	 out_len;	/* bytes readable */
	uint64_t	 in_len;	/* bytes writable; both below 2^32 */
	struct iovec	 iov[VIRTQ_IOV_MAX];
};

/* Where the parts of a queue are, in the front-end's address space. */
struct virtq_addr {
	uint64_t	desc;
	uint64_t	avail;
	uint64_t	used;
};

/*
 * Set up over 'mem', which must outlive the queue.  'base' is the index of
 * the next chain to pop; the used index is read from the guest's memory.
 * Refused: a length that is 0, over the maximum or no power of 2; addresses
 * outside of the memory or misaligned.  event_idx and indirect are the
 * caller's to set afterwards.
 */
int	virtq_init(struct virtq *, const struct guest_memory *, uint16_t len,
	    const struct virtq_addr *, uint16_t base, struct err *);

/*
 * Record what is in flight in memory that survives us, and first pop again
 * what the back-end before us left there; 'base' loses its meaning.  The
 * memory stays the caller's.  Refused when the record is not this queue's.
 */
int	virtq_track(struct virtq *, struct inflight *, struct err *);

/*
 * First pop these n chains again: popped before the queue was stopped and
 * never pushed.  For a queue that was just set up; heads that are out of
 * range break it when they are popped.
 */
void	virtq_redo(struct virtq *, const uint16_t *heads, unsigned n);

/*
 * After a change of 'mem' with chains still popped: look the parts up
 * again.  Indices stay.  No chain may be held across it.
 */
int	virtq_remap(struct virtq *, const struct virtq_addr *, struct err *);

/*
 * The next chain, translated and checked.  False when the queue is empty
 * or broken; the chain is then undefined.
 */
bool	virtq_pop(struct virtq *, struct virtq_chain *);

/* Put back the chain that was popped last; it will be popped again. */
void	virtq_unpop(struct virtq *, uint16_t head);

/*
 * Chain 'head' is done; 'written' bytes of its writable part were filled.
 * The guest sees it at the next virtq_flush().
 */
void	virtq_push(struct virtq *, uint16_t head, uint32_t written);

/*
 * Show the guest everything pushed since the last flush.  True when it
 * wants to be interrupted: signal the call descriptor once.
 */
bool	virtq_flush(struct virtq *);

/*
 * Ask for no more notifications (a hint), or for the next one.
 * virtq_notify_on() returns true when chains arrived meanwhile: pop again,
 * no notification will come for them.
 */
void	virtq_notify_off(struct virtq *);
bool	virtq_notify_on(struct virtq *);

/*
 * As virtq_notify_on() when the first 'waiting' chains do not suffice: they
 * were popped and put back.  True when there are more.
 */
bool	virtq_notify_past(struct virtq *, unsigned waiting);

/* Chains the guest has made available and nobody popped; 0 when broken. */
unsigned virtq_waiting(struct virtq *);

/* The guest broke the rules; 'why' is a static string. */
void	virtq_break(struct virtq *, const char *why);

/*
 * Copy from the readable pieces, or to the writable ones, beginning
 * 'offset' bytes into them.  Returns the bytes copied: fewer than len where
 * the chain ends.
 */
size_t	virtq_copy_out(const struct virtq_chain *, uint64_t offset, void *to,
	    size_t len);
size_t	virtq_copy_in(const struct virtq_chain *, uint64_t offset,
	    const void *from, size_t len);

#endif
