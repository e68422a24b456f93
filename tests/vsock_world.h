/* SPDX-License-Identifier: ISC */
/*
 * vsock_world.h - a guest made of packets, for tests of viod vsock
 *
 * The test is the guest: it hands packets to the multiplexer and fetches
 * what comes back, with no queue in between.
 */

#ifndef VSOCK_WORLD_H
#define VSOCK_WORLD_H

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "event_kit.h"
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
	struct event_loop	*loop;
	struct vsock_mux	*mux;
	unsigned		 wakes;
	/* What the guest received last. */
	struct virtio_vsock_hdr	 hdr;
	char			 payload[PAYLOAD_MAX];
};

static inline void
wake(void *arg)
{
	((struct world *)arg)->wakes++;
}

static inline int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vsock_mux_config config = { .cid = CID, .wake = wake };

	strcpy(w->dir, "/tmp/vsock.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->listener = os_unix_listen(w->dirfd, "vsock.sock", 0600, 4096, NULL);
	assert_int_not_equal(w->listener, -1);
	w->loop = kit_loop();
	config.listen_fd = w->listener;
	config.dirfd = w->dirfd;
	config.loop = w->loop;
	config.arg = w;
	assert_int_equal(vsock_mux_new(&w->mux, &config, NULL), 0);
	vsock_mux_ready(w->mux, true);
	*state = w;
	return 0;
}

static inline int
teardown(void **state)
{
	struct world *w = *state;

	vsock_mux_destroy(w->mux);
	event_loop_destroy(w->loop);
	(void)close(w->listener);
	(void)unlinkat(w->dirfd, "vsock.sock", 0);
	(void)unlinkat(w->dirfd, "vsock.sock_1024", 0);
	(void)close(w->dirfd);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* Let every event that is due happen. */
static inline void
turn(struct world *w)
{
	for (int i = 0; i < 4; i++)
		kit_settle(w->loop);
}

static inline struct virtio_vsock_hdr
packet(int op, uint32_t guest_port, uint32_t host_port)
{
	return (struct virtio_vsock_hdr){ .src_cid = CID, .dst_cid = 2,
	    .src_port = guest_port, .dst_port = host_port,
	    .type = VIRTIO_VSOCK_TYPE_STREAM, .op = (uint16_t)op,
	    .buf_alloc = ALLOC };
}

static inline void
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
static inline void
say(struct world *w, int op, uint32_t gport, uint32_t hport, uint32_t flags)
{
	struct virtio_vsock_hdr hdr = packet(op, gport, hport);

	hdr.flags = flags;
	hdr.fwd_cnt = 0;
	input(w, &hdr, NULL, 0);
}

static inline void
say_rw(struct world *w, uint32_t gport, uint32_t hport, const void *p,
    size_t len)
{
	struct virtio_vsock_hdr hdr = packet(RW, gport, hport);

	hdr.len = (uint32_t)len;
	input(w, &hdr, p, len);
}

/* The guest fetches a packet into a buffer of 'cap' payload bytes. */
static inline bool
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

static inline int
host_connect(struct world *w)
{
	int fd = os_unix_connect(w->dirfd, "vsock.sock", NULL);

	assert_int_not_equal(fd, -1);
	return fd;
}

static inline void
put(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), strlen(s));
}

/* What the host's program can read now; "" at the end, NULL when nothing. */
static inline const char *
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
static inline int
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
static inline int
open_guest(struct world *w, int listener)
{
	int fd;

	say(w, REQUEST, 5000, 1024, 0);
	expect(w, RESPONSE, 5000, 1024);
	fd = accept(listener, NULL, NULL);
	assert_int_not_equal(fd, -1);
	return fd;
}

static inline uint64_t
conns(struct world *w)
{
	return vsock_mux_stats(w->mux)->conns;
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
