/* SPDX-License-Identifier: ISC */
/*
 * vsock_conn.h - one connection; private to the vsock_*.c files
 *
 * vsock_mux.c has the table of connections and the order in which they may
 * send, vsock_conn.c what a connection does, vsock_host.c how one begins on
 * the host's side.
 */

#ifndef VIOD_VSOCK_CONN_H
#define VIOD_VSOCK_CONN_H

#include <sys/queue.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "os/event.h"
#include "viod/vsock_mux.h"
#include "virtio/virtio.h"

/* Both directions of a SHUTDOWN packet. */
#define SHUT_BOTH	(VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

enum conn_state {
	/*
	 * The host asked.  The guest may answer RESPONSE or RST; the socket
	 * is not read, only watched for its peer going away.
	 */
	CONN_ASKED,
	/* Data both ways, until each direction is closed. */
	CONN_OPEN,
	/*
	 * Both directions are closed and the socket too.  The guest may
	 * confirm with RST or SHUTDOWN of both; the rest is ignored.
	 */
	CONN_CLOSING,
	/*
	 * The guest has forgotten the connection: it is no longer in the
	 * table and lives until what the guest sent is with the host.
	 */
	CONN_FLUSHING,
	/* A reset is owed to the guest; everything from it is ignored. */
	CONN_RESET,
};

/* Packets owed to the guest, sent in the order of vsock_conn_output(). */
enum {
	OWE_REQUEST	= 1,
	OWE_RESPONSE	= 2,
	OWE_CREDIT	= 4,	/* tell what we have consumed */
	OWE_ASK		= 8,	/* ask what the guest has consumed */
	OWE_RST		= 16,
};

struct conn {
	struct vsock_mux	*mux;
	LIST_ENTRY(conn)	 all;
	LIST_ENTRY(conn)	 hash;		/* not when CONN_FLUSHING */
	TAILQ_ENTRY(conn)	 ready;		/* while is_ready */
	bool			 is_ready;	/* may have a packet to send */

	enum conn_state		 state;
	uint32_t		 guest_port;
	uint32_t		 host_port;
	unsigned		 owed;		/* OWE_* */
	uint32_t		 shut_owed;	/* SHUTDOWN flags to tell */
	uint32_t		 shut_told;	/* told so far */
	uint32_t		 shut_guest;	/* flags of the guest */

	int			 fd;		/* host's socket, or -1 */
	struct event_watch	 watch;		/* on it */
	struct event_timer	 timer;		/* while asked, closing */
	bool			 readable;	/* fd may have bytes */
	bool			 bulk;		/* much came last time */
	bool			 parked;	/* guest cannot take it */
	bool			 asked;		/* for credit, since it was 0 */
	bool			 eof;		/* nothing more to the guest */
	bool			 done;		/* nothing more to the host */

	/* Bytes, modulo 2^32: section 5.10.6.3. */
	uint32_t		 peer_alloc;	/* guest's buffer */
	uint32_t		 peer_fwd;	/* consumed by the guest */
	uint32_t		 sent;		/* to the guest */
	uint32_t		 received;	/* from the guest */
	uint32_t		 fwd;		/* of these, consumed by us */
	uint32_t		 fwd_told;	/* as the guest knows it */
	struct buf		 buf;		/* received, not consumed */
};

/*
 * A new connection over 'fd', which becomes its own.  NULL (fd stays the
 * caller's) when there are too many or no memory.  Sends 'owed' first.
 */
struct conn *vsock_conn_new(struct vsock_mux *, int fd, uint32_t guest_port,
	    uint32_t host_port, unsigned owed);
void	vsock_conn_free(struct conn *);

/* A packet of the guest for this connection; it may be freed. */
void	vsock_conn_input(struct conn *, const struct virtio_vsock_hdr *,
	    struct iovec *, unsigned n);

/* The guest broke the protocol: end both sides. */
void	vsock_conn_bad(struct conn *);

/*
 * The next packet into hdr and iov (for at most 'cap' bytes of payload; the
 * caller may cut it up).
 * 1: made; 0: there is none and the connection is not ready any more;
 * -1: made, and the connection is freed.
 */
int	vsock_conn_output(struct conn *, struct virtio_vsock_hdr *,
	    struct iovec *, unsigned n, size_t cap);

/* The guest is gone or said RST: let the host have what is left, then end. */
void	vsock_conn_forget(struct conn *);

/* --- vsock_mux.c ---------------------------------------------------------- */

LIST_HEAD(conn_list, conn);
TAILQ_HEAD(conn_queue, conn);
struct vsock_host;

#define VSOCK_BUCKETS	1024	/* a power of 2 */

struct vsock_rst {
	uint64_t	src_cid;	/* as the guest will see it */
	uint32_t	src_port;
	uint32_t	dst_port;
	uint16_t	type;
};

struct vsock_mux {
	struct vsock_mux_config	 config;
	bool			 guest_ready;
	struct event_timer	 output;	/* run wake() in the loop */
	struct vsock_host	*host;
	uint64_t		 seed;		/* of the hash; random */
	uint32_t		 next_port;	/* host's port to try */
	size_t			 buffered;	/* bytes in all conn.buf */
	struct conn_list	 conns;
	struct conn_list	 buckets[VSOCK_BUCKETS];
	struct conn_queue	 ready;		/* round robin */
	struct vsock_rst	 rsts[VSOCK_RSTS_MAX];	/* ring */
	unsigned		 rst_head;
	unsigned		 nrsts;
	struct vsock_stats	 stats;
};

struct conn *vsock_mux_find(struct vsock_mux *, uint32_t guest_port,
	    uint32_t host_port);
void	vsock_mux_insert(struct vsock_mux *, struct conn *);
/* A port of the host nobody uses with this port of the guest. */
uint32_t vsock_mux_port(struct vsock_mux *, uint32_t guest_port);
/* Have the connection's output called. */
void	vsock_mux_want(struct vsock_mux *, struct conn *);
/* Answer a packet that belongs to no connection. */
void	vsock_mux_refuse(struct vsock_mux *, const struct virtio_vsock_hdr *);

/* --- vsock_host.c --------------------------------------------------------- */

int	vsock_host_new(struct vsock_host **, struct vsock_mux *, struct err *);
void	vsock_host_destroy(struct vsock_host *);
/* The guest asks for a port of the host. */
void	vsock_host_dial(struct vsock_host *, const struct virtio_vsock_hdr *);
/* A descriptor became free: accept again if that had to stop. */
void	vsock_host_resume(struct vsock_host *);
/* Tell the host's program why it is refused, and close. */
void	vsock_host_refuse(int fd, const char *why);

#endif
