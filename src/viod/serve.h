/* SPDX-License-Identifier: ISC */
/*
 * serve.h - a virtio device served over vhost-user
 *
 * serve.c speaks the protocol, owns the queues and the guest's memory and
 * calls the device through its class; a device file knows requests only.
 * One thread, one event loop; nothing here may be called from another.
 */

#ifndef VIOD_SERVE_H
#define VIOD_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/log.h"
#include "os/event.h"
#include "virtio/guest_memory.h"
#include "virtio/vhost_user.h"
#include "virtio/virtq.h"

#define VIOD_QUEUES_MAX	16

struct viod;

/*
 * What a kind of device does.  Members marked [opt] may be NULL.  None of
 * them may fail for what a guest did: viod_broken() is for that.
 */
struct viod_class {
	const char	*name;		/* "blk": for messages */
	unsigned	 id;		/* VIRTIO_ID_... */
	bool		 inflight;	/* may answer in any order and after
					 * a restart: GET/SET_INFLIGHT_FD */

	/* [opt] Config space as it is now; *len at most 256. */
	const void *(*config)(struct viod *, size_t *len);

	/* [opt] The driver wrote len bytes at offset; -1: not writable. */
	int	(*config_set)(struct viod *, uint32_t offset,
		    const void *, uint32_t len);

	/* [opt] A queue starts and stops being served. */
	void	(*start)(struct viod *, unsigned queue);
	void	(*stop)(struct viod *, unsigned queue);

	/*
	 * There may be chains: pop and serve.  Called for every kick, and
	 * once when the queue starts.
	 */
	void	(*notify)(struct viod *, unsigned queue);

	/*
	 * [opt] Return when nothing refers to guest memory any more: every
	 * chain popped was pushed or unpopped.  A device that copies and is
	 * done when notify returns needs none.
	 */
	void	(*drain)(struct viod *);

	/*
	 * [opt] What it has counted since its start, for the VMM: words,
	 * "NAME VALUE ...", into size bytes.
	 */
	void	(*counters)(const struct viod *, char *text, size_t size);

	/* [opt] The driver is gone: disconnect, reset.  All queues stopped. */
	void	(*reset)(struct viod *);
};

struct viod_queue {
	/* As the front-end said; valid when the bool beside it is set. */
	uint16_t		 len;		/* 0: not said */
	uint16_t		 base;
	struct virtq_addr	 addr;
	bool			 have_addr;
	bool			 enabled;

	bool			 running;	/* vq is set up and served */
	bool			 told;		/* its breakage was reported */
	struct virtq		 vq;
	int			 kick;		/* or -1; ours */
	int			 call;
	int			 err;
	struct event_watch	 kicked;	/* while it runs */
	struct event_timer	 again;		/* viod_again() */
	bool			 pipe;		/* kick is one */
	unsigned		 unread;	/* kicks since the last read */
	struct viod		*viod;		/* the owner, for these */
};

/* The device's struct has this as its first member. */
struct viod {
	const struct viod_class	*class;
	struct event_loop	*loop;		/* borrowed */
	unsigned		 nqueues;
	uint64_t		 features;	/* offered */
	uint64_t		 acked;		/* by the driver */
	uint8_t			 status;
	struct viod_queue	 queues[VIOD_QUEUES_MAX];
	struct log_limit	 complaints;	/* about guest and front-end */

	/* serve.c's own. */
	struct guest_memory	 mem;
	uint64_t		 protocol;	/* acknowledged */
	int			 listener;	/* ours */
	struct event_watch	 accepting;	/* on it */
	int			 conn;		/* or -1 */
	struct event_watch	 talk;		/* on it */
	struct vhost_user_rx	 rx;
	struct guest_log	 log;		/* a mapping; bits NULL: none */
	void			*inflight;	/* mapping or NULL */
	size_t			 inflight_len;	/* bytes of it */
	uint16_t		 inflight_queues;
	uint16_t		 inflight_desc;	/* length of the longest */
};

/*
 * Set up for a device with 'nqueues' queues and its own feature bits
 * ('features'; those of queues and protocol are added).  viod_fini() undoes
 * it and closes the listener; the device must be idle.
 */
int	viod_init(struct viod *, const struct viod_class *,
	    struct event_loop *, unsigned nqueues, uint64_t features,
	    struct err *);
void	viod_fini(struct viod *);

/*
 * Serve front-ends that connect to 'fd', one after the other; fd is the
 * device's from now on.  Runs from the event loop.
 */
int	viod_listen(struct viod *, int fd, struct err *);

/* Hang up and stop every queue, as if the front-end had left. */
void	viod_hangup(struct viod *);

/* --- for devices --------------------------------------------------------- */

/* Did the driver accept this feature bit? */
static inline bool
viod_has(const struct viod *v, unsigned bit)
{
	return (v->acked & VIRTIO_BIT(bit)) != 0;
}

/* Is the queue being served? */
static inline bool
viod_running(const struct viod *v, unsigned queue)
{
	return v->queues[queue].running;
}

/* virtq_pop() for a queue that may be stopped; reports a broken one. */
bool	viod_pop(struct viod *, unsigned queue, struct virtq_chain *);

/* virtq_push(): seen by the guest after viod_flush(). */
void	viod_push(struct viod *, unsigned queue, uint16_t head,
	    uint32_t written);

/* Show the guest what was pushed; one interrupt, if it wants one. */
void	viod_flush(struct viod *, unsigned queue);

/* virtq_notify_on/off() for a queue that may be stopped. */
void	viod_notify_off(struct viod *, unsigned queue);
bool	viod_notify_on(struct viod *, unsigned queue);
bool	viod_notify_past(struct viod *, unsigned queue, unsigned waiting);

/*
 * Call notify again after everything else that is due: for a device that
 * has worked long enough on one queue.
 */
void	viod_again(struct viod *, unsigned queue);

/*
 * The guest broke the rules of the device: 'why' is a static string.  The
 * queue is dead until the driver resets the device; the front-end is told.
 */
void	viod_broken(struct viod *, unsigned queue, const char *why);

#endif
