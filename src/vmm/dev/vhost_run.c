/* SPDX-License-Identifier: ISC */
/*
 * vhost_run.c - starting and stopping what another process does
 *
 * Process: vmm.  Sandbox: a connected socket.
 * Needs: sendmsg with descriptors.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "lib/log.h"
#include "vmm/dev/vhost_private.h"

void
vhost_lost(struct vhost *v, const struct err *e)
{
	if (v->lost)
		return;
	v->lost = true;
	log_warnx("%s: %s", v->vio.name, e->text);
	(void)shutdown(v->fe.sock, SHUT_RDWR);
}

/* --- running -------------------------------------------------------------- */

/* Where the back-end is to mark what it writes; NULL: nowhere. */
static const struct guest_log *
log_of(const struct vhost *v)
{
	/* Copies are written back by us. */
	return v->shadow != NULL ? NULL :
	    memory_table(v->vio.board->memory)->log;
}

static int
start_queue(struct vhost *v, unsigned n, struct err *e)
{
	struct vio_queue *q = &v->vio.queue[n];
	struct frontend_queue fq = {
		.len = q->len, .base = q->base, .addr = q->addr,
		.kick = q->kick.rd, .call = q->call.wr,
		.log = log_of(v) != NULL,
	};

	if (v->shadow != NULL)
		shadow_start(v->shadow, n, q->virtq, (v->fe.offered &
		    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)) != 0, &fq);
	fq.err = v->err.wr;
	return frontend_start(&v->fe, n, &fq, e);
}

/* Those of copied queues are not the guest's. */
static int
say_features(struct vhost *v, struct err *e)
{
	const struct guest_log *log = log_of(v);
	uint64_t features = v->vio.accepted &
	    ~VIRTIO_BIT(VIRTIO_F_RING_RESET);

	if (v->shadow != NULL) {
		features &= VHOST_OF_KIND;
		features |= VIRTIO_BIT(VIRTIO_F_VERSION_1) |
		    VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	}
	if (log != NULL) {
		features |= VIRTIO_BIT(VHOST_F_LOG_ALL);
		if (frontend_log(&v->fe, log->fd, log->bytes, e) == -1)
			return -1;
	}
	return frontend_features(&v->fe, features, e);
}

static int
say_memory(struct vhost *v, struct err *e)
{
	struct frontend_region regions[2];
	unsigned n = 1;

	if (v->shadow != NULL)
		shadow_region(v->shadow, &regions[0]);
	else
		n = memory_regions(v->vio.board->memory, regions);
	return frontend_memory(&v->fe, regions, n, e);
}

/* Say all that a back-end must know; it is known when this returns 0. */
static int
say_all(struct vhost *v, struct err *e)
{
	v->fe.batch = true;
	if (v->stale && frontend_reset(&v->fe, e) == -1)
		return -1;
	v->stale = false;
	if (say_features(v, e) == -1 || say_memory(v, e) == -1)
		return -1;
	for (unsigned n = 0; n < v->nbackend; n++)
		if (v->vio.queue[n].enabled && start_queue(v, n, e) == -1)
			return -1;
	if (v->kind == VHOST_BLK &&
	    vhost_accepted(v, VIRTIO_BLK_F_CONFIG_WCE) &&
	    frontend_config_set(&v->fe, &v->config.blk.writeback,
	    offsetof(struct virtio_blk_config, writeback), 1, e) == -1)
		return -1;
	if (frontend_sync(&v->fe, e) == -1)
		return -1;
	v->fe.batch = false;
	v->used = true;
	return 0;
}

/* --- the event queue of a vsock ------------------------------------------- */

/* A driver that was saved with connections learns that they are gone. */
static void
send_reset_event(struct vhost *v)
{
	struct virtio_vsock_event event = {
		.id = VIRTIO_VSOCK_EVENT_TRANSPORT_RESET,
	};
	struct virtq *q = v->shadow != NULL ?
	    v->vio.queue[VHOST_EVENTS].virtq : v->events;
	struct virtq_chain c;

	if (!v->reset_event || q == NULL || !virtq_pop(q, &c))
		return;
	v->reset_event = false;
	virtq_push(q, c.head, (uint32_t)virtq_copy_in(&c, 0, &event,
	    sizeof(event)));
	if (virtq_flush(q))
		vio_interrupt(&v->vio, VHOST_EVENTS);
}

static int
start_events(struct vhost *v, struct err *e)
{
	struct vio_queue *q = &v->vio.queue[VHOST_EVENTS];

	if (v->kind != VHOST_VSOCK || !q->enabled)
		return 0;
	if (v->shadow == NULL) {
		if (virtq_init(v->events, memory_table(v->vio.board->memory),
		    q->len, &q->addr, q->base, e) == -1)
			return -1;
		v->events->event_idx = vhost_accepted(v, VIRTIO_F_EVENT_IDX);
		v->events->indirect = vhost_accepted(v, VIRTIO_F_INDIRECT_DESC);
	}
	send_reset_event(v);
	return 0;
}

/* --- copied queues -------------------------------------------------------- */

static void
move(struct vhost *v, unsigned n)
{
	struct virtq *guest = v->vio.queue[n].virtq;
	struct err e;

	if (v->lost || v->vio.broken != NULL || guest == NULL)
		return;
	if (shadow_run(v->shadow, n))
		vio_interrupt(&v->vio, n);
	if (guest->broken != NULL)
		vio_broken(&v->vio, guest->broken);
	if (shadow_broken(v->shadow, n) != NULL) {
		(void)err_set(&e, EPROTO, "the device process: %s",
		    shadow_broken(v->shadow, n));
		vhost_lost(v, &e);
	}
}

void
vhost_kick(struct vio *vio, unsigned n)
{
	struct vhost *v = vhost_of(vio);

	if (n < v->nbackend)
		move(v, n);
	else
		send_reset_event(v);
}

void
vhost_on_call(void *arg, unsigned what)
{
	struct vhost_call *c = arg;
	struct vhost *v = c->vhost;

	(void)what;
	board_lock(v->vio.board);
	move(v, (unsigned)(c - v->calls));
	board_unlock(v->vio.board);
}

static void
stop_copies(struct vhost *v)
{
	if (v->shadow == NULL)
		return;
	for (unsigned n = 0; n < v->nbackend; n++)
		if (shadow_stop(v->shadow, n))
			vio_interrupt(&v->vio, n);
}

/* --- start and stop ------------------------------------------------------- */

int
vhost_start(struct vio *vio, struct err *e)
{
	struct vhost *v = vhost_of(vio);

	if (v->lost)
		return err_set(e, EPIPE, "the device process is gone");
	if (say_all(v, e) == -1) {
		vhost_lost(v, e);
		stop_copies(v);
		return -1;
	}
	if (start_events(v, e) == -1)
		return -1;
	/* An interrupt that was on its way when we stopped may be lost. */
	for (unsigned n = 0; n < v->nbackend; n++)
		if (vio->queue[n].enabled && vio->queue[n].base != 0)
			vio_interrupt(vio, n);
	return 0;
}

void
vhost_stop(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);
	struct err e;

	for (unsigned n = 0; n < v->nbackend && !v->lost; n++)
		if (vio->queue[n].enabled && frontend_stop(&v->fe, n,
		    &vio->queue[n].base, &e) == -1)
			vhost_lost(v, &e);
	stop_copies(v);
	/* Copied queues are vio.c's, which knows where they are. */
	if (v->shadow == NULL && v->kind == VHOST_VSOCK &&
	    vio->queue[VHOST_EVENTS].enabled)
		vio->queue[VHOST_EVENTS].base = v->events->avail_idx;
}

int
vhost_start_queue(struct vio *vio, unsigned n, struct err *e)
{
	struct vhost *v = vhost_of(vio);
	int r;

	if (v->lost)
		return err_set(e, EPIPE, "the device process is gone");
	if (n >= v->nbackend)
		return start_events(v, e);
	v->fe.batch = true;
	r = start_queue(v, n, e) == -1 ? -1 : frontend_sync(&v->fe, e);
	v->fe.batch = false;
	if (r == -1) {
		vhost_lost(v, e);
		if (v->shadow != NULL)
			(void)shadow_stop(v->shadow, n);
	}
	return r;
}

void
vhost_stop_queue(struct vio *vio, unsigned n)
{
	struct vhost *v = vhost_of(vio);
	struct err e;

	if (n >= v->nbackend)
		return;
	if (!v->lost && frontend_stop(&v->fe, n, &vio->queue[n].base,
	    &e) == -1)
		vhost_lost(v, &e);
	if (v->shadow == NULL)
		return;
	if (shadow_stop(v->shadow, n))
		vio_interrupt(vio, n);
	shadow_forget(v->shadow, n);
}

void
vhost_reset(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);

	v->stale = v->used;
	v->reset_event = false;
	for (unsigned n = 0; n < v->nbackend && v->shadow != NULL; n++)
		shadow_forget(v->shadow, n);
	if (v->kind == VHOST_BLK)
		v->config.blk.writeback = v->writeback;
}

/* Queues run on meanwhile. */
static int
say_log(struct vhost *v, struct err *e)
{
	struct frontend_queue fq = { .log = log_of(v) != NULL };

	if (say_features(v, e) == -1)
		return -1;
	for (unsigned n = 0; n < v->nbackend; n++) {
		fq.addr = v->vio.queue[n].addr;
		if (v->vio.queue[n].enabled &&
		    frontend_addr(&v->fe, n, &fq, e) == -1)
			return -1;
	}
	return frontend_sync(&v->fe, e);
}

int
vhost_log(struct vio *vio, struct err *e)
{
	struct vhost *v = vhost_of(vio);
	int r;

	if (log_of(v) != NULL && !frontend_can_log(&v->fe))
		return err_set(e, ENOTSUP, "its process cannot tell what it "
		    "writes to memory");
	if (v->shadow != NULL || v->lost || !vio->running)
		return 0;	/* else it is said at the start */
	v->fe.batch = true;
	r = say_log(v, e);
	v->fe.batch = false;
	if (r == -1)
		vhost_lost(v, e);
	return r;
}

void
vhost_on_closed(void *arg, unsigned what)
{
	struct vhost *v = arg;
	struct err e;

	(void)what;
	board_lock(v->vio.board);
	event_watch_fini(&v->closing);
	(void)err_set(&e, EPIPE, "the device process hung up");
	vhost_lost(v, &e);
	/* Not the guest's fault: vio_broken() would say so. */
	v->vio.broken = "its process is gone";
	v->vio.status |= VIRTIO_STATUS_NEEDS_RESET;
	vio_config_changed(&v->vio);
	if (v->died != NULL)
		v->died(v->arg, v->vio.name);
	board_unlock(v->vio.board);
}

/* The back-end says that the driver broke a queue. */
void
vhost_on_err(void *arg, unsigned what)
{
	struct vhost *v = arg;

	(void)what;
	if (!os_notify_take(v->err.rd))
		return;
	board_lock(v->vio.board);
	vio_broken(&v->vio, "what it asked of the device process");
	board_unlock(v->vio.board);
}

/* A config space that has changed is all that is asked of us. */
static int
take_request(struct vhost *v, struct err *e)
{
	uint32_t request;
	int r = frontend_request(v->channel, &v->channel_rx, &request, e);

	if (r != 1 || request != VHOST_USER_BACKEND_CONFIG_CHANGE)
		return r;
	if (vhost_read_config(v, e) == -1)
		return -1;
	vio_config_changed(&v->vio);
	return 1;
}

void
vhost_on_request(void *arg, unsigned what)
{
	struct vhost *v = arg;
	struct err e;
	int r;

	(void)what;
	board_lock(v->vio.board);
	r = v->lost ? -1 : take_request(v, &e);
	if (r == -1) {
		event_watch_fini(&v->asking);
		if (!v->lost)
			vhost_lost(v, &e);
	}
	board_unlock(v->vio.board);
}
