/* SPDX-License-Identifier: ISC */
/*
 * frontend.h - the VMM's end of a vhost-user connection
 *
 * Every call sends one request and waits for what comes back; with
 * REPLY_ACK all of them are confirmed, so a refusal is an error here and
 * not a surprise later.  Waiting costs two context switches a request:
 * with 'batch' set, requests without an answer are only sent, and
 * frontend_sync() tells whether all of them were taken.  The socket is
 * blocking; give it SO_RCVTIMEO and SO_SNDTIMEO if a back-end may be stuck.
 */

#ifndef VIRTIO_FRONTEND_H
#define VIRTIO_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "virtio/vhost_user.h"
#include "virtio/virtq.h"

struct frontend {
	int			sock;		/* ours, or -1 */
	uint64_t		offered;	/* by the back-end */
	uint64_t		features;	/* accepted */
	uint64_t		protocol;	/* accepted */
	bool			batch;		/* see above; the caller's */
	unsigned		sent;		/* requests so far */
	unsigned		waits;		/* for an answer, so far */
	struct vhost_user_rx	rx;
};

/* Memory to share: a descriptor (borrowed) and where it is mapped. */
struct frontend_region {
	uint64_t	gpa;
	uint64_t	len;
	uint64_t	user;		/* our address of it */
	uint64_t	offset;		/* into fd */
	int		fd;
};

struct frontend_queue {
	uint16_t		len;
	uint16_t		base;		/* next chain to pop */
	struct virtq_addr	addr;		/* our addresses */
	int			kick;		/* borrowed */
	int			call;
	int			err;		/* or -1 */
	bool			log;		/* mark its used ring; our
						   addresses are then guest
						   physical ones */
};

/*
 * Take a connected socket, learn what is offered and agree on all of the
 * protocol that both know.  The socket is closed by frontend_fini(), also
 * after a failure.
 */
int	frontend_open(struct frontend *, int sock, struct err *);
void	frontend_fini(struct frontend *);

/* Accept, of 'want', those features that the back-end offers. */
int	frontend_features(struct frontend *, uint64_t want, struct err *);

/* Both. */
int	frontend_init(struct frontend *, int sock, uint64_t want,
	    struct err *);

/* Everything sent until now was acted upon; -1: the back-end is gone. */
int	frontend_sync(struct frontend *, struct err *);

int	frontend_memory(struct frontend *, const struct frontend_region *,
	    unsigned n, struct err *);

/* Start queue n; stop it and learn the index of the next chain. */
int	frontend_start(struct frontend *, unsigned n,
	    const struct frontend_queue *, struct err *);
int	frontend_stop(struct frontend *, unsigned n, uint16_t *base,
	    struct err *);

/*
 * A log (fd of a struct guest_log, borrowed) for what the back-end writes
 * while it has accepted VHOST_F_LOG_ALL; frontend_can_log(): it knows how.
 * Queues may run, whose addresses are then said again, to change 'log'.
 */
bool	frontend_can_log(const struct frontend *);
int	frontend_log(struct frontend *, int fd, uint64_t bytes, struct err *);
int	frontend_addr(struct frontend *, unsigned n,
	    const struct frontend_queue *, struct err *);

/*
 * A connection for requests of the back-end: *fd, which does not block, is
 * the caller's; -1: this back-end has none.  frontend_request() takes the
 * next one and answers it: 1 and what it is (a VHOST_USER_BACKEND_), 0 when
 * there is none now, -1 when the connection is over.  Descriptors that come
 * with requests are closed, and what is not a config change is refused.
 */
int	frontend_channel(struct frontend *, int *fd, struct err *);
int	frontend_request(int fd, struct vhost_user_rx *, uint32_t *ret,
	    struct err *);

/* How many queues the back-end has; 1 when it cannot tell. */
int	frontend_queues(struct frontend *, unsigned *ret, struct err *);
/* The config space; frontend_has_config(): there is one to ask for. */
bool	frontend_has_config(const struct frontend *);
int	frontend_config(struct frontend *, void *to, uint32_t offset,
	    uint32_t len, struct err *);
int	frontend_config_set(struct frontend *, const void *from,
	    uint32_t offset, uint32_t len, struct err *);

/*
 * The in-flight record: ask the back-end to make one (the caller owns
 * *fd), and give it to the back-end, or to the next one after a crash.
 */
int	frontend_inflight_get(struct frontend *, struct vhost_user_inflight *,
	    int *fd, struct err *);
int	frontend_inflight_set(struct frontend *,
	    const struct vhost_user_inflight *, int fd, struct err *);

/*
 * RESET_DEVICE: all queues stop, features are forgotten.  A back-end that
 * does not know it is not asked.
 */
int	frontend_reset(struct frontend *, struct err *);

/*
 * What the others are built of: send m (its descriptors stay the caller's)
 * and, where an answer is due, replace it by the answer.
 */
int	frontend_call(struct frontend *, struct vhost_user_msg *,
	    struct err *);

#endif
