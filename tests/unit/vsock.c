/* SPDX-License-Identifier: ISC */
/*
 * vsock.c - connections between a guest and unix sockets, driven by packets
 *
 * The test is the guest: it hands packets to the multiplexer and fetches
 * what comes back, with no queue in between.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/vsock_mux.h"
#include "virtio/virtio.h"

#define CID		42
#define ALLOC		(256 * 1024)	/* the guest's buffer, as Linux has */
#define PAYLOAD_MAX	65536

enum {
	REQUEST = VIRTIO_VSOCK_OP_REQUEST, RESPONSE, RST, SHUTDOWN, RW,
	CREDIT_UPDATE, CREDIT_REQUEST,
};
enum { RCV = VIRTIO_VSOCK_SHUTDOWN_RCV, SEND = VIRTIO_VSOCK_SHUTDOWN_SEND };

struct world {
	char			 dir[32];
	int			 dirfd;
	int			 listener;
	struct event_base	*base;
	struct vsock_mux	*mux;
	unsigned		 wakes;
	/* What the guest received last. */
	struct virtio_vsock_hdr	 hdr;
	char			 payload[PAYLOAD_MAX];
};

static void
wake(void *arg)
{
	((struct world *)arg)->wakes++;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vsock_mux_config config = { .cid = CID, .wake = wake };

	strcpy(w->dir, "/tmp/vsock.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->listener = os_unix_listen(w->dirfd, "vsock.sock", 0600, 4096, NULL);
	assert_int_not_equal(w->listener, -1);
	w->base = event_base_new();
	config.listen_fd = w->listener;
	config.dirfd = w->dirfd;
	config.base = w->base;
	config.arg = w;
	assert_int_equal(vsock_mux_new(&w->mux, &config, NULL), 0);
	vsock_mux_ready(w->mux, true);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	vsock_mux_destroy(w->mux);
	event_base_free(w->base);
	(void)close(w->listener);
	(void)unlinkat(w->dirfd, "vsock.sock", 0);
	(void)unlinkat(w->dirfd, "vsock.sock_1024", 0);
	(void)close(w->dirfd);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* Let every event that is due happen. */
static void
turn(struct world *w)
{
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static struct virtio_vsock_hdr
packet(int op, uint32_t guest_port, uint32_t host_port)
{
	return (struct virtio_vsock_hdr){ .src_cid = CID, .dst_cid = 2,
	    .src_port = guest_port, .dst_port = host_port,
	    .type = VIRTIO_VSOCK_TYPE_STREAM, .op = (uint16_t)op,
	    .buf_alloc = ALLOC };
}

static void
input(struct world *w, const struct virtio_vsock_hdr *hdr, const void *p,
    size_t len)
{
	/* In two pieces, as a chain may be. */
	struct iovec iov[2] = { { (void *)(uintptr_t)p, len / 3 },
	    { (char *)(uintptr_t)p + len / 3, len - len / 3 } };

	assert_true(vsock_mux_may_input(w->mux));
	vsock_mux_input(w->mux, hdr, iov, 2);
}

/* The guest sends; flags for SHUTDOWN. */
static void
say(struct world *w, int op, uint32_t gport, uint32_t hport, uint32_t flags)
{
	struct virtio_vsock_hdr hdr = packet(op, gport, hport);

	hdr.flags = flags;
	hdr.fwd_cnt = 0;
	input(w, &hdr, NULL, 0);
}

static void
say_rw(struct world *w, uint32_t gport, uint32_t hport, const void *p,
    size_t len)
{
	struct virtio_vsock_hdr hdr = packet(RW, gport, hport);

	hdr.len = (uint32_t)len;
	input(w, &hdr, p, len);
}

/* The guest fetches a packet into a buffer of 'cap' payload bytes. */
static bool
fetch(struct world *w, size_t cap)
{
	struct iovec iov[3] = { { &w->hdr, 20 }, { (char *)&w->hdr + 20, 24 },
	    { w->payload, cap } };
	struct vsock_buffer buf = { .iov = iov, .n = 3 };

	turn(w);
	if (vsock_mux_output(w->mux, &buf, 1) == 0)
		return false;
	assert_int_equal(buf.used, sizeof(w->hdr) + w->hdr.len);
	assert_true(w->hdr.len <= cap);
	assert_int_equal(w->hdr.dst_cid, CID);
	return true;
}

#define expect(w, op_, gport, hport) do {				\
	assert_true(fetch((w), PAYLOAD_MAX));				\
	assert_int_equal((w)->hdr.op, (op_));				\
	assert_int_equal((w)->hdr.dst_port, (gport));			\
	assert_int_equal((w)->hdr.src_port, (hport));			\
	assert_int_equal((w)->hdr.src_cid, 2);				\
} while (0)

#define expect_rw(w, text) do {						\
	assert_true(fetch((w), PAYLOAD_MAX));				\
	assert_int_equal((w)->hdr.op, RW);				\
	assert_int_equal((w)->hdr.len, strlen(text));			\
	assert_memory_equal((w)->payload, (text), strlen(text));	\
} while (0)

#define expect_shutdown(w, flags_) do {					\
	assert_true(fetch((w), PAYLOAD_MAX));				\
	assert_int_equal((w)->hdr.op, SHUTDOWN);			\
	assert_int_equal((w)->hdr.flags, (flags_));			\
} while (0)

#define expect_nothing(w)	assert_false(fetch((w), PAYLOAD_MAX))

static int
host_connect(struct world *w)
{
	int fd = os_unix_connect(w->dirfd, "vsock.sock", NULL);

	assert_int_not_equal(fd, -1);
	return fd;
}

static void
put(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), strlen(s));
}

/* What the host's program can read now; "" at the end, NULL when nothing. */
static const char *
get(struct world *w, int fd)
{
	static char text[256];
	ssize_t n;

	turn(w);
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (n == -1)
		return NULL;
	text[n] = '\0';
	return text;
}

/* A connection from the host to the guest's port 22. */
static int
open_host(struct world *w, uint32_t *hport)
{
	int fd = host_connect(w);
	char want[32];

	put(fd, "CONNECT 22\n");
	assert_true(fetch(w, PAYLOAD_MAX));
	assert_int_equal(w->hdr.op, REQUEST);
	assert_int_equal(w->hdr.dst_port, 22);
	assert_int_equal(w->hdr.buf_alloc, VSOCK_BUF_ALLOC);
	*hport = w->hdr.src_port;
	say(w, RESPONSE, 22, *hport, 0);
	(void)snprintf(want, sizeof(want), "OK %u\n", *hport);
	assert_string_equal(get(w, fd), want);
	expect_nothing(w);
	return fd;
}

/* A connection from the guest's port 5000 to the host's 1024. */
static int
open_guest(struct world *w, int listener)
{
	int fd;

	say(w, REQUEST, 5000, 1024, 0);
	expect(w, RESPONSE, 5000, 1024);
	fd = accept(listener, NULL, NULL);
	assert_int_not_equal(fd, -1);
	return fd;
}

static uint64_t
conns(struct world *w)
{
	return vsock_mux_stats(w->mux)->conns;
}

/* --- handshake ---------------------------------------------------------------------- */

static void
handshake_in_pieces(void **state)
{
	struct world *w = *state;
	const char line[] = "CONNECT 4294967295\n";
	int fd = host_connect(w);
	uint32_t hport;

	for (size_t i = 0; i + 1 < sizeof(line); i++) {
		expect_nothing(w);
		assert_int_equal(write(fd, line + i, 1), 1);
	}
	expect(w, REQUEST, 4294967295u, w->hdr.src_port);
	hport = w->hdr.src_port;
	assert_null(get(w, fd));
	say(w, RESPONSE, 4294967295u, hport, 0);
	assert_memory_equal(get(w, fd), "OK ", 3);
	(void)close(fd);
}

static void
handshake_with_data(void **state)
{
	struct world *w = *state;
	int fd = host_connect(w);
	uint32_t hport;

	/* The line, the first bytes and the end, all before the guest knows. */
	put(fd, "CONNECT 22\nhello\nCONNECT 23\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect(w, REQUEST, 22, w->hdr.src_port);
	hport = w->hdr.src_port;
	expect_nothing(w);
	say(w, RESPONSE, 22, hport, 0);
	expect_rw(w, "hello\nCONNECT 23\n");
	expect_shutdown(w, SEND);
	say_rw(w, 22, hport, "answer", 6);
	assert_memory_equal(get(w, fd), "OK ", 3);
	(void)close(fd);
}

static void
handshake_bad(void **state)
{
	static const char *const bad[] = {
		"\n", "connect 22\n", "CONNECT\n", "CONNECT \n", "CONNECT 22 \n",
		"CONNECT  22\n", "CONNECT -1\n", "CONNECT 4294967296\n",
		"CONNECT 22\r\n", "GET / HTTP/1.1\r\n\r\n",
		"CONNECT 00000000000022\n", "CONNECT 0x16\n",
	};
	struct world *w = *state;
	int fd;

	for (size_t i = 0; i < COUNT(bad); i++) {
		fd = host_connect(w);
		put(fd, bad[i]);
		assert_string_equal(get(w, fd), "ERR not CONNECT <port>\n");
		assert_int_equal(get(w, fd) == NULL || *get(w, fd) == '\0', 1);
		(void)close(fd);
	}
	fd = host_connect(w);
	assert_int_equal(write(fd, "CONNECT 22\0\n", 12), 12);
	assert_string_equal(get(w, fd), "ERR not CONNECT <port>\n");
	(void)close(fd);
	/* The end instead of a line. */
	fd = host_connect(w);
	put(fd, "CONN");
	assert_null(get(w, fd));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_string_equal(get(w, fd), "ERR not CONNECT <port>\n");
	(void)close(fd);
	expect_nothing(w);
	assert_int_equal(conns(w), 0);
}

static void
handshake_refused(void **state)
{
	struct world *w = *state;
	int fd = host_connect(w);

	put(fd, "CONNECT 22\n");
	assert_true(fetch(w, 0));
	say(w, RST, 22, w->hdr.src_port, 0);
	assert_string_equal(get(w, fd), "ERR refused by the guest\n");
	assert_string_equal(get(w, fd), "");
	(void)close(fd);
	expect_nothing(w);

	vsock_mux_ready(w->mux, false);
	fd = host_connect(w);
	put(fd, "CONNECT 22\n");
	assert_string_equal(get(w, fd), "ERR guest is not ready\n");
	(void)close(fd);
	assert_int_equal(conns(w), 0);
}

/* Programs that connect and say nothing make room for those that do. */
static void
handshake_flood(void **state)
{
	struct world *w = *state;
	int fds[VSOCK_HANDSHAKES_MAX + 1], fd;
	uint32_t hport;

	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = host_connect(w);
		turn(w);
	}
	assert_string_equal(get(w, fds[0]), "ERR too slow, and others wait\n");
	assert_null(get(w, fds[1]));
	fd = open_host(w, &hport);
	(void)close(fd);
	for (size_t i = 0; i < COUNT(fds); i++)
		(void)close(fds[i]);
}

/* The host's program leaves while the guest thinks about it. */
static void
handshake_abandoned(void **state)
{
	struct world *w = *state;
	int fd = host_connect(w);
	uint32_t hport;

	put(fd, "CONNECT 22\nx");
	expect(w, REQUEST, 22, w->hdr.src_port);
	hport = w->hdr.src_port;
	(void)close(fd);
	expect(w, RST, 22, hport);
	assert_int_equal(conns(w), 0);
	say(w, RESPONSE, 22, hport, 0);
	expect(w, RST, 22, hport);

	/* Before the guest has even heard of it: it never will. */
	fd = host_connect(w);
	put(fd, "CONNECT 22\n");
	turn(w);
	(void)close(fd);
	expect_nothing(w);
	assert_int_equal(conns(w), 0);
}

/* --- guest to host ---------------------------------------------------------------------- */

static void
guest_connects(void **state)
{
	struct world *w = *state;
	int l, fd;

	say(w, REQUEST, 5000, 1024, 0);
	expect(w, RST, 5000, 1024);
	l = os_unix_listen(w->dirfd, "vsock.sock_1024", 0600, 8, NULL);
	fd = open_guest(w, l);
	say_rw(w, 5000, 1024, "ready\n", 6);
	assert_string_equal(get(w, fd), "ready\n");
	put(fd, "fine\n");
	expect_rw(w, "fine\n");

	/* The same ports again, while they are in use. */
	say(w, REQUEST, 5000, 1024, 0);
	expect(w, RST, 5000, 1024);
	assert_string_equal(get(w, fd), "");
	assert_int_equal(conns(w), 0);
	(void)close(fd);
	(void)close(l);
}

/* --- ends -------------------------------------------------------------------------------- */

static void
host_closes_first(void **state)
{
	struct world *w = *state;
	uint32_t hport;
	int fd = open_host(w, &hport);

	put(fd, "last");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect_rw(w, "last");
	expect_shutdown(w, SEND);
	expect_nothing(w);
	/* The other direction goes on. */
	for (int i = 0; i < 3; i++) {
		say_rw(w, 22, hport, "more", 4);
		assert_string_equal(get(w, fd), "more");
	}
	say(w, SHUTDOWN, 22, hport, SEND);
	assert_string_equal(get(w, fd), "");
	/* Both are closed: the guest is asked to forget, and confirms. */
	expect_shutdown(w, RCV | SEND);
	say(w, RST, 22, hport, 0);
	expect_nothing(w);
	assert_int_equal(conns(w), 0);
	(void)close(fd);
}

static void
guest_closes_first(void **state)
{
	struct world *w = *state;
	uint32_t hport;
	int fd = open_host(w, &hport);

	say_rw(w, 22, hport, "last", 4);
	say(w, SHUTDOWN, 22, hport, SEND);
	assert_string_equal(get(w, fd), "last");
	assert_string_equal(get(w, fd), "");
	expect_nothing(w);
	put(fd, "still");
	expect_rw(w, "still");
	put(fd, "here");
	expect_rw(w, "here");
	(void)close(fd);
	expect_shutdown(w, RCV | SEND);
	/* As Linux: SHUTDOWN of both is answered by a reset. */
	say(w, SHUTDOWN, 22, hport, RCV | SEND);
	expect(w, RST, 22, hport);
	assert_int_equal(conns(w), 0);
	/* Data behind SHUTDOWN(SEND) breaks the protocol. */
	fd = open_host(w, &hport);
	say(w, SHUTDOWN, 22, hport, SEND);
	say_rw(w, 22, hport, "x", 1);
	expect(w, RST, 22, hport);
	(void)close(fd);
}

/* close(2) in a Linux guest: SHUTDOWN of both, wait for RST. */
static void
guest_closes_both(void **state)
{
	struct world *w = *state;
	uint32_t hport;
	int fd = open_host(w, &hport);

	say_rw(w, 22, hport, "bye", 3);
	say(w, SHUTDOWN, 22, hport, RCV | SEND);
	assert_string_equal(get(w, fd), "bye");
	assert_string_equal(get(w, fd), "");
	expect(w, RST, 22, hport);
	expect_nothing(w);
	assert_int_equal(conns(w), 0);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	(void)close(fd);
}

static void
guest_stops_reading(void **state)
{
	struct world *w = *state;
	uint32_t hport;
	int fd = open_host(w, &hport);

	say(w, SHUTDOWN, 22, hport, RCV);
	turn(w);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	say_rw(w, 22, hport, "go on", 5);
	assert_string_equal(get(w, fd), "go on");
	say(w, SHUTDOWN, 22, hport, SEND);
	expect(w, RST, 22, hport);
	assert_string_equal(get(w, fd), "");
	assert_int_equal(conns(w), 0);
	(void)close(fd);
}

/* A killed program ends both directions, even if the guest is silent. */
static void
host_killed(void **state)
{
	struct world *w = *state;
	uint32_t hport;
	int fd = open_host(w, &hport);

	(void)close(fd);
	expect_shutdown(w, RCV | SEND);
	say_rw(w, 22, hport, "unwanted", 8);
	say(w, RST, 22, hport, 0);
	expect_nothing(w);
	assert_int_equal(conns(w), 0);

	/* It had half-closed long before. */
	fd = open_host(w, &hport);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect_shutdown(w, SEND);
	(void)close(fd);
	expect_shutdown(w, RCV | SEND);
	say(w, RST, 22, hport, 0);
	assert_int_equal(conns(w), 0);
}

/* It left with bytes for a guest that takes none: it is told at once. */
static void
host_killed_unread(void **state)
{
	struct world *w = *state;
	struct virtio_vsock_hdr hdr;
	uint32_t hport;
	int fd = open_host(w, &hport);

	hdr = packet(CREDIT_UPDATE, 22, hport);
	hdr.buf_alloc = 0;
	input(w, &hdr, NULL, 0);
	put(fd, "unread");
	expect(w, CREDIT_REQUEST, 22, hport);
	(void)close(fd);
	expect_shutdown(w, RCV);
	expect_nothing(w);
	hdr.buf_alloc = ALLOC;
	input(w, &hdr, NULL, 0);
	expect_rw(w, "unread");
	expect_shutdown(w, RCV | SEND);
	say(w, RST, 22, hport, 0);
	assert_int_equal(conns(w), 0);
}

static void
reset_in_each_state(void **state)
{
	struct world *w = *state;
	uint32_t hport;
	int fd;

	/* Open. */
	fd = open_host(w, &hport);
	say(w, RST, 22, hport, 0);
	assert_string_equal(get(w, fd), "");
	(void)close(fd);
	/* Half-closed by the host, then by the guest. */
	fd = open_host(w, &hport);
	(void)shutdown(fd, SHUT_WR);
	expect_shutdown(w, SEND);
	say(w, RST, 22, hport, 0);
	assert_string_equal(get(w, fd), "");
	(void)close(fd);
	fd = open_host(w, &hport);
	say(w, SHUTDOWN, 22, hport, SEND);
	say(w, RST, 22, hport, 0);
	assert_string_equal(get(w, fd), "");
	(void)close(fd);
	/* While a reset of ours is owed. */
	fd = open_host(w, &hport);
	say(w, RESPONSE, 22, hport, 0);
	say(w, RST, 22, hport, 0);
	assert_string_equal(get(w, fd), "");
	(void)close(fd);
	/* Closing: in host_closes_first.  Asked: in handshake_refused. */
	expect_nothing(w);
	assert_int_equal(conns(w), 0);
}

/* What may not come in a state ends the connection. */
static void
wrong_in_state(void **state)
{
	struct world *w = *state;
	static const int asked[] = { REQUEST, SHUTDOWN, RW };
	static const int opened[] = { REQUEST, RESPONSE };
	uint32_t hport;
	int fd;

	for (size_t i = 0; i < COUNT(asked); i++) {
		fd = host_connect(w);
		put(fd, "CONNECT 22\n");
		expect(w, REQUEST, 22, w->hdr.src_port);
		hport = w->hdr.src_port;
		say(w, asked[i], 22, hport, SEND);
		expect(w, RST, 22, hport);
		assert_string_equal(get(w, fd),
		    "ERR broken answer of the guest\n");
		(void)close(fd);
	}
	for (size_t i = 0; i < COUNT(opened); i++) {
		fd = open_host(w, &hport);
		say(w, opened[i], 22, hport, 0);
		expect(w, RST, 22, hport);
		assert_string_equal(get(w, fd), "");
		(void)close(fd);
	}
	assert_int_equal(conns(w), 0);
}

/* --- credit ------------------------------------------------------------------------------- */

static void
guest_credit(void **state)
{
	struct world *w = *state;
	struct virtio_vsock_hdr hdr;
	uint32_t hport, sent = 0;
	int fd = open_host(w, &hport);

	hdr = packet(CREDIT_UPDATE, 22, hport);
	hdr.buf_alloc = 10;
	input(w, &hdr, NULL, 0);
	put(fd, "0123456789abcdefghij");
	assert_true(fetch(w, 4));
	assert_int_equal(w->hdr.len, 4);
	expect_rw(w, "456789");
	sent = 10;
	/* Ten are in flight: it asks once, and sends no more. */
	expect(w, CREDIT_REQUEST, 22, hport);
	expect_nothing(w);
	expect_nothing(w);
	hdr.fwd_cnt = 3;
	input(w, &hdr, NULL, 0);
	expect_rw(w, "abc");
	sent += 3;
	expect(w, CREDIT_REQUEST, 22, hport);
	/* A guest that claims more than was sent gets nothing. */
	hdr.fwd_cnt = sent + 1;
	input(w, &hdr, NULL, 0);
	expect_nothing(w);
	/* One that takes room away neither. */
	hdr.fwd_cnt = sent - 5;
	hdr.buf_alloc = 4;
	input(w, &hdr, NULL, 0);
	expect_nothing(w);
	hdr.fwd_cnt = sent;
	hdr.buf_alloc = ALLOC;
	input(w, &hdr, NULL, 0);
	expect_rw(w, "defghij");
	expect_nothing(w);
	(void)close(fd);
}

/* A guest that fills our buffer: all arrives, credit returns, more is not. */
static void
host_credit(void **state)
{
	struct world *w = *state;
	static char block[4096], got[8192];
	size_t sent = 0, fwd = 0, total = 0;
	uint32_t hport;
	ssize_t n;
	int fd = open_host(w, &hport);

	/* Until nothing is consumed any more: socket and buffer are full. */
	for (;;) {
		memset(block, (int)(sent / sizeof(block)), sizeof(block));
		if (sent - fwd + sizeof(block) > VSOCK_BUF_ALLOC) {
			say(w, CREDIT_REQUEST, 22, hport, 0);
			while (fetch(w, 0)) {
				assert_int_equal(w->hdr.op, CREDIT_UPDATE);
				fwd = w->hdr.fwd_cnt;
			}
			if (sent - fwd + sizeof(block) > VSOCK_BUF_ALLOC)
				break;
		}
		say_rw(w, 22, hport, block, sizeof(block));
		sent += sizeof(block);
	}
	assert_int_equal(sent - fwd, VSOCK_BUF_ALLOC);
	say(w, SHUTDOWN, 22, hport, SEND);
	for (;;) {
		turn(w);
		n = recv(fd, got, 1000, MSG_DONTWAIT);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, total++)
			assert_int_equal((uint8_t)got[i],
			    (uint8_t)(total / sizeof(block)));
	}
	assert_int_equal(n, 0);
	assert_int_equal(total, sent);
	/* Everything was consumed: it was told without asking. */
	while (fetch(w, 0))
		fwd = w->hdr.fwd_cnt;
	assert_true(sent - fwd <= VSOCK_BUF_ALLOC / 2);
	(void)close(fd);
}

static void
host_credit_broken(void **state)
{
	struct world *w = *state;
	static char block[VSOCK_BUF_ALLOC];
	uint32_t hport;
	int fd = open_host(w, &hport);
	struct virtio_vsock_hdr hdr = packet(RW, 22, hport);

	/* More than the buffer at once. */
	hdr.len = VSOCK_BUF_ALLOC + 1;
	input(w, &hdr, block, sizeof(block));
	expect(w, RST, 22, hport);
	(void)close(fd);
	/* More than the buffer in all. */
	fd = open_host(w, &hport);
	do {
		say_rw(w, 22, hport, block, sizeof(block));
	} while (!fetch(w, 0) || w->hdr.op != RST);
	(void)close(fd);
	/* Less than it says. */
	fd = open_host(w, &hport);
	hdr = packet(RW, 22, hport);
	hdr.len = 5;
	input(w, &hdr, "1234", 4);
	expect(w, RST, 22, hport);
	assert_string_equal(get(w, fd), "");
	(void)close(fd);
	assert_int_equal(conns(w), 0);
}

/* The guest forgets the connection; the host gets what it had sent. */
static void
flush_after_reset(void **state)
{
	struct world *w = *state;
	static char block[VSOCK_BUF_ALLOC], got[VSOCK_BUF_ALLOC];
	size_t sent = 0, total = 0;
	uint32_t hport, fwd = 0;
	ssize_t n;
	int fd = open_host(w, &hport);

	while (sent - fwd <= VSOCK_BUF_ALLOC / 2) {
		say_rw(w, 22, hport, block, VSOCK_BUF_ALLOC / 4);
		sent += VSOCK_BUF_ALLOC / 4;
		say(w, CREDIT_REQUEST, 22, hport, 0);
		assert_true(fetch(w, 0));
		fwd = w->hdr.fwd_cnt;
	}
	say(w, RST, 22, hport, 0);
	expect_nothing(w);
	assert_int_equal(conns(w), 1);
	/* Its ports are free. */
	say_rw(w, 22, hport, "x", 1);
	expect(w, RST, 22, hport);
	while (turn(w), (n = recv(fd, got, sizeof(got), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(total, sent);
	assert_int_equal(conns(w), 0);
	(void)close(fd);
}

/* --- packets for nobody ---------------------------------------------------------------------- */

static void
strays(void **state)
{
	struct world *w = *state;
	struct virtio_vsock_hdr hdr;

	for (int op = REQUEST; op <= CREDIT_REQUEST; op++) {
		say(w, op, 7, 9, 0);
		if (op == RST)
			expect_nothing(w);
		else
			expect(w, RST, 7, 9);
	}
	/* Another machine's address. */
	hdr = packet(REQUEST, 7, 9);
	hdr.dst_cid = 5;
	input(w, &hdr, NULL, 0);
	assert_true(fetch(w, 0));
	assert_int_equal(w->hdr.op, RST);
	assert_int_equal(w->hdr.src_cid, 5);
	hdr = packet(REQUEST, 7, 9);
	hdr.src_cid = 43;
	input(w, &hdr, NULL, 0);
	expect(w, RST, 7, 9);
	/* Another kind of socket. */
	hdr = packet(REQUEST, 7, 9);
	hdr.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	input(w, &hdr, NULL, 0);
	expect(w, RST, 7, 9);
	assert_int_equal(w->hdr.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
	/* Operations nobody knows. */
	say(w, 0, 7, 9, 0);
	say(w, 8, 7, 9, 0);
	say(w, 0xffff, 7, 9, 0);
	expect_nothing(w);
	assert_int_equal(vsock_mux_stats(w->mux)->unknown_ops, 3);
}

/* Resets are not hoarded for a guest that takes none. */
static void
stray_flood(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	while (vsock_mux_may_input(w->mux)) {
		say(w, RW, 7, n++, 0);
		assert_true(n <= 10000);
	}
	assert_int_equal(n, VSOCK_RSTS_MAX);
	for (unsigned i = 0; i < n; i++)
		expect(w, RST, 7, i);
	assert_true(vsock_mux_may_input(w->mux));
	expect_nothing(w);
}

/* A buffer too small for a header takes nothing; one without payload some. */
static void
small_buffers(void **state)
{
	struct world *w = *state;
	struct iovec iov = { w->payload, 43 };
	struct vsock_buffer buf = { .iov = &iov, .n = 1 };
	uint32_t hport;
	int fd = open_host(w, &hport);

	put(fd, "data");
	(void)shutdown(fd, SHUT_WR);
	turn(w);
	assert_int_equal(vsock_mux_output(w->mux, &buf, 1), 0);
	assert_int_equal(vsock_mux_output(w->mux, NULL, 0), 0);
	assert_true(fetch(w, 0));
	assert_int_equal(w->hdr.op, CREDIT_UPDATE);
	expect_rw(w, "data");
	expect_shutdown(w, SEND);
	(void)close(fd);
}

/* Much at once is read at once: a packet a buffer, credit kept to. */
static void
batch(void **state)
{
	struct world *w = *state;
	static char block[40000];
	struct virtio_vsock_hdr hdrs[VSOCK_BATCH_MAX];
	struct iovec iov[VSOCK_BATCH_MAX][2];
	struct vsock_buffer bufs[VSOCK_BATCH_MAX];
	struct virtio_vsock_hdr hdr;
	uint32_t hport;
	int fd = open_host(w, &hport);

	for (unsigned i = 0; i < VSOCK_BATCH_MAX; i++) {
		iov[i][0] = (struct iovec){ &hdrs[i], sizeof(hdrs[i]) };
		iov[i][1] = (struct iovec){ w->payload + i * 3000, 3000 };
		bufs[i] = (struct vsock_buffer){ .iov = iov[i], .n = 2 };
	}
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 13 >> 4);
	assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	turn(w);
	/* The first read is a small one: most answers are short. */
	assert_int_equal(vsock_mux_wants(w->mux), 1);
	assert_int_equal(vsock_mux_output(w->mux, bufs, 1), 1);
	assert_int_equal(vsock_mux_wants(w->mux), VSOCK_BATCH_MAX);
	hdr = packet(CREDIT_UPDATE, 22, hport);
	hdr.buf_alloc = 3000 + 9500;
	input(w, &hdr, NULL, 0);
	assert_int_equal(vsock_mux_output(w->mux, bufs, VSOCK_BATCH_MAX), 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(hdrs[i].op, RW);
		assert_int_equal(hdrs[i].len, i < 3 ? 3000 : 500);
		assert_int_equal(bufs[i].used, sizeof(hdr) + hdrs[i].len);
	}
	assert_memory_equal(w->payload, block + 3000, 9500);
	hdr.buf_alloc = ALLOC;
	input(w, &hdr, NULL, 0);
	for (size_t at = 12500; at < sizeof(block);) {
		unsigned n = vsock_mux_output(w->mux, bufs, VSOCK_BATCH_MAX);
		size_t len = 0;

		assert_true(n > 0);
		for (unsigned i = 0; i < n; i++)
			len += hdrs[i].len;
		assert_memory_equal(w->payload, block + at, len);
		at += len;
	}
	expect_nothing(w);
	assert_int_equal(vsock_mux_wants(w->mux), 0);
	(void)close(fd);
}

/* --- many ------------------------------------------------------------------------------------- */

static void
thousand(void **state)
{
	struct world *w = *state;
	enum { N = 1000 };
	static int fds[N];
	static uint32_t ports[N];
	static bool seen[N];
	char text[32];

	for (unsigned i = 0; i < N; i++) {
		fds[i] = host_connect(w);
		(void)snprintf(text, sizeof(text), "CONNECT %u\n", i);
		put(fds[i], text);
	}
	for (unsigned i = 0; i < N; i++) {
		assert_true(fetch(w, 0));
		assert_int_equal(w->hdr.op, REQUEST);
		ports[w->hdr.dst_port] = w->hdr.src_port;
	}
	for (unsigned i = 0; i < N; i++)
		say(w, RESPONSE, i, ports[i], 0);
	assert_int_equal(conns(w), N);
	/* Each has two packets' worth; nobody is second before all were first. */
	for (unsigned i = 0; i < N; i++)
		put(fds[i], "0123456789");
	for (unsigned i = 0; i < 2 * N; i++) {
		assert_true(fetch(w, 5));
		assert_int_equal(w->hdr.op, RW);
		assert_int_equal(w->hdr.len, 5);
		assert_int_equal(w->payload[0], seen[w->hdr.dst_port] ?
		    '5' : '0');
		assert_int_equal(seen[w->hdr.dst_port], i >= N);
		seen[w->hdr.dst_port] = true;
	}
	for (unsigned i = 0; i < N; i++) {
		say_rw(w, i, ports[i], "back", 4);
		assert_memory_equal(get(w, fds[i]), "OK ", 3);
	}
	/* The driver goes away: all end, and the next one starts clean. */
	vsock_mux_reset(w->mux);
	assert_int_equal(conns(w), 0);
	expect_nothing(w);
	for (unsigned i = 0; i < N; i++) {
		assert_string_equal(get(w, fds[i]), "");
		(void)close(fds[i]);
	}
	fds[0] = open_host(w, &ports[0]);
	(void)close(fds[0]);
}

/* Above the limit: refused with a reason, below it again: served. */
static void
too_many(void **state)
{
	struct world *w = *state;
	static int fds[VSOCK_CONNS_MAX];
	int fd;

	for (unsigned i = 0; i < VSOCK_CONNS_MAX; i++) {
		fds[i] = host_connect(w);
		put(fds[i], "CONNECT 1\n");
		assert_true(fetch(w, 0));
	}
	fd = host_connect(w);
	put(fd, "CONNECT 1\n");
	assert_string_equal(get(w, fd), "ERR too many connections\n");
	(void)close(fd);
	(void)close(fds[0]);
	assert_true(fetch(w, 0));
	assert_int_equal(w->hdr.op, RST);
	fd = host_connect(w);
	put(fd, "CONNECT 1\n");
	assert_true(fetch(w, 0));
	assert_int_equal(w->hdr.op, REQUEST);
	(void)close(fd);
	for (unsigned i = 1; i < VSOCK_CONNS_MAX; i++)
		(void)close(fds[i]);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(handshake_in_pieces),
		TEST(handshake_with_data),
		TEST(handshake_bad),
		TEST(handshake_refused),
		TEST(handshake_flood),
		TEST(handshake_abandoned),
		TEST(guest_connects),
		TEST(host_closes_first),
		TEST(guest_closes_first),
		TEST(guest_closes_both),
		TEST(guest_stops_reading),
		TEST(host_killed),
		TEST(host_killed_unread),
		TEST(reset_in_each_state),
		TEST(wrong_in_state),
		TEST(guest_credit),
		TEST(host_credit),
		TEST(host_credit_broken),
		TEST(flush_after_reset),
		TEST(strays),
		TEST(stray_flood),
		TEST(small_buffers),
		TEST(batch),
		TEST(thousand),
		TEST(too_many),
	};
	struct rlimit rl = { 8192, 8192 };

	(void)setrlimit(RLIMIT_NOFILE, &rl);
	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("vsock", tests);
}
