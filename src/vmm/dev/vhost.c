/* SPDX-License-Identifier: ISC */
/*
 * vhost.c - the VMM's side of a device in another process; see vhost.h
 *
 * At the start the back-end is asked what it offers; its config space is
 * read once and answered from here, so that a guest's look at it costs no
 * message.  When the driver is ready everything is said in one go, without
 * waiting for each answer: features, memory, queues; one last question
 * waits until all of it was acted upon.
 *
 * Whatever goes wrong with the back-end ends the connection: it hung up,
 * took longer than VHOST_ANSWER_S, or refused.  The device is then broken
 * for good and whoever made it is told by the main thread.
 *
 * The event queue of a vsock is ours: what happens to the whole transport is
 * known here.
 *
 * Source: virtio 1.2, chapter 5; QEMU's docs/interop/vhost-user.rst.
 *
 * Process: vmm.  Sandbox: a connected socket.
 * Needs: eventfd, sendmsg with descriptors.
 */

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/dev/vhost_private.h"

/* --- config space --------------------------------------------------------- */

int
vhost_read_config(struct vhost *v, struct err *e)
{
	union vhost_config c;

	if (!frontend_has_config(&v->fe) || v->kind == VHOST_FS)
		return 0;
	if (frontend_config(&v->fe, &c, 0, v->vio.config_len, e) == -1)
		return -1;
	/* What was decided here stays. */
	if (v->kind == VHOST_BLK)
		c.blk.num_queues = v->config.blk.num_queues;
	else if (v->kind == VHOST_NET) {
		memcpy(c.net.mac, v->config.net.mac, sizeof(c.net.mac));
		c.net.max_virtqueue_pairs = v->config.net.max_virtqueue_pairs;
	} else if (v->kind == VHOST_VSOCK)
		c.vsock = v->config.vsock;
	memcpy(&v->config, &c, v->vio.config_len);
	v->writeback = v->config.blk.writeback;
	return 0;
}

static void
vhost_config_read(struct vio *vio, unsigned offset, void *to, unsigned len)
{
	memcpy(to, vhost_of(vio)->config.bytes + offset, len);
}

static void
vhost_config_write(struct vio *vio, unsigned offset, const void *from,
    unsigned len)
{
	struct vhost *v = vhost_of(vio);
	struct err e;

	/* One byte of all devices can be written: the cache mode of a disk. */
	if (v->kind != VHOST_BLK || len != 1 || v->lost ||
	    offset != offsetof(struct virtio_blk_config, writeback) ||
	    !vhost_accepted(v, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	v->config.blk.writeback = *(const uint8_t *)from != 0;
	/* Else it is said at the start. */
	if (vio->running && frontend_config_set(&v->fe, from, offset, len,
	    &e) == -1)
		vhost_lost(v, &e);
}

/* --- making one ----------------------------------------------------------- */

static void
vhost_destroy(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);

	if (v == NULL)
		return;
	event_watch_fini(&v->closing);
	event_watch_fini(&v->erring);
	event_watch_fini(&v->asking);
	os_notify_fini(&v->err);
	if (v->channel != -1)
		(void)close(v->channel);
	vhost_user_rx_fini(&v->channel_rx);
	for (unsigned n = 0; n < v->nbackend && v->calls != NULL; n++)
		event_watch_fini(&v->calls[n].watch);
	frontend_fini(&v->fe);
	shadow_destroy(v->shadow);
	free(v->calls);
	free(v->events);
	vio_fini(vio);
	free(v);
}

#define CLASS(n, i, p, why)						\
	{ .name = (n), .id = (i), .pci_class = (p), .unsaved = (why),	\
	  .config_read = vhost_config_read,				\
	  .config_write = vhost_config_write,				\
	  .start = vhost_start, .stop = vhost_stop,			\
	  .start_queue = vhost_start_queue,				\
	  .stop_queue = vhost_stop_queue,				\
	  .reset = vhost_reset, .log = vhost_log,			\
	  .save = vhost_save, .load = vhost_load,			\
	  .destroy = vhost_destroy }

static const struct vio_class classes[VHOST_KINDS] = {
	[VHOST_BLK]	= CLASS("blk", VIRTIO_ID_BLOCK, 0x010000, NULL),
	[VHOST_NET]	= CLASS("net", VIRTIO_ID_NET, 0x020000, NULL),
	[VHOST_SCSI]	= CLASS("scsi", VIRTIO_ID_SCSI, 0x010000, NULL),
	[VHOST_VSOCK]	= CLASS("vsock", VIRTIO_ID_VSOCK, 0x078000, NULL),
	[VHOST_FS]	= CLASS("fs", VIRTIO_ID_FS, 0x018000,
	    "what a guest has open in a share only its process knows"),
};

/* A connection, with an end to every wait on it. */
static int
dial(const struct vhost_setup *s, struct err *e)
{
	const struct timeval tv = { .tv_sec = VHOST_ANSWER_S };
	own_fd int fd = s->fd;

	if (s->socket != NULL) {
		fd = os_unix_connect(AT_FDCWD, s->socket, e);
		if (fd == -1)
			return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1)
		return err_sys(e, "device process: socket");
	return take_fd(&fd);
}

/* The guest's memory cannot be shared, or shall not be. */
static bool
copied(const struct vhost *v, const struct vhost_setup *s)
{
	return s->shadow || !memory_shared(v->vio.board->memory);
}

/* Ask what it is and has. */
static int
ask(struct vhost *v, const struct vhost_setup *s, struct err *e)
{
	const struct vhost_rules *k = &vhost_rules[v->kind];
	unsigned have, len;
	int fd;

	fd = dial(s, e);
	if (fd == -1 || frontend_open(&v->fe, fd, e) == -1 ||
	    frontend_queues(&v->fe, &have, e) == -1)
		return -1;
	/* A queue that is reset is one that stops and starts, for it. */
	v->vio.offered = v->fe.offered & (VIO_FEATURES | VHOST_OF_KIND);
	v->vio.offered |= VIRTIO_BIT(VIRTIO_F_RING_RESET);
	if (!(v->vio.offered & VIRTIO_BIT(VIRTIO_F_VERSION_1)))
		return err_set(e, EPROTO, "the device process knows only "
		    "the time before virtio 1.0");
	v->vio.config_len = k->config_len;
	if (k->setup(v, s, have, e) == -1 || vhost_read_config(v, e) == -1)
		return -1;
	len = s->queue_len != 0 ? s->queue_len : k->queue_len;
	/* Requests of a share have as many pieces as its queue is long. */
	if (v->kind == VHOST_FS && copied(v, s))
		len = MIN(len, SHADOW_PIECES_MAX);
	for (unsigned n = 0; n < v->vio.nqueues; n++)
		v->vio.queue[n].len_max = (uint16_t)len;
	return 0;
}

static int
make_events(struct vhost *v, struct err *e)
{
	struct event_loop *loop = v->vio.board->loop;

	if (os_notify_init(&v->err, e) == -1)
		return -1;
	event_watch_init(&v->erring, loop, v->err.rd, vhost_on_err, v);
	event_watch_init(&v->closing, loop, v->fe.sock, vhost_on_closed, v);
	/* Only its end: answers must not wake the main thread. */
	if (event_watch_set(&v->erring, EVENT_READ) == -1 ||
	    event_watch_set(&v->closing, EVENT_HUP) == -1)
		return err_sys(e, "device process");
	if (frontend_channel(&v->fe, &v->channel, e) == -1)
		return -1;
	if (v->channel == -1)
		return 0;
	event_watch_init(&v->asking, loop, v->channel, vhost_on_request, v);
	if (event_watch_set(&v->asking, EVENT_READ) == -1)
		return err_sys(e, "device process");
	return 0;
}

static int
make_copies(struct vhost *v, struct err *e)
{
	struct shadow_setup setup = {
		.nqueues = v->nbackend,
		.disk = v->kind == VHOST_BLK,
	};

	/* Its queues are ours, then, and those who kick them, too. */
	v->local = *v->vio.class;
	v->local.kick = vhost_kick;
	v->vio.class = &v->local;
	v->calls = calloc(v->nbackend, sizeof(*v->calls));
	if (v->calls == NULL)
		return err_sys(e, "copied queues");
	if (shadow_new(&v->shadow, &setup, e) == -1)
		return -1;
	for (unsigned n = 0; n < v->nbackend; n++) {
		struct vhost_call *c = &v->calls[n];

		c->vhost = v;
		event_watch_init(&c->watch, v->vio.board->loop,
		    shadow_call_fd(v->shadow, n), vhost_on_call, c);
		if (event_watch_set(&c->watch, EVENT_READ | EVENT_EDGE) == -1)
			return err_sys(e, "copied queues");
	}
	return 0;
}

int
vio_vhost_new(struct vio **ret, struct board *board,
    const struct vhost_setup *s, struct err *e)
{
	struct vhost *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_sys(e, "%s", s->name);
	v->kind = s->kind;
	v->err = OS_NOTIFY_NONE;
	v->channel = v->fe.sock = -1;
	vhost_user_rx_init(&v->channel_rx);
	v->died = s->died;
	v->arg = s->arg;
	if (vio_init(&v->vio, &classes[s->kind], board, s->name, e) == -1 ||
	    ask(v, s, e) == -1 || make_events(v, e) == -1 ||
	    (copied(v, s) && make_copies(v, e) == -1) ||
	    vio_plug(&v->vio, s->slot == 0 ? -1 : s->slot, e) == -1) {
		vhost_destroy(&v->vio);
		return err_prefix(e, "%s", s->name);
	}
	*ret = &v->vio;
	return 0;
}

void
vio_vhost_messages(const struct vio *vio, unsigned *sent, unsigned *waits)
{
	const struct vhost *v = (const struct vhost *)vio;

	*sent = v->fe.sent;
	*waits = v->fe.waits;
}
