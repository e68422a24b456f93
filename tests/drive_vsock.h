/* SPDX-License-Identifier: ISC */
/*
 * drive_vsock.h - a guest's socket driver over drive.h, for a real viod
 *
 * As small as a driver can be: packets go out one by one, buffers for what
 * comes in are given back as soon as they were looked at.
 */

#ifndef DRIVE_VSOCK_H
#define DRIVE_VSOCK_H

#include "drive.h"

#define VS_CID		42
#define VS_ALLOC	(256 * 1024)	/* the guest's buffer, as Linux has */
#define VS_LEN		128		/* chains of a queue */
#define VS_BUF		4096		/* bytes of a buffer, as Linux has */
#define VS_TX_AT	(8UL << 20)	/* packets being sent; a slot each */
#define VS_TX_SLOT	(68UL << 10)
#define VS_TX_SLOTS	64

enum { VS_RX, VS_TX, VS_EVENT };

struct vs_guest {
	struct drive		 d;
	int			 dirfd;
	uint32_t		 fwd;		/* all that was received */
	unsigned		 slot;		/* of VS_TX_SLOTS */
	unsigned		 sending;	/* packets viod has not done */
	unsigned		 given;		/* buffers viod has */
	unsigned		 batch;		/* taken before they are
						   given back; 1: at once */
	struct virtio_vsock_hdr	 hdr;		/* received last */
	uint8_t			*payload;	/* until the next */
	uint8_t			*held[VS_LEN];	/* taken, not given back */
	unsigned		 nheld;
};

static inline void
vs_give(struct vs_guest *g, uint8_t *at, uint32_t len)
{
	struct virtq_buf b = { DRIVE_GPA + (uint64_t)(at - g->d.mem), len };

	if (!virtq_driver_add(&g->d.q[VS_RX], &b, 0, 1, at))
		drive_die("queue full", NULL);
	g->given++;
}

static inline void
vs_give_all(struct vs_guest *g, unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++)
		vs_give(g, g->d.mem + DRIVE_DATA + i * VS_BUF, len);
	drive_kick(&g->d, VS_RX);
}

/* A front-end appears and starts fresh queues. */
static inline void
vs_driver(struct vs_guest *g, uint64_t features)
{
	drive_hello(&g->d, features);
	for (unsigned q = 0; q < 3; q++)
		drive_start(&g->d, q, VS_LEN);
	g->given = g->nheld = g->sending = 0;
	g->fwd = 0;
}

/* A viod vsock with its socket and directory, and a driver. */
static inline void
vs_up(struct vs_guest *g, const char *viod, uint64_t features)
{
	char fd[16];
	const char *argv[] = { viod, "vsock", "-c", "42", "-l", "6", "-d", fd,
	    "-S", NULL, NULL };
	struct err e;

	memset(g, 0, sizeof(*g));
	g->batch = 1;
	drive_init(&g->d, 0);
	argv[9] = g->d.sock;
	/* Inherited, unlike everything else. */
	g->dirfd = open(g->d.dir, O_RDONLY | O_DIRECTORY);
	snprintf(fd, sizeof(fd), "%d", g->dirfd);
	(void)close(g->d.fd);
	g->d.fd = os_unix_listen(g->dirfd, "vsock.sock", 0600, 512, &e);
	if (g->d.fd == -1)
		drive_die("listen", &e);
	drive_exec(&g->d, argv);
	vs_driver(g, features);
}

static inline void
vs_down(struct vs_guest *g)
{
	(void)unlinkat(g->dirfd, "vsock.sock", 0);
	(void)unlinkat(g->dirfd, "vsock.sock_1024", 0);
	(void)close(g->dirfd);
	drive_fini(&g->d);
}

/* --- to viod -------------------------------------------------------------- */

/* Where the next packet's payload goes: VS_TX_SLOT - 44 bytes. */
static inline uint8_t *
vs_payload(struct vs_guest *g)
{
	return g->d.mem + VS_TX_AT + g->slot * VS_TX_SLOT +
	    sizeof(struct virtio_vsock_hdr);
}

/* What viod is done with. */
static inline void
vs_reap(struct vs_guest *g)
{
	uint32_t written;
	void *cookie;

	while (virtq_driver_get(&g->d.q[VS_TX], &cookie, &written))
		g->sending--;
}

/* Wait until all was taken. */
static inline bool
vs_sent(struct vs_guest *g)
{
	for (vs_reap(g); g->sending > 0; vs_reap(g))
		if (!drive_wait(&g->d, VS_TX))
			return false;
	return true;
}

/* Send 'len' bytes of a slot, header first, as they lie there. */
static inline void
vs_send_raw(struct vs_guest *g, uint32_t len)
{
	uint64_t gpa = DRIVE_GPA + VS_TX_AT + g->slot * VS_TX_SLOT;
	uint32_t head = sizeof(struct virtio_vsock_hdr);
	struct virtq_buf b[2] = { { gpa, head }, { gpa + head, len - head } };

	if (len <= head)
		b[0].len = len;
	if (!virtq_driver_add(&g->d.q[VS_TX], b, len > head ? 2 : 1, 0, g))
		drive_die("queue full", NULL);
	g->sending++;
	g->slot = (g->slot + 1) % VS_TX_SLOTS;
	drive_kick(&g->d, VS_TX);
	while (g->sending == VS_TX_SLOTS)
		if (!vs_sent(g))
			drive_die("viod takes no packets", NULL);
}

static inline void
vs_send_hdr(struct vs_guest *g, const struct virtio_vsock_hdr *hdr)
{
	memcpy(g->d.mem + VS_TX_AT + g->slot * VS_TX_SLOT, hdr, sizeof(*hdr));
	vs_send_raw(g, (uint32_t)sizeof(*hdr) + hdr->len);
}

/* For RW put the payload to vs_payload() before; arg: its bytes, or flags. */
static inline void
vs_send(struct vs_guest *g, uint16_t op, uint32_t gport, uint32_t hport,
    uint32_t arg)
{
	struct virtio_vsock_hdr hdr = { .src_cid = VS_CID, .dst_cid = 2,
	    .src_port = gport, .dst_port = hport,
	    .type = VIRTIO_VSOCK_TYPE_STREAM, .op = op,
	    .buf_alloc = VS_ALLOC, .fwd_cnt = g->fwd };

	if (op == VIRTIO_VSOCK_OP_RW)
		hdr.len = arg;
	else
		hdr.flags = arg;
	vs_send_hdr(g, &hdr);
}

/* --- from viod ------------------------------------------------------------ */

/* Give back what was taken. */
static inline void
vs_release(struct vs_guest *g)
{
	if (g->nheld == 0)
		return;
	for (unsigned i = 0; i < g->nheld; i++)
		vs_give(g, g->held[i], VS_BUF);
	g->nheld = 0;
	drive_kick(&g->d, VS_RX);
}

/* Is there a packet?  It is then g->hdr and g->payload. */
static inline bool
vs_have(struct vs_guest *g)
{
	uint32_t written;
	void *at;

	if (g->nheld >= g->batch)
		vs_release(g);
	if (!virtq_driver_get(&g->d.q[VS_RX], &at, &written)) {
		vs_release(g);
		if (!virtq_driver_get(&g->d.q[VS_RX], &at, &written))
			return false;
	}
	g->given--;
	memcpy(&g->hdr, at, sizeof(g->hdr));
	if (written != sizeof(g->hdr) + g->hdr.len)
		drive_die("packet's length", NULL);
	g->payload = (uint8_t *)at + sizeof(g->hdr);
	g->held[g->nheld++] = at;
	return true;
}

static inline bool
vs_receive(struct vs_guest *g)
{
	while (!vs_have(g))
		if (!drive_wait(&g->d, VS_RX))
			return false;
	return true;
}

/* Until a packet of this kind; others are dropped. */
static inline bool
vs_expect(struct vs_guest *g, uint16_t op)
{
	do
		if (!vs_receive(g))
			return false;
	while (g->hdr.op != op);
	return true;
}

/* --- the host's programs -------------------------------------------------- */

static inline int
vs_dial(struct vs_guest *g)
{
	struct err e;
	int fd = os_unix_connect(g->dirfd, "vsock.sock", &e);

	if (fd == -1)
		drive_die("connect", &e);
	return fd;
}

/* A connection of the host to the guest's port; *hport is its own. */
static inline int
vs_open(struct vs_guest *g, uint32_t gport, uint32_t *hport)
{
	char line[64], want[64];
	int fd = vs_dial(g), n;

	n = snprintf(line, sizeof(line), "CONNECT %u\n", gport);
	if (write(fd, line, (size_t)n) != n)
		drive_die("CONNECT", NULL);
	if (!vs_expect(g, VIRTIO_VSOCK_OP_REQUEST) || g->hdr.dst_port != gport)
		drive_die("no REQUEST", NULL);
	*hport = g->hdr.src_port;
	vs_send(g, VIRTIO_VSOCK_OP_RESPONSE, gport, *hport, 0);
	n = snprintf(want, sizeof(want), "OK %u\n", *hport);
	if (recv(fd, line, (size_t)n, MSG_WAITALL) != n ||
	    memcmp(line, want, (size_t)n) != 0)
		drive_die("no OK", NULL);
	return fd;
}

#endif
