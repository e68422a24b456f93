/* SPDX-License-Identifier: ISC */
/*
 * serve.c - a virtio device served over vhost-user
 *
 * DOC: theory of operation
 *
 * A front-end (the VMM) connects to the listening socket, says where the
 * guest's memory and queues are, and gives three descriptors a queue: kick
 * (the guest has put something in), call (interrupt the guest) and err (the
 * queue is broken).  From then on nothing of the guest's I/O passes through
 * the socket.
 *
 * A queue runs when its length, addresses and kick descriptor are known and
 * it is enabled, and stops at GET_VRING_BASE, at a reset and when the
 * front-end hangs up.  Stopping drains first: the device finishes what it
 * popped, so that the index we answer with is the whole state of a queue
 * and the memory can be unmapped.
 *
 * One front-end at a time; others wait in the listen queue.  When it hangs
 * up everything it gave is dropped and the next one starts from nothing,
 * except for requests recorded in the in-flight memory: that is the
 * front-end's, and whoever serves next finds in it what was never answered.
 *
 * While the front-end copies the guest's memory elsewhere it gives a log, and
 * accepts VHOST_F_LOG_ALL; what is written is marked there (virtq.h) until
 * it accepts other features.  Queues may run meanwhile.
 *
 * A message we cannot act on is answered with a failure when the front-end
 * asked for an answer, and costs the connection otherwise.  Nothing a
 * guest or front-end sends ends the process.
 *
 * Source: QEMU's docs/interop/vhost-user.rst; virtio 1.2, chapter 2.
 *
 * Process: viod.  Sandbox: memory and descriptors that arrive.
 * Needs: recvmsg, mmap of shared memory, memfd_create.
 */

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"
#include "viod/serve_private.h"

#define MESSAGES_MAX	64	/* in one go; then queues have a turn */

/* What serve.c adds to a device's own features. */
#define TRANSPORT_FEATURES						\
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) |				\
	 VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |				\
	 VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |				\
	 VIRTIO_BIT(VHOST_F_LOG_ALL) |					\
	 VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES))

void
viod_hangup(struct viod *v)
{
	if (v->conn == -1)
		return;
	viod_stop(v);
	for (unsigned n = 0; n < v->nqueues; n++)
		viod_queue_forget(v, n);
	viod_reset(v);
	guest_memory_fini(&v->mem);
	if (v->inflight != NULL)
		(void)munmap(v->inflight, v->inflight_len);
	v->inflight = NULL;
	v->protocol = 0;
	vhost_user_rx_fini(&v->rx);
	event_watch_fini(&v->talk);
	(void)close(v->conn);
	v->conn = -1;
	if (event_watch_set(&v->accepting, EVENT_READ) == -1)
		fatal("%s", v->class->name);
}

/* One message; false: there is no more, or the front-end is gone. */
static bool
next_message(struct viod *v)
{
	struct vhost_user_msg m;
	struct err e;
	int r;

	r = vhost_user_recv(&v->rx, v->conn, &m, &e);
	if (r == 0)
		return false;
	if (r == 1) {
		r = viod_message(v, &m, &e);
		vhost_user_fini(&m);
	}
	if (r != -1)
		return true;
	if (e.num != EPIPE && e.num != ECONNRESET)
		viod_complain(v, &e);
	log_debug("front-end gone: %s", e.text);
	viod_hangup(v);
	return false;
}

/* A front-end says a lot at once when a device starts. */
static void
on_message(void *arg, unsigned what)
{
	(void)what;
	for (unsigned n = 0; n < MESSAGES_MAX && next_message(arg); n++)
		continue;
}

static void
on_connect(void *arg, unsigned what)
{
	struct viod *v = arg;
	int conn = os_accept(v->listener);

	(void)what;
	if (conn == -1)
		return;	/* it left again */
	event_watch_init(&v->talk, v->loop, conn, on_message, v);
	if (event_watch_set(&v->talk, EVENT_READ) == -1)
		fatal("%s", v->class->name);
	v->conn = conn;
	(void)event_watch_set(&v->accepting, 0);
	log_debug("front-end connected");
}

int
viod_init(struct viod *v, const struct viod_class *class,
    struct event_loop *loop, unsigned nqueues, uint64_t features,
    struct err *e)
{
	memset(v, 0, sizeof(*v));
	v->class = class;
	v->loop = loop;
	v->nqueues = nqueues;
	v->features = features | TRANSPORT_FEATURES;
	v->listener = v->conn = -1;
	for (unsigned n = 0; n < VIOD_QUEUES_MAX; n++) {
		struct viod_queue *q = &v->queues[n];

		q->kick = q->call = q->err = -1;
		q->viod = v;
	}
	guest_memory_init(&v->mem);
	vhost_user_rx_init(&v->rx);
	if (nqueues == 0 || nqueues > VIOD_QUEUES_MAX)
		return err_set(e, EINVAL, "%u queues (at most %d)", nqueues,
		    VIOD_QUEUES_MAX);
	return 0;
}

int
viod_listen(struct viod *v, int fd, struct err *e)
{
	v->listener = fd;
	if (fd_nonblock(fd, 1) == -1)
		return err_sys(e, "listening socket");
	event_watch_init(&v->accepting, v->loop, fd, on_connect, v);
	if (event_watch_set(&v->accepting, EVENT_READ) == -1)
		return err_sys(e, "listening socket");
	return 0;
}

void
viod_fini(struct viod *v)
{
	viod_hangup(v);
	event_watch_fini(&v->accepting);
	if (v->listener != -1)
		(void)close(v->listener);
	v->listener = -1;
}
