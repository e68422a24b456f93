/* SPDX-License-Identifier: ISC */
/*
 * aio.h - reading and writing one file without waiting for it
 *
 * Engines: aio_uring.c (Linux), aio_threads.c (everywhere, and where
 * io_uring is refused).  Requests are queued, started together by
 * aio_kick(), and given back through the done function: from the event
 * loop, from aio_wait(), or from aio_queue() and aio_kick() when they were
 * done at once.
 */

#ifndef VIOD_AIO_H
#define VIOD_AIO_H

#include <sys/uio.h>

#include <stdint.h>

#include "lib/err.h"
#include "os/event.h"

enum aio_op {
	AIO_READ,	/* iov from offset on */
	AIO_WRITE,	/* iov to offset */
	AIO_WRITE_SYNC,	/* and durable when done */
	AIO_SYNC,	/* what was done before is durable */
	AIO_PUNCH,	/* [offset, +len) reads as zeroes, without blocks */
	AIO_ZERO,	/* the same, and the blocks stay */
};

/* A request; the caller's memory, untouchable until it is given back. */
struct aio_req {
	enum aio_op	 op;
	struct iovec	*iov;		/* consumed by short transfers */
	unsigned	 niov;
	uint64_t	 offset;	/* bytes */
	uint64_t	 len;		/* bytes in iov, or of the range */
	int		 error;		/* when done: 0 or an errno */
	struct aio_req	*next;		/* the engine's */
	void		*owner;		/* the disk format's */
};

struct aio;
typedef void aio_done(void *arg, struct aio_req *);
typedef void aio_batch(void *arg);

struct aio_setup {
	struct event_loop	*loop;
	int			 fd;		/* borrowed, outlives the aio */
	aio_done		*done;		/* a request is done */
	aio_batch		*batch;		/* after some done calls from
						 * the event loop */
	void			*arg;
};

struct aio_engine {
	const char	*name;
	int	(*start)(struct aio **, const struct aio_setup *,
		    struct err *);
	void	(*destroy)(struct aio *);
	void	(*queue)(struct aio *, struct aio_req *);
	void	(*kick)(struct aio *);
	void	(*wait)(struct aio *);
};

/* Engines in order of preference, NULL at the end. */
extern const struct aio_engine *const aio_engines[];
extern const struct aio_engine aio_uring, aio_threads;

/*
 * Start the first engine that works, or the one named.  destroy requires
 * that nothing is in flight.
 */
int	aio_new(struct aio **, const struct aio_setup *, const char *name,
	    struct err *);
void	aio_destroy(struct aio *);
const char *aio_name(const struct aio *);

/* Queue a request; it may be started at once, at the latest by a kick. */
void	aio_queue(struct aio *, struct aio_req *);
void	aio_kick(struct aio *);

/* Wait until at least one request was given back; one must be in flight. */
void	aio_wait(struct aio *);

/*
 * For engines: what a system call returned for r ('ret': bytes, or minus an
 * errno).  True: r is done, r->error set.  False: r was cut short and is
 * now what is left of it.
 */
int	aio_settle(struct aio_req *, int64_t ret);

/* For engines: do it now, by a system call. */
void	aio_perform(int fd, struct aio_req *);

/* First member of every engine's struct aio. */
struct aio {
	const struct aio_engine	*engine;
	struct aio_setup	 setup;
};

#endif
