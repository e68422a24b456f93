/* SPDX-License-Identifier: ISC */
/*
 * vhost_user.h - messages of the vhost-user protocol, for both ends
 *
 * A front-end (VMM) asks over a unix stream socket, a back-end (viod)
 * answers.  A message is a header, at most VHOST_USER_PAYLOAD_MAX bytes and
 * at most VHOST_USER_FDS_MAX descriptors.  Source: QEMU's
 * docs/interop/vhost-user.rst.
 */

#ifndef VIRTIO_VHOST_USER_H
#define VIRTIO_VHOST_USER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "virtio/guest_memory.h"

#define VHOST_USER_FDS_MAX	8
#define VHOST_USER_CONFIG_MAX	256	/* bytes of a config space */
#define VHOST_USER_PAYLOAD_MAX	272
#define VHOST_USER_HEADER	12

/* Requests of the front-end. */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES		= 1,
	VHOST_USER_SET_FEATURES		= 2,
	VHOST_USER_SET_OWNER		= 3,
	VHOST_USER_RESET_OWNER		= 4,
	VHOST_USER_SET_MEM_TABLE	= 5,
	VHOST_USER_SET_LOG_BASE		= 6,
	VHOST_USER_SET_VRING_NUM	= 8,
	VHOST_USER_SET_VRING_ADDR	= 9,
	VHOST_USER_SET_VRING_BASE	= 10,
	VHOST_USER_GET_VRING_BASE	= 11,
	VHOST_USER_SET_VRING_KICK	= 12,
	VHOST_USER_SET_VRING_CALL	= 13,
	VHOST_USER_SET_VRING_ERR	= 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM	= 17,
	VHOST_USER_SET_VRING_ENABLE	= 18,
	VHOST_USER_SET_BACKEND_REQ_FD	= 21,	/* sent, not understood */
	VHOST_USER_GET_CONFIG		= 24,
	VHOST_USER_SET_CONFIG		= 25,
	VHOST_USER_GET_INFLIGHT_FD	= 31,
	VHOST_USER_SET_INFLIGHT_FD	= 32,
	VHOST_USER_RESET_DEVICE		= 34,
	VHOST_USER_SET_STATUS		= 39,
	VHOST_USER_GET_STATUS		= 40,
	VHOST_USER_REQUESTS		= 41,	/* table size */
};

/* Requests of the back-end, on a connection of their own. */
enum { VHOST_USER_BACKEND_CONFIG_CHANGE = 2 };

/* Header flags. */
enum {
	VHOST_USER_VERSION	= 1,		/* in the two lowest bits */
	VHOST_USER_VERSION_MASK	= 3,
	VHOST_USER_REPLY	= 4,
	VHOST_USER_NEED_REPLY	= 8,
};

/* Feature bits of the protocol beside the device's own. */
enum {
	VHOST_F_LOG_ALL			= 26,	/* mark what is written */
	VHOST_USER_F_PROTOCOL_FEATURES	= 30,
};

/* Protocol feature bits. */
enum {
	VHOST_USER_PROTOCOL_F_MQ		= 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD		= 1,
	VHOST_USER_PROTOCOL_F_REPLY_ACK		= 3,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ	= 5,
	VHOST_USER_PROTOCOL_F_CONFIG		= 9,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD	= 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE	= 13,
	VHOST_USER_PROTOCOL_F_STATUS		= 16,
};

/* SET_VRING_KICK, _CALL, _ERR: the queue, and "no descriptor comes". */
#define VHOST_USER_VRING_INDEX	0xffULL
#define VHOST_USER_VRING_NOFD	0x100ULL

struct vhost_user_vring_state {
	uint32_t	index;
	uint32_t	num;
};

/* Of an address's flags: the used ring is to be marked in the log, too. */
enum { VHOST_USER_VRING_LOG = 1 };

struct vhost_user_vring_addr {
	uint32_t	index;
	uint32_t	flags;
	uint64_t	desc;		/* front-end's virtual addresses */
	uint64_t	used;
	uint64_t	avail;
	uint64_t	log;		/* used ring, guest physical */
};

/* SET_LOG_BASE: a struct guest_log in the descriptor that comes with it. */
struct vhost_user_log {
	uint64_t	mmap_size;
	uint64_t	mmap_offset;
};

struct vhost_user_region {
	uint64_t	gpa;
	uint64_t	len;
	uint64_t	user;
	uint64_t	offset;		/* into its descriptor */
};

struct vhost_user_memory {
	uint32_t			nregions;
	uint32_t			padding;
	struct vhost_user_region	regions[GUEST_REGIONS_MAX];
};

struct vhost_user_config {
	uint32_t	offset;
	uint32_t	size;
	uint32_t	flags;
	uint8_t		bytes[VHOST_USER_CONFIG_MAX];
};
#define VHOST_USER_CONFIG_HEADER	12

struct vhost_user_inflight {
	uint64_t	mmap_size;
	uint64_t	mmap_offset;
	uint16_t	num_queues;
	uint16_t	queue_size;
	uint32_t	padding;
};

/*
 * A message.  The descriptors of a received one are its owner's: taken
 * with take_fd(), or closed by vhost_user_fini().
 */
struct vhost_user_msg {
	uint32_t	request;
	uint32_t	flags;
	uint32_t	size;		/* bytes of payload that count */
	unsigned	nfds;
	int		fds[VHOST_USER_FDS_MAX];	/* -1 behind nfds */
	union {
		uint64_t			u64;
		struct vhost_user_vring_state	state;
		struct vhost_user_vring_addr	addr;
		struct vhost_user_memory	memory;
		struct vhost_user_config	config;
		struct vhost_user_inflight	inflight;
		struct vhost_user_log		log;
		uint8_t				bytes[VHOST_USER_PAYLOAD_MAX];
	} u;
};

/* Zeroed, version set, no descriptors. */
void	vhost_user_init(struct vhost_user_msg *, enum vhost_user_request,
	    uint32_t size);
/* Close the descriptors that are left. */
void	vhost_user_fini(struct vhost_user_msg *);

/* Name for messages, "request 77" style for unknown ones (static). */
const char *vhost_user_name(uint32_t request);

/*
 * Is this a request a back-end may act on: known, of the length its kind
 * has, with the descriptors it must have and no others, inner counts within
 * bounds?  On failure the err says what is wrong.
 */
int	vhost_user_check(const struct vhost_user_msg *, struct err *);

/* Does the request have an answer of its own (beside REPLY_ACK)? */
int	vhost_user_has_answer(uint32_t request);

/* A message that is being received. */
struct vhost_user_rx {
	size_t		have;		/* bytes in msg_bytes */
	unsigned	nfds;
	int		fds[VHOST_USER_FDS_MAX];
	uint8_t		bytes[VHOST_USER_HEADER + VHOST_USER_PAYLOAD_MAX];
};

void	vhost_user_rx_init(struct vhost_user_rx *);
void	vhost_user_rx_fini(struct vhost_user_rx *);

/*
 * Receive from a socket, blocking or not.  1: *ret is a whole message, the
 * caller's to vhost_user_fini().  0: the rest has not come yet.  -1: the
 * peer is gone (err number EPIPE) or talks nonsense; hang up.
 */
int	vhost_user_recv(struct vhost_user_rx *, int sock,
	    struct vhost_user_msg *ret, struct err *);

/*
 * The same for bytes that are already here: takes one message from the
 * front of rx->bytes if it is whole.  What vhost_user_recv() is built of.
 */
int	vhost_user_decode(struct vhost_user_rx *, struct vhost_user_msg *ret,
	    struct err *);

/*
 * Send; the descriptors stay the caller's.  A socket that does not take a
 * whole message at once is an error: the peer asked more than it reads.
 */
int	vhost_user_send(int sock, const struct vhost_user_msg *, struct err *);

#endif
