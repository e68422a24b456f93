/* SPDX-License-Identifier: ISC */
/* vsock_credit.c - flow control between a guest and unix sockets */

#include "unit.h"
#include "vsock_world.h"

/* --- credit --------------------------------------------------------------- */

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(guest_credit),
		TEST(host_credit),
		TEST(host_credit_broken),
		TEST(flush_after_reset),
		TEST(batch),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("vsock_credit", tests);
}
