/* SPDX-License-Identifier: ISC */
/* vsock.c - connections between a guest and unix sockets: begin and end */

#include "unit.h"
#include "vsock_world.h"

/* --- handshake ------------------------------------------------------------ */

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
		"\n", "connect 22\n", "CONNECT\n", "CONNECT \n",
		"CONNECT 22 \n",
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

/* --- guest to host -------------------------------------------------------- */

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

/* --- ends ----------------------------------------------------------------- */

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

/* --- packets for nobody --------------------------------------------------- */

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

/* --- many ----------------------------------------------------------------- */

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
	/* Two packets each; none is second before all were first. */
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
		TEST(strays),
		TEST(stray_flood),
		TEST(small_buffers),
		TEST(thousand),
		TEST(too_many),
	};
	struct rlimit rl = { 8192, 8192 };

	(void)setrlimit(RLIMIT_NOFILE, &rl);
	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("vsock", tests);
}
