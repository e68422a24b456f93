/* SPDX-License-Identifier: ISC */
/* vhost_user.c - messages: over a socket, in pieces, and bad ones */

#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "lib/io.h"
#include "virtio/vhost_user.h"

static void
round_trip(void **state)
{
	struct vhost_user_msg m, got;
	struct vhost_user_rx rx;
	struct err e;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	vhost_user_rx_init(&rx);
	vhost_user_init(&m, VHOST_USER_SET_MEM_TABLE, 8 + 2 * 32);
	m.u.memory.nregions = 2;
	m.u.memory.regions[1].gpa = 0x1234;
	m.nfds = 2;
	assert_int_equal(pipe(m.fds), 0);
	assert_int_equal(vhost_user_send(s[0], &m, &e), 0);
	assert_int_equal(vhost_user_send(s[0], &m, &e), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(vhost_user_recv(&rx, s[1], &got, &e), 1);
		assert_int_equal(vhost_user_check(&got, &e), 0);
		assert_int_equal(got.nfds, 2);
		assert_int_equal(got.u.memory.regions[1].gpa, 0x1234);
		assert_true(fcntl(got.fds[1], F_GETFD) & FD_CLOEXEC);
		vhost_user_fini(&got);
	}
	vhost_user_fini(&m);
	close(s[0]);
	assert_int_equal(vhost_user_recv(&rx, s[1], &got, &e), -1);
	assert_int_equal(e.num, EPIPE);
	vhost_user_rx_fini(&rx);
	close(s[1]);
}

/* Our own peer in a message: refused, or we never saw it hang up. */
static void
own_socket(void **state)
{
	struct vhost_user_msg m, got;
	struct vhost_user_rx rx;
	struct err e;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	vhost_user_rx_init(&rx);
	vhost_user_init(&m, VHOST_USER_SET_VRING_CALL, 8);
	m.nfds = 1;
	m.fds[0] = s[0];
	assert_int_equal(vhost_user_send(s[0], &m, &e), 0);
	assert_int_equal(vhost_user_recv(&rx, s[1], &got, &e), -1);
	vhost_user_rx_fini(&rx);
	close(s[0]);
	close(s[1]);
}

/* Byte by byte, not blocking. */
static void
pieces(void **state)
{
	uint32_t bytes[5] = { VHOST_USER_SET_FEATURES, 1, 8, 7, 0 };
	struct vhost_user_msg got;
	struct vhost_user_rx rx;
	struct err e;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	fd_nonblock(s[1], 1);
	vhost_user_rx_init(&rx);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(vhost_user_recv(&rx, s[1], &got, &e), 0);
		assert_int_equal(write(s[0], (char *)bytes + i, 1), 1);
	}
	assert_int_equal(vhost_user_recv(&rx, s[1], &got, &e), 1);
	assert_int_equal(got.u.u64, 7);
	close(s[0]);
	close(s[1]);
}

static int
check(uint32_t request, uint32_t flags, uint32_t size, unsigned nfds,
    uint32_t first)
{
	struct vhost_user_msg m;
	struct err e;

	vhost_user_init(&m, request, size);
	m.flags = flags;
	m.nfds = nfds;
	memcpy(m.u.bytes, &first, sizeof(first));
	return vhost_user_check(&m, &e);
}

static void
checks(void **state)
{
	(void)state;
	assert_int_equal(check(VHOST_USER_GET_FEATURES, 1, 0, 0, 0), 0);
	assert_int_equal(check(VHOST_USER_GET_FEATURES, 9, 0, 0, 0), 0);
	assert_int_equal(check(0, 1, 0, 0, 0), -1);
	assert_int_equal(check(7, 1, 0, 1, 0), -1);	/* SET_LOG_FD */
	assert_int_equal(check(UINT32_MAX, 1, 0, 0, 0), -1);
	assert_int_equal(check(VHOST_USER_GET_FEATURES, 5, 0, 0, 0), -1);
	assert_int_equal(check(VHOST_USER_GET_FEATURES, 1, 8, 0, 0), -1);
	assert_int_equal(check(VHOST_USER_GET_FEATURES, 1, 0, 1, 0), -1);
	assert_int_equal(check(VHOST_USER_SET_FEATURES, 1, 7, 0, 0), -1);
	assert_int_equal(check(VHOST_USER_SET_MEM_TABLE, 1, 8, 0, 0), 0);
	assert_int_equal(check(VHOST_USER_SET_MEM_TABLE, 1, 40, 1, 1), 0);
	assert_int_equal(check(VHOST_USER_SET_MEM_TABLE, 1, 39, 1, 1), -1);
	assert_int_equal(check(VHOST_USER_SET_MEM_TABLE, 1, 40, 2, 1), -1);
	assert_int_equal(check(VHOST_USER_SET_MEM_TABLE, 1, 40, 0, 1), -1);
	assert_int_equal(check(VHOST_USER_SET_MEM_TABLE, 1, 264, 9, 9), -1);
	assert_int_equal(check(VHOST_USER_SET_MEM_TABLE, 1, 264, 8,
	    0x80000000), -1);
	assert_int_equal(check(VHOST_USER_SET_VRING_KICK, 1, 8, 1, 0), 0);
	assert_int_equal(check(VHOST_USER_SET_VRING_KICK, 1, 8, 0, 0x100), 0);
	assert_int_equal(check(VHOST_USER_SET_VRING_KICK, 1, 8, 0, 0), -1);
	assert_int_equal(check(VHOST_USER_SET_VRING_KICK, 1, 8, 1, 0x100),
	    -1);
	assert_int_equal(check(VHOST_USER_SET_INFLIGHT_FD, 1, 20, 1, 0), 0);
	assert_int_equal(check(VHOST_USER_SET_INFLIGHT_FD, 1, 24, 0, 0), -1);
	assert_int_equal(check(VHOST_USER_GET_CONFIG, 1, 268, 0, 257), -1);
	assert_int_equal(check(VHOST_USER_GET_CONFIG, 1, 268, 0, UINT32_MAX),
	    -1);
	assert_int_equal(check(VHOST_USER_GET_CONFIG, 1, 12, 0, 0), 0);
	assert_string_equal(vhost_user_name(999), "request 999");
}

static void
bad_headers(void **state)
{
	static const uint32_t bad[][3] = {
		{ 1, 0, 0 }, { 1, 2, 0 }, { 1, 3, 0 },	/* version */
		{ 1, 1, VHOST_USER_PAYLOAD_MAX + 1 }, { 1, 1, UINT32_MAX },
	};
	struct vhost_user_msg m;
	struct vhost_user_rx rx;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vhost_user_rx_init(&rx);
		memcpy(rx.bytes, bad[i], sizeof(bad[i]));
		rx.have = sizeof(bad[i]);
		assert_int_equal(vhost_user_decode(&rx, &m, &e), -1);
	}
}

/* More descriptors than allowed: refused, and none of them stays open. */
static void
many_fds(void **state)
{
	union {
		struct cmsghdr	align;
		char		bytes[CMSG_SPACE(20 * sizeof(int))];
	} control;
	uint32_t header[3] = { VHOST_USER_SET_OWNER, 1, 0 };
	struct iovec iov = { header, sizeof(header) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes) };
	struct vhost_user_msg got;
	struct vhost_user_rx rx;
	struct cmsghdr *c;
	struct err e;
	int s[2], fds[20];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	memset(&control, 0, sizeof(control));
	for (unsigned i = 0; i < 20; i++)
		fds[i] = STDIN_FILENO;
	c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(s[0], &mh, 0), 12);
	vhost_user_rx_init(&rx);
	assert_int_equal(vhost_user_recv(&rx, s[1], &got, &e), -1);
	vhost_user_rx_fini(&rx);
	close(s[0]);
	close(s[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(own_socket),
		cmocka_unit_test(pieces),
		cmocka_unit_test(checks),
		cmocka_unit_test(bad_headers),
		cmocka_unit_test(many_fds),
	};

	return unit_run("vhost_user", tests);
}
