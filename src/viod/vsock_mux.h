/* SPDX-License-Identifier: ISC */
/*
 * vsock_mux.h - stream sockets between a guest and unix sockets of the host
 *
 * The protocol of the socket device (virtio 1.2, section 5.10.6) without its
 * queues: the device hands in each packet of the guest and fetches packets
 * for it whenever it has a buffer to put one in.  Nothing is made ahead, so
 * a guest without buffers costs no memory, and bytes go between the guest's
 * memory and the sockets without a copy.
 *
 * The host's side is the protocol of Firecracker and Cloud Hypervisor:
 *
 *   host to guest   connect to the listening socket, write "CONNECT 22\n",
 *		     read "OK 1073741824\n" or "ERR why\n"; what follows on
 *		     either side is the stream.
 *   guest to host   a connection to CID 2, port N is one to vsock.sock_N in
 *		     the directory; nobody listening is a reset.
 *
 * Each direction is closed on its own (shutdown(2) <-> SHUTDOWN); bytes a
 * side has sent are delivered before its end is.
 */

#ifndef VIOD_VSOCK_MUX_H
#define VIOD_VSOCK_MUX_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

struct event_loop;
struct virtio_vsock_hdr;

#define VSOCK_CONNS_MAX		2048	/* connections of a guest */
#define VSOCK_HANDSHAKES_MAX	256	/* without a whole line yet; the
					   oldest makes room for a new one */
#define VSOCK_BUF_ALLOC		(128 * 1024)	/* bytes a guest may send on
						   a connection unread */
#define VSOCK_BUFFERED_MAX	(64 << 20)	/* bytes held for slow readers
						   in all; over it the next
						   is reset */
#define VSOCK_RSTS_MAX		128	/* resets owed for no connection; then
					   no more packets are taken */
#define VSOCK_PIECES_MAX	136	/* of a guest's buffer that are used */
#define VSOCK_BATCH_MAX		16	/* buffers filled by one read */
#define VSOCK_ANSWER_MS		30000	/* for a guest to accept or refuse */
#define VSOCK_CLOSE_MS		8000	/* for a guest to confirm an end */

struct vsock_stats {
	uint64_t	 conns;		/* open now */
	uint64_t	 opened;
	uint64_t	 refused;	/* by either side */
	uint64_t	 resets;	/* sent, for whatever reason */
	uint64_t	 bad_packets;	/* against the protocol */
	uint64_t	 unknown_ops;	/* ignored */
	uint64_t	 to_guest;	/* bytes of payload */
	uint64_t	 to_host;
};

struct vsock_mux_config {
	uint64_t		 cid;		/* the guest's, 3 or more */
	int			 listen_fd;	/* vsock.sock; borrowed */
	int			 dirfd;		/* of vsock.sock_N; borrowed */
	struct event_loop	*loop;
	/*
	 * Called from the event loop, never from within a function below:
	 * there may be packets to fetch.
	 */
	void			(*wake)(void *);
	void			*arg;
};

struct vsock_mux;

int	vsock_mux_new(struct vsock_mux **, const struct vsock_mux_config *,
	    struct err *);
void	vsock_mux_destroy(struct vsock_mux *);
OWN_DEFINE(struct vsock_mux, vsock_mux_destroy);

/*
 * Is the guest's driver there to answer?  While it is not (it is not to
 * begin with), the host's connections are refused; those that exist wait.
 */
void	vsock_mux_ready(struct vsock_mux *, bool);

/* The guest knows of no connection any more: end them all. */
void	vsock_mux_reset(struct vsock_mux *);

/*
 * A packet of the guest: its header and the 'n' pieces of guest memory
 * behind it, of which hdr->len bytes are read; the array is clobbered.  Call
 * it only while vsock_mux_may_input(): false means that resets are owed and
 * vsock_mux_output() must be called before.
 */
bool	vsock_mux_may_input(const struct vsock_mux *);
void	vsock_mux_input(struct vsock_mux *, const struct virtio_vsock_hdr *,
	    struct iovec *, unsigned n);

/* A buffer of the guest, in pieces of its memory. */
struct vsock_buffer {
	const struct iovec	*iov;
	unsigned		 n;
	size_t			 used;	/* result: bytes of the packet in it */
};

/*
 * How many buffers the next vsock_mux_output() can make use of, at most
 * VSOCK_BATCH_MAX; 0: there is nothing to put into them.
 */
unsigned vsock_mux_wants(const struct vsock_mux *);

/*
 * Put packets into buffers, one each.  Returns how many were filled, from
 * the first on, and sets 'used' of these.  0: there was nothing after all,
 * or the first does not hold a header; buffers may have been touched.
 */
unsigned vsock_mux_output(struct vsock_mux *, struct vsock_buffer *,
	    unsigned n);

const struct vsock_stats *vsock_mux_stats(const struct vsock_mux *);

#endif
