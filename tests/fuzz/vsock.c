/* SPDX-License-Identifier: ISC */
/*
 * vsock.c - fuzz the connections of viod vsock
 *
 * The input is a script: what a hostile guest sends, between what programs
 * of the host do.  Ports come from small sets, so that packets meet
 * connections; everything else of a packet is free.  After each step what
 * must always hold is checked.
 */

#include <sys/socket.h>

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_kit.h"
#include "os/os.h"
#include "viod/vsock_mux.h"
#include "virtio/virtio.h"

#define CID		42
#define STEPS_MAX	200
#define HOSTS		4	/* programs of the host */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int	LLVMFuzzerInitialize(int *, char ***);

static int dirfd, listener, guests;	/* guests: vsock.sock_1024 */
static struct event_loop *loop;
static int hosts[HOSTS];
static uint32_t last_port;		/* of the host, as the guest saw it */
static uint8_t payload[1 << 18];

struct script {
	const uint8_t	*at;
	size_t		 left;
};

static uint8_t
byte(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->at++;
}

static uint32_t
word(struct script *s)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 8 | byte(s);
	return v;
}

static char dir[] = "/tmp/fuzz-vsock.XXXXXX";

static void
cleanup(void)
{
	(void)unlinkat(dirfd, "vsock.sock", 0);
	(void)unlinkat(dirfd, "vsock.sock_1024", 0);
	(void)rmdir(dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL)
		abort();
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	listener = os_unix_listen(dirfd, "vsock.sock", 0600, 64, NULL);
	guests = os_unix_listen(dirfd, "vsock.sock_1024", 0600, 64, NULL);
	(void)fcntl(guests, F_SETFL, O_NONBLOCK);
	loop = kit_loop();
	if (listener == -1 || guests == -1 || loop == NULL)
		abort();
	(void)atexit(cleanup);
	return 0;
}

static void
wake(void *arg)
{
	(void)arg;
}

/* --- steps ---------------------------------------------------------------- */

static void
guest_sends(struct vsock_mux *m, struct script *s)
{
	static const uint32_t lens[] = { 0, 1, 100, 4096, 65536, 131072,
	    131073, 0xffffffff };
	uint8_t a = byte(s), b = byte(s);
	struct virtio_vsock_hdr hdr = { .src_cid = CID, .dst_cid = 2,
	    .type = VIRTIO_VSOCK_TYPE_STREAM };
	struct iovec iov[3];
	size_t have;

	hdr.op = a & 15;
	hdr.src_port = 20 + (a >> 4 & 3);
	hdr.dst_port = a & 64 ? last_port : 1024U + (a >> 7);
	hdr.len = lens[b & 7];
	hdr.flags = b >> 3 & 3;
	have = b & 32 ? 1000 : hdr.len;
	if (b & 64) {
		hdr.buf_alloc = word(s);
		hdr.fwd_cnt = word(s);
	} else
		hdr.buf_alloc = 65536;
	if (b & 128) {
		hdr.src_cid = byte(s);
		hdr.dst_cid = byte(s);
		hdr.type = byte(s) & 3;
	}
	if (have > sizeof(payload))
		have = sizeof(payload);
	iov[0] = (struct iovec){ payload, have / 3 };
	iov[1] = (struct iovec){ payload, 0 };
	iov[2] = (struct iovec){ payload + have / 3, have - have / 3 };
	if (vsock_mux_may_input(m))
		vsock_mux_input(m, &hdr, iov, 3);
}

static void
guest_fetches(struct vsock_mux *m, struct script *s)
{
	static uint8_t room[VSOCK_BATCH_MAX][4096];
	static const size_t sizes[] = { 0, 43, 44, 45, 100, 1000, 4096, 4096 };
	uint8_t a = byte(s);
	struct iovec iov[VSOCK_BATCH_MAX][2];
	struct vsock_buffer bufs[VSOCK_BATCH_MAX];
	unsigned n = vsock_mux_wants(m), done;
	struct virtio_vsock_hdr hdr;

	for (unsigned i = 0; i < n; i++) {
		size_t size = sizes[(a + i * (a >> 3)) & 7];

		iov[i][0] = (struct iovec){ room[i], size / 2 };
		iov[i][1] = (struct iovec){ room[i] + size / 2,
		    size - size / 2 };
		bufs[i] = (struct vsock_buffer){ .iov = iov[i], .n = 2 };
	}
	done = vsock_mux_output(m, bufs, n);
	assert(done <= n);
	for (unsigned i = 0; i < done; i++) {
		memcpy(&hdr, room[i], sizeof(hdr));
		assert(bufs[i].used == sizeof(hdr) + hdr.len);
		assert(bufs[i].used <= iov[i][0].iov_len + iov[i][1].iov_len);
		assert(hdr.dst_cid == CID);
		assert(hdr.op >= VIRTIO_VSOCK_OP_REQUEST &&
		    hdr.op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST);
		if (hdr.op == VIRTIO_VSOCK_OP_REQUEST)
			last_port = hdr.src_port;
	}
}

static void
host_acts(struct script *s)
{
	static const char *const lines[] = { "CONNECT 20\n", "CONNECT 21\n",
	    "CONNECT 22\nwith bytes behind it", "CONN", "ECT 23\n",
	    "CONNECT 99999999999\n", "\n", "ERR\n" };
	static char in[65536];
	uint8_t a = byte(s);
	int *fd = &hosts[a & 3];

	switch (a >> 2 & 7) {
	case 0:
		if (*fd == -1)
			*fd = os_unix_connect_now(dirfd, "vsock.sock", NULL);
		break;
	case 1:
		if (*fd != -1)
			(void)close(*fd);
		*fd = -1;
		break;
	case 2:
		(void)shutdown(*fd, a >> 5 & 1 ? SHUT_WR : SHUT_RD);
		break;
	case 3:
		(void)recv(*fd, in, sizeof(in), MSG_DONTWAIT);
		break;
	case 4:
		(void)send(*fd, in, sizeof(in), MSG_DONTWAIT);
		break;
	case 5:
		if (*fd == -1)
			*fd = os_accept(guests);
		break;
	default:
		(void)send(*fd, lines[a >> 5], strlen(lines[a >> 5]),
		    MSG_DONTWAIT);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct script s = { data, len };
	struct vsock_mux_config config = { .cid = CID,
	    .listen_fd = listener, .dirfd = dirfd, .loop = loop,
	    .wake = wake };
	struct vsock_mux *m;
	int fd;

	for (unsigned i = 0; i < HOSTS; i++)
		hosts[i] = -1;
	last_port = 0;
	if (vsock_mux_new(&m, &config, NULL) == -1)
		abort();
	vsock_mux_ready(m, true);
	for (unsigned step = 0; step < STEPS_MAX && s.left > 0; step++) {
		switch (byte(&s) & 7) {
		case 0: case 1: case 2:
			guest_sends(m, &s);
			break;
		case 3: case 4:
			guest_fetches(m, &s);
			break;
		case 5: case 6:
			host_acts(&s);
			break;
		case 7:
			if (byte(&s) == 0)
				vsock_mux_reset(m);
			break;
		}
		kit_settle(loop);
		assert(vsock_mux_stats(m)->conns <= VSOCK_CONNS_MAX);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		if (hosts[i] != -1)
			(void)close(hosts[i]);
	vsock_mux_destroy(m);
	/* Nobody is left in the queues for the next one. */
	while ((fd = os_accept(guests)) != -1 ||
	    (fd = os_accept(listener)) != -1)
		(void)close(fd);
	return 0;
}
