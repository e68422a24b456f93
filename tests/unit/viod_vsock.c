/* SPDX-License-Identifier: ISC */
/*
 * viod_vsock.c - a real viod vsock under a front-end of ours
 *
 * What a connection does in detail is tests/unit/vsock.c's; here it is the
 * queues, pauses, resets, and many bytes both ways.
 */

#include "unit.h"
#include "drive_vsock.h"
#include "lib/io.h"
#include "lib/util.h"
#include "viod/vsock_mux.h"

#define ALL		(~0ULL & ~VIRTIO_BIT(VIRTIO_F_RING_PACKED))
#define NO_EVENT	(ALL & ~VIRTIO_BIT(VIRTIO_F_EVENT_IDX))

enum {
	REQUEST = VIRTIO_VSOCK_OP_REQUEST, RESPONSE, RST, SHUTDOWN, RW,
	CREDIT_UPDATE, CREDIT_REQUEST,
};
enum { BOTH = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND };

static char *viod;		/* the program */
static struct vs_guest g;

static void
up(uint64_t features)
{
	vs_up(&g, viod, features);
	vs_give_all(&g, VS_LEN, VS_BUF);
}

static void
say_rw(uint32_t gport, uint32_t hport, const char *text)
{
	memcpy(vs_payload(&g), text, strlen(text));
	vs_send(&g, RW, gport, hport, (uint32_t)strlen(text));
}

static void
expect_text(int fd, const char *text)
{
	char got[64];
	size_t len = strlen(text);

	assert_int_equal(recv(fd, got, len, MSG_WAITALL), len);
	assert_memory_equal(got, text, len);
}

static void
expect_end(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, 0), 0);
	(void)close(fd);
}

/* Bytes go both ways on the connection. */
static void
works(int fd, uint32_t gport, uint32_t hport)
{
	assert_int_equal(write(fd, "ping", 4), 4);
	assert_true(vs_expect(&g, RW));
	assert_int_equal(g.hdr.len, 4);
	assert_int_equal(g.hdr.dst_port, gport);
	assert_memory_equal(g.payload, "ping", 4);
	g.fwd += 4;
	say_rw(gport, hport, "pong");
	expect_text(fd, "pong");
}

static void
both_ways(void **state)
{
	static const uint64_t features[] = { ALL, NO_EVENT };
	struct virtio_vsock_config c;
	uint32_t hport;
	int fd, l;

	(void)state;
	for (size_t i = 0; i < COUNT(features); i++) {
		up(features[i]);
		assert_int_equal(frontend_config(&g.d.fe, &c, 0, sizeof(c),
		    NULL), 0);
		assert_int_equal(c.guest_cid, VS_CID);
		fd = vs_open(&g, 22, &hport);
		works(fd, 22, hport);
		vs_send(&g, SHUTDOWN, 22, hport, BOTH);
		assert_true(vs_expect(&g, RST));
		expect_end(fd);
		/* The guest connects. */
		l = os_unix_listen(g.dirfd, "vsock.sock_1024", 0600, 8, NULL);
		g.fwd = 0;
		vs_send(&g, REQUEST, 5000, 1024, 0);
		assert_true(vs_expect(&g, RESPONSE));
		fd = accept(l, NULL, NULL);
		works(fd, 5000, 1024);
		(void)close(fd);
		(void)close(l);
		vs_down(&g);
	}
}

/* The guest's program: what it is sent, it sends back. */
static void
echo(uint32_t gport, uint32_t hport)
{
	uint32_t len = g.hdr.len;

	g.fwd += len;
	memcpy(vs_payload(&g), g.payload, len);
	vs_send(&g, RW, gport, hport, len);
}

/* Many bytes through an echo in the guest, with every pause there can be. */
static void
stream(void **state)
{
	enum { BYTES = 8 << 20 };
	static const uint64_t features[] = { ALL, NO_EVENT };
	uint32_t hport, credit = 0, received = 0;
	pid_t writer;
	int fd;

	(void)state;
	for (size_t i = 0; i < COUNT(features); i++) {
		up(features[i]);
		fd = vs_open(&g, 7, &hport);
		credit = 0;
		received = 0;
		writer = fork();
		if (writer == 0) {
			static uint8_t out[65536], in[65536];
			uint32_t sent = 0, got = 0;

			/* Random sizes; reads lag behind what was written. */
			srand(7);
			while (got < BYTES) {
				size_t n = 1 + (size_t)rand() % sizeof(out);

				n = MIN(n, BYTES - sent);
				for (size_t k = 0; k < n; k++)
					out[k] = (uint8_t)((sent + k) * 7 >> 3);
				if (n > 0 && write_full(fd, out, n) == -1)
					_exit(1);
				sent += (uint32_t)n;
				while (sent - got > 100000 || (sent == BYTES &&
				    got < BYTES)) {
					ssize_t r = read(fd, in, sizeof(in));

					if (r <= 0)
						_exit(2);
					for (ssize_t k = 0; k < r; k++, got++)
						if (in[k] != (uint8_t)(got *
						    7 >> 3))
							_exit(3);
				}
			}
			_exit(0);
		}
		(void)close(fd);
		while (received < BYTES) {
			assert_true(vs_receive(&g));
			if (g.hdr.op == RW) {
				received += g.hdr.len;
				echo(7, hport);
			} else
				credit++;
		}
		assert_int_equal(waitpid(writer, &fd, 0), writer);
		assert_int_equal(fd, 0);
		assert_true(credit > 0);
		vs_down(&g);
	}
}

/* A paused machine goes on where it was; one that starts again does not. */
static void
pause_and_restart(void **state)
{
	struct frontend_queue fq;
	uint16_t base[3];
	uint32_t hport;
	int fd, refused;

	(void)state;
	up(ALL);
	fd = vs_open(&g, 22, &hport);
	works(fd, 22, hport);
	for (unsigned q = 0; q < 3; q++)
		assert_int_equal(frontend_stop(&g.d.fe, q, &base[q], NULL), 0);
	refused = vs_dial(&g);
	assert_int_equal(write(refused, "CONNECT 1\n", 10), 10);
	expect_text(refused, "ERR guest is not ready\n");
	expect_end(refused);
	assert_int_equal(write(fd, "late", 4), 4);
	for (unsigned q = 0; q < 3; q++) {
		fq = drive_queue(&g.d, q);
		fq.base = base[q];
		assert_int_equal(frontend_start(&g.d.fe, q, &fq, NULL), 0);
	}
	assert_true(vs_expect(&g, RW));
	assert_memory_equal(g.payload, "late", 4);
	g.fwd += 4;
	works(fd, 22, hport);
	/* The guest's driver begins anew. */
	for (unsigned q = 0; q < 3; q++)
		assert_int_equal(frontend_stop(&g.d.fe, q, &base[q], NULL), 0);
	for (unsigned q = 0; q < 3; q++)
		drive_start(&g.d, q, VS_LEN);
	g.given = g.nheld = 0;
	expect_end(fd);
	vs_give_all(&g, VS_LEN, VS_BUF);
	g.fwd = 0;
	fd = vs_open(&g, 22, &hport);
	works(fd, 22, hport);
	(void)close(fd);
	vs_down(&g);
}

static void
frontend_lost(void **state)
{
	uint32_t hport;
	int fd;

	(void)state;
	up(ALL);
	fd = vs_open(&g, 22, &hport);
	frontend_fini(&g.d.fe);
	expect_end(fd);
	fd = vs_dial(&g);
	assert_int_equal(write(fd, "CONNECT 1\n", 10), 10);
	expect_text(fd, "ERR guest is not ready\n");
	expect_end(fd);
	vs_driver(&g, ALL);
	vs_give_all(&g, VS_LEN, VS_BUF);
	fd = vs_open(&g, 22, &hport);
	works(fd, 22, hport);
	(void)close(fd);
	vs_down(&g);
}

/* Packets wait for buffers, and resets owed hold up the guest's queue. */
static void
starved(void **state)
{
	enum { TAKEN = VSOCK_RSTS_MAX, N = TAKEN + VS_TX_SLOTS / 2 };

	(void)state;
	vs_up(&g, viod, ALL);
	for (unsigned i = 0; i < N; i++)
		vs_send(&g, RW, 9, i, 0);
	while (g.sending > N - TAKEN) {
		assert_true(drive_wait(&g.d, VS_TX));
		vs_reap(&g);
	}
	vs_give_all(&g, 1, VS_BUF);
	for (unsigned i = 0; i < N; i++) {
		assert_true(vs_expect(&g, RST));
		assert_int_equal(g.hdr.src_port, i);
	}
	assert_true(vs_sent(&g));
	vs_down(&g);
}

static void
lies(void **state)
{
	uint32_t hport;
	int fd;

	(void)state;
	/* A packet without a whole header. */
	up(ALL);
	fd = vs_open(&g, 22, &hport);
	vs_send_raw(&g, 43);
	frontend_fini(&g.d.fe);
	expect_end(fd);
	/* A buffer for none. */
	vs_driver(&g, ALL);
	vs_give_all(&g, 1, 43);
	vs_send(&g, RW, 1, 1, 0);
	assert_true(vs_sent(&g));
	frontend_fini(&g.d.fe);
	/* More than is there. */
	vs_driver(&g, ALL);
	vs_give_all(&g, VS_LEN, VS_BUF);
	fd = vs_open(&g, 22, &hport);
	g.hdr = (struct virtio_vsock_hdr){ .src_cid = VS_CID, .dst_cid = 2,
	    .src_port = 22, .dst_port = hport, .type = 1, .op = RW,
	    .len = 0xffffffff };
	memcpy(g.d.mem + VS_TX_AT + g.slot * VS_TX_SLOT, &g.hdr,
	    sizeof(g.hdr));
	vs_send_raw(&g, 100);
	assert_true(vs_expect(&g, RST));
	expect_end(fd);
	vs_down(&g);
}

static void
many(void **state)
{
	enum { N = 200 };
	static int fds[N];
	static uint32_t ports[N];

	(void)state;
	up(ALL);
	for (unsigned i = 0; i < N; i++)
		fds[i] = vs_open(&g, 100 + i, &ports[i]);
	for (unsigned i = 0; i < N; i++) {
		say_rw(100 + i, ports[i], "hello");
		expect_text(fds[i], "hello");
	}
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(write(fds[i], "world", 5), 5);
	for (unsigned i = 0; i < N; i++) {
		assert_true(vs_expect(&g, RW));
		assert_memory_equal(g.payload, "world", 5);
	}
	for (unsigned i = 0; i < N; i++)
		(void)close(fds[i]);
	for (unsigned i = 0; i < N; i++)
		assert_true(vs_expect(&g, SHUTDOWN));
	vs_down(&g);
}

/* One that does not read cannot hold up the others. */
static void
slow_reader(void **state)
{
	uint32_t slow_port, hport, room = VSOCK_BUF_ALLOC;
	int slow, fd;

	(void)state;
	up(ALL);
	slow = vs_open(&g, 1, &slow_port);
	fd = vs_open(&g, 2, &hport);
	for (; room >= 4096; room -= 4096)
		vs_send(&g, RW, 1, slow_port, 4096);
	works(fd, 2, hport);
	(void)close(slow);
	works(fd, 2, hport);
	(void)close(fd);
	vs_down(&g);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(stream),
		cmocka_unit_test(pause_and_restart),
		cmocka_unit_test(frontend_lost),
		cmocka_unit_test(starved),
		cmocka_unit_test(lies),
		cmocka_unit_test(many),
		cmocka_unit_test(slow_reader),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("viod_vsock", tests);
}
