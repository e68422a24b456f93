/* SPDX-License-Identifier: ISC */
/*
 * vhost_user.c - fuzz target: a front-end's side of a conversation
 *
 * The input is a row of messages as they go over the socket, each behind
 * one byte that says which descriptors come with it: the low four bits how
 * many, the next two what they are.  A real server with a device that
 * echoes answers them.
 */

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_kit.h"
#include "os/os.h"
#include "viod/serve.h"

#define MESSAGES	64	/* of one input */
#define MEMORY		0x10000	/* bytes of the descriptor for memory */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct event_loop *loop;
static struct viod device;
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static socklen_t addr_len;
static int memory, event, null;

static const void *
echo_config(struct viod *v, size_t *len)
{
	(void)v;
	*len = 13;
	return "configuration";
}

static int
echo_config_set(struct viod *v, uint32_t offset, const void *bytes,
    uint32_t len)
{
	(void)v;
	(void)bytes;
	return offset + len <= 13 ? 0 : -1;
}

static void
echo_notify(struct viod *v, unsigned queue)
{
	static struct virtq_chain c;
	uint8_t bytes[256];
	size_t n;

	for (unsigned i = 0; i < 64 && viod_pop(v, queue, &c); i++) {
		n = virtq_copy_out(&c, 0, bytes, sizeof(bytes));
		n = virtq_copy_in(&c, 0, bytes, n);
		viod_push(v, queue, c.head, (uint32_t)n);
	}
	viod_flush(v, queue);
	(void)viod_notify_on(v, queue);
}

static const struct viod_class echo = {
	.name = "echo", .id = VIRTIO_ID_BLOCK, .inflight = true,
	.config = echo_config, .config_set = echo_config_set,
	.notify = echo_notify,
};

/* A listener without a name in the file system. */
static int
listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1,
	    "vhost-user-fuzz-%d", (int)getpid()));
	if (fd == -1 || bind(fd, (struct sockaddr *)&addr, addr_len) == -1 ||
	    listen(fd, 4) == -1)
		abort();
	return fd;
}

static void
setup(void)
{
	loop = kit_loop();
	memory = os_memfd("fuzz", MEMORY, NULL);
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (loop == NULL || memory == -1 || event == -1 || null == -1 ||
	    viod_init(&device, &echo, loop, 2, 0, NULL) == -1 ||
	    viod_listen(&device, listener(), NULL) == -1)
		abort();
}

static void
turn(void)
{
	for (unsigned i = 0; i < 3; i++)
		kit_settle(loop);
}

/* Send one message with the descriptors its first byte asks for. */
static int
post(int sock, uint8_t how, const uint8_t *bytes, size_t len)
{
	const int kinds[4] = { memory, event, null, sock };
	union {
		struct cmsghdr	align;
		char		bytes[CMSG_SPACE(15 * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t n = how & 15;
	struct cmsghdr *c;

	if (n > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (size_t i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int),
			    &kinds[how >> 4 & 3], sizeof(int));
	}
	return sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 ? -1 : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t header[3];
	size_t len;
	int sock;

	if (loop == NULL)
		setup();
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock == -1 ||
	    connect(sock, (struct sockaddr *)&addr, addr_len) == -1)
		abort();
	turn();
	for (unsigned i = 0; i < MESSAGES && size > 1; i++) {
		len = size - 1;
		if (len >= sizeof(header)) {
			memcpy(header, data + 1, sizeof(header));
			if (header[2] < len - sizeof(header))
				len = sizeof(header) + header[2];
		}
		if (post(sock, data[0], data + 1, len) == -1)
			break;
		data += 1 + len;
		size -= 1 + len;
		turn();
	}
	(void)close(sock);
	turn();
	if (device.conn != -1 || device.mem.nregions != 0)
		abort();	/* it did not notice that we left */
	return 0;
}
