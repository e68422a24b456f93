/* SPDX-License-Identifier: ISC */
/*
 * frontend.c - fuzz target: what a back-end answers
 *
 * The input is all that it says, on the connection and on that of its own
 * requests; then it hangs up.
 */

#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "lib/io.h"
#include "virtio/frontend.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A socket on which these bytes have come, and nothing else will. */
static int
heard(const uint8_t *data, size_t size, int *peer)
{
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1)
		abort();
	if (size > 0 && write(s[1], data, size) != (ssize_t)size)
		abort();
	if (shutdown(s[1], SHUT_WR) == -1)
		abort();
	*peer = s[1];
	return s[0];
}

static void
talk(struct frontend *f)
{
	struct frontend_region r = { .len = 4096, .fd = 0 };
	struct frontend_queue q = { .len = 16, .kick = 0, .call = 0,
	    .err = 0 };
	struct vhost_user_inflight in = { .num_queues = 1, .queue_size = 16 };
	uint8_t config[VHOST_USER_CONFIG_MAX];
	unsigned queues;
	uint16_t base;
	int fd = -1;
	struct err e;

	f->batch = true;
	if (frontend_queues(f, &queues, &e) == -1 ||
	    frontend_config(f, config, 0, 64, &e) == -1 ||
	    frontend_channel(f, &fd, &e) == -1)
		return;
	if (fd != -1)
		(void)close(fd);
	fd = -1;
	if (frontend_features(f, 1, &e) == -1 ||
	    frontend_memory(f, &r, 1, &e) == -1 ||
	    frontend_start(f, 0, &q, &e) == -1 ||
	    frontend_sync(f, &e) == -1 ||
	    frontend_inflight_get(f, &in, &fd, &e) == -1)
		return;
	(void)close(fd);
	f->batch = false;
	(void)frontend_stop(f, 0, &base, &e);
	(void)frontend_config_set(f, config, 0, 1, &e);
	(void)frontend_reset(f, &e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vhost_user_rx rx;
	struct frontend f;
	uint32_t request;
	struct err e;
	int peer, s;

	if (size > 65536)
		return 0;
	if (frontend_open(&f, heard(data, size, &peer), &e) == 0)
		talk(&f);
	frontend_fini(&f);
	(void)close(peer);

	s = heard(data, size, &peer);
	vhost_user_rx_init(&rx);
	if (fd_nonblock(s, 1) == -1)
		abort();
	while (frontend_request(s, &rx, &request, &e) == 1)
		continue;
	vhost_user_rx_fini(&rx);
	(void)close(s);
	(void)close(peer);
	return 0;
}
