/* SPDX-License-Identifier: ISC */
/* vhost_private.h - between vhost.c, _kinds.c, _run.c and _state.c only */

#ifndef VMM_DEV_VHOST_PRIVATE_H
#define VMM_DEV_VHOST_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/event.h"
#include "os/os.h"
#include "virtio/frontend.h"
#include "vmm/board.h"
#include "vmm/dev/vhost.h"
#include "vmm/memory.h"
#include "vmm/shadow.h"
#include "vmm/vio.h"

#define VHOST_EVENTS	2	/* the queue of a vsock that is ours */

/* Features of its kind: bits 0 to 23 (virtio 1.2, section 2.2). */
#define VHOST_OF_KIND	(VIRTIO_BIT(24) - 1)

union vhost_config {
	uint8_t				bytes[VHOST_USER_CONFIG_MAX];
	struct virtio_blk_config	blk;
	struct virtio_net_config	net;
	struct virtio_vsock_config	vsock;
	struct virtio_fs_config		fs;
	struct virtio_scsi_config	scsi;
};

/* The back-end has answered on a copied queue. */
struct vhost_call {
	struct vhost	*vhost;
	struct event_watch watch;
};

struct vhost {
	struct vio		 vio;		/* first: we are handed it */
	enum vhost_kind		 kind;
	struct frontend		 fe;
	struct shadow		*shadow;	/* NULL: memory is shared */
	struct vio_class	 local;		/* then our vio's class */
	struct vhost_call	*calls;		/* of its queues */
	bool			 lost;		/* the back-end is */
	bool			 used;		/* a driver has started it, */
	bool			 stale;		/* and another begins */
	bool			 reset_event;	/* owed to a vsock's driver */
	unsigned		 nbackend;	/* queues that are its */
	union vhost_config	 config;
	uint8_t			 writeback;	/* of a disk, at first */
	struct virtq		*events;	/* of a vsock */
	struct os_notify	 err;		/* a queue broke */
	struct event_watch	 erring;	/* on it */
	struct event_watch	 closing;	/* on the socket */
	int			 channel;	/* the back-end's requests */
	struct vhost_user_rx	 channel_rx;
	struct event_watch	 asking;	/* on channel */
	void			(*died)(void *arg, const char *name);
	void			*arg;
};

/* What the kinds disagree about. */
struct vhost_rules {
	unsigned	config_len;	/* bytes */
	uint16_t	queue_len;	/* descriptors */
	/* Fill in what the back-end leaves to us; say how many queues. */
	int		(*setup)(struct vhost *, const struct vhost_setup *,
			    unsigned have, struct err *);
};

extern const struct vhost_rules vhost_rules[VHOST_KINDS];

static inline struct vhost *
vhost_of(struct vio *vio)
{
	return (struct vhost *)vio;
}

static inline bool
vhost_accepted(const struct vhost *v, unsigned bit)
{
	return (v->vio.accepted & VIRTIO_BIT(bit)) != 0;
}

/*
 * It cannot be relied on any more: said once.  The rest is done on the main
 * thread, which sees the socket close.
 */
void	vhost_lost(struct vhost *, const struct err *);

/* The config space, but what was decided here. */
int	vhost_read_config(struct vhost *, struct err *);

/* Members of the class: vhost_run.c. */
int	vhost_start(struct vio *, struct err *);
void	vhost_stop(struct vio *);
int	vhost_start_queue(struct vio *, unsigned n, struct err *);
void	vhost_stop_queue(struct vio *, unsigned n);
void	vhost_reset(struct vio *);
int	vhost_log(struct vio *, struct err *);
void	vhost_kick(struct vio *, unsigned q);

/*
 * Events of the main thread: the back-end answered, hung up, complains, asks.
 */
void	vhost_on_call(void *arg, unsigned what);
void	vhost_on_closed(void *arg, unsigned what);
void	vhost_on_err(void *arg, unsigned what);
void	vhost_on_request(void *arg, unsigned what);

/* The same: vhost_state.c. */
json_t	*vhost_save(struct vio *);
int	 vhost_load(struct vio *, const json_t *, struct err *);

#endif
