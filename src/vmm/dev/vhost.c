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

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "virtio/frontend.h"
#include "vmm/board.h"
#include "vmm/dev/vhost.h"
#include "vmm/memory.h"
#include "vmm/shadow.h"
#include "vmm/vio.h"

#define VSOCK_EVENTS	2	/* the queue of a vsock that is ours */

/* Features of its kind: bits 0 to 23 (virtio 1.2, section 2.2). */
#define OF_KIND		(VIRTIO_BIT(24) - 1)
/* A net's that need its control queue. */
#define NET_CONTROL	(VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) |	\
			 VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |	\
			 VIRTIO_BIT(VIRTIO_NET_F_MQ) |			\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))

union config {
	uint8_t				bytes[VHOST_USER_CONFIG_MAX];
	struct virtio_blk_config	blk;
	struct virtio_net_config	net;
	struct virtio_vsock_config	vsock;
	struct virtio_fs_config		fs;
};

/* The back-end has answered on a copied queue. */
struct call {
	struct vhost	*vhost;
	struct event	*event;
};

struct vhost {
	struct vio		 vio;		/* first: we are handed it */
	enum vhost_kind		 kind;
	struct frontend		 fe;
	struct shadow		*shadow;	/* NULL: memory is shared */
	struct vio_class	 local;		/* then our vio's class */
	struct call		*calls;		/* of its queues */
	bool			 lost;		/* the back-end is */
	bool			 used;		/* a driver has started it, */
	bool			 stale;		/* and another begins */
	bool			 reset_event;	/* owed to a vsock's driver */
	unsigned		 nbackend;	/* queues that are its */
	union config		 config;
	uint8_t			 writeback;	/* of a disk, at first */
	struct virtq		*events;	/* of a vsock */
	int			 err;		/* eventfd: a queue broke */
	struct event		*err_ev;
	struct event		*closed_ev;
	void			(*died)(void *arg, const char *name);
	void			*arg;
};

/* What the kinds disagree about. */
struct kind {
	unsigned	config_len;	/* bytes */
	uint16_t	queue_len;	/* descriptors */
	uint64_t	buffers;	/* see shadow_setup */
	/* Fill in what the back-end leaves to us; say how many queues. */
	int		(*setup)(struct vhost *, const struct vhost_setup *,
			    unsigned have, struct err *);
};

static const struct kind kinds[VHOST_KINDS];

static struct vhost *
vhost_of(struct vio *vio)
{
	return (struct vhost *)vio;
}

static bool
accepted(const struct vhost *v, unsigned bit)
{
	return (v->vio.accepted & VIRTIO_BIT(bit)) != 0;
}

/*
 * It cannot be relied on any more.  The rest is done on the main thread,
 * which sees the socket close.
 */
static void
lost(struct vhost *v, const struct err *e)
{
	if (v->lost)
		return;
	v->lost = true;
	log_warnx("%s: %s", v->vio.name, e->text);
	(void)shutdown(v->fe.sock, SHUT_RDWR);
}

/* --- config space --------------------------------------------------------- */

static int
read_config(struct vhost *v, struct err *e)
{
	union config c;

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
	} else
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
	    !accepted(v, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	v->config.blk.writeback = *(const uint8_t *)from != 0;
	/* Else it is said at the start. */
	if (vio->running && frontend_config_set(&v->fe, from, offset, len,
	    &e) == -1)
		lost(v, &e);
}

/* --- running -------------------------------------------------------------- */

static int
start_queue(struct vhost *v, unsigned n, struct err *e)
{
	struct vio_queue *q = &v->vio.queue[n];
	struct frontend_queue fq = {
		.len = q->len, .base = q->base, .addr = q->addr,
		.kick = q->kick, .call = q->call,
	};

	if (v->shadow != NULL)
		shadow_start(v->shadow, n, q->virtq, (v->fe.offered &
		    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)) != 0, &fq);
	fq.err = v->err;
	return frontend_start(&v->fe, n, &fq, e);
}

/* Features and memory: those of copied queues are not the guest's. */
static int
say_what(struct vhost *v, struct err *e)
{
	struct frontend_region regions[2];
	uint64_t features = v->vio.accepted;
	unsigned n = 1;

	if (v->shadow != NULL) {
		features &= OF_KIND;
		features |= VIRTIO_BIT(VIRTIO_F_VERSION_1) |
		    VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
		shadow_region(v->shadow, &regions[0]);
	} else
		n = memory_regions(v->vio.board->memory, regions);
	if (frontend_features(&v->fe, features, e) == -1)
		return -1;
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
	if (say_what(v, e) == -1)
		return -1;
	for (unsigned n = 0; n < v->nbackend; n++)
		if (v->vio.queue[n].enabled && start_queue(v, n, e) == -1)
			return -1;
	if (v->kind == VHOST_BLK && accepted(v, VIRTIO_BLK_F_CONFIG_WCE) &&
	    frontend_config_set(&v->fe,
	    &v->config.blk.writeback,
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
	    v->vio.queue[VSOCK_EVENTS].virtq : v->events;
	struct virtq_chain c;

	if (!v->reset_event || q == NULL || !virtq_pop(q, &c))
		return;
	v->reset_event = false;
	virtq_push(q, c.head, (uint32_t)virtq_copy_in(&c, 0, &event,
	    sizeof(event)));
	if (virtq_flush(q))
		vio_interrupt(&v->vio, VSOCK_EVENTS);
}

static int
start_events(struct vhost *v, struct err *e)
{
	struct vio_queue *q = &v->vio.queue[VSOCK_EVENTS];

	if (v->kind != VHOST_VSOCK || !q->enabled)
		return 0;
	if (v->shadow == NULL) {
		if (virtq_init(v->events, memory_table(v->vio.board->memory),
		    q->len, &q->addr, q->base, e) == -1)
			return -1;
		v->events->event_idx = accepted(v, VIRTIO_F_EVENT_IDX);
		v->events->indirect = accepted(v, VIRTIO_F_INDIRECT_DESC);
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
		lost(v, &e);
	}
}

static void
vhost_kick(struct vio *vio, unsigned n)
{
	struct vhost *v = vhost_of(vio);

	if (n < v->nbackend)
		move(v, n);
	else
		send_reset_event(v);
}

static void
on_call(evutil_socket_t fd, short what, void *arg)
{
	struct call *c = arg;
	struct vhost *v = c->vhost;

	(void)fd;
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

static int
vhost_start(struct vio *vio, struct err *e)
{
	struct vhost *v = vhost_of(vio);

	if (v->lost)
		return err_set(e, EPIPE, "the device process is gone");
	if (say_all(v, e) == -1) {
		lost(v, e);
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

static void
vhost_stop(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);
	struct err e;

	for (unsigned n = 0; n < v->nbackend && !v->lost; n++)
		if (vio->queue[n].enabled && frontend_stop(&v->fe, n,
		    &vio->queue[n].base, &e) == -1)
			lost(v, &e);
	stop_copies(v);
	/* Copied queues are vio.c's, which knows where they are. */
	if (v->shadow == NULL && v->kind == VHOST_VSOCK &&
	    vio->queue[VSOCK_EVENTS].enabled)
		vio->queue[VSOCK_EVENTS].base = v->events->avail_idx;
}

static void
vhost_reset(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);

	v->stale = v->used;
	v->reset_event = false;
	if (v->kind == VHOST_BLK)
		v->config.blk.writeback = v->writeback;
}

static void
on_closed(evutil_socket_t fd, short what, void *arg)
{
	struct vhost *v = arg;
	struct err e;

	(void)fd;
	(void)what;
	board_lock(v->vio.board);
	(void)event_del(v->closed_ev);
	(void)err_set(&e, EPIPE, "the device process hung up");
	lost(v, &e);
	/* Not the guest's fault: vio_broken() would say so. */
	v->vio.broken = "its process is gone";
	v->vio.status |= VIRTIO_STATUS_NEEDS_RESET;
	vio_config_changed(&v->vio);
	if (v->died != NULL)
		v->died(v->arg, v->vio.name);
	board_unlock(v->vio.board);
}

/* The back-end says that the driver broke a queue. */
static void
on_err(evutil_socket_t fd, short what, void *arg)
{
	struct vhost *v = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) == -1)
		return;
	board_lock(v->vio.board);
	vio_broken(&v->vio, "what it asked of the device process");
	board_unlock(v->vio.board);
}

/* --- state ---------------------------------------------------------------- */

/* Of each queue, what was popped and not answered. */
static json_t *
save_pending(const struct vhost *v)
{
	own_json json_t *queues = json_array();
	const uint16_t *heads;
	json_t *list;
	unsigned n;

	for (unsigned q = 0; q < v->nbackend; q++) {
		list = json_array();
		if (json_array_append_new(queues, list) == -1)
			return NULL;
		n = v->shadow == NULL ? 0 :
		    shadow_pending(v->shadow, q, &heads);
		for (unsigned i = 0; i < n; i++)
			if (json_array_append_new(list,
			    json_integer(heads[i])) == -1)
				return NULL;
	}
	return take(&queues);
}

static json_t *
vhost_save(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);
	own_json json_t *o = json_object();

	if (o == NULL ||
	    json_object_set_new(o, "pending", save_pending(v)) == -1)
		return NULL;
	if (v->kind == VHOST_BLK && (json_object_set_new(o, "capacity",
	    json_integer((json_int_t)v->config.blk.capacity)) == -1 ||
	    json_object_set_new(o, "writeback",
	    json_boolean(v->config.blk.writeback)) == -1))
		return NULL;
	return take(&o);
}

/*
 * A queue that is not copied knows only where to go on: that is enough when
 * what is pending was popped last.
 */
static int
rewind_queue(struct vhost *v, unsigned n, const uint16_t *heads,
    unsigned nheads, struct err *e)
{
	struct vio_queue *q = &v->vio.queue[n];
	uint16_t base = (uint16_t)(q->base - nheads);
	struct virtq virtq;

	if (virtq_init(&virtq, memory_table(v->vio.board->memory), q->len,
	    &q->addr, base, e) == -1)
		return -1;
	for (unsigned i = 0; i < nheads; i++)
		if (nheads > q->len || heads[i] !=
		    virtq.avail->ring[(base + i) & (q->len - 1)])
			return err_set(e, EINVAL, "pending: queue %u can go "
			    "on only with private memory", n);
	q->base = base;
	return 0;
}

static int
load_pending(struct vhost *v, unsigned q, const json_t *list, struct err *e)
{
	uint16_t heads[VIRTQ_LEN_MAX];
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > VIRTQ_LEN_MAX)
		return err_set(e, EINVAL, "pending: bad list of queue %u", q);
	for (size_t i = 0; i < n; i++)
		heads[i] = (uint16_t)json_integer_value(
		    json_array_get(list, i));
	if (v->shadow != NULL)
		return shadow_set_pending(v->shadow, q, heads, (unsigned)n,
		    e);
	return n == 0 ? 0 : rewind_queue(v, q, heads, (unsigned)n, e);
}

static int
load_disk(struct vhost *v, const json_t *state, struct err *e)
{
	uint64_t capacity = 0;
	bool writeback = true;

	if (json_get_u64(&capacity, state, "capacity", 0, INT64_MAX,
	    e) == -1 || json_get_bool(&writeback, state, "writeback", e) == -1)
		return -1;
	if (capacity != v->config.blk.capacity)
		return err_set(e, EINVAL, "the disk has %llu sectors, and had "
		    "%llu", (unsigned long long)v->config.blk.capacity,
		    (unsigned long long)capacity);
	v->config.blk.writeback = writeback;
	return 0;
}

static int
vhost_load(struct vio *vio, const json_t *state, struct err *e)
{
	struct vhost *v = vhost_of(vio);
	json_t *queues = NULL;

	if (json_get_arr(&queues, state, "pending", VIO_QUEUES_MAX, e) == -1)
		return -1;
	if (json_array_size(queues) != v->nbackend)
		return err_set(e, EINVAL, "pending: %zu queues, not %u",
		    json_array_size(queues), v->nbackend);
	for (unsigned q = 0; q < v->nbackend; q++)
		if (load_pending(v, q, json_array_get(queues, q), e) == -1)
			return -1;
	v->reset_event = v->kind == VHOST_VSOCK;
	return v->kind == VHOST_BLK ? load_disk(v, state, e) : 0;
}

/* --- making one ----------------------------------------------------------- */

static int
setup_blk(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	unsigned n = MAX(s->queues, 1);

	if (!frontend_has_config(&v->fe))
		return err_set(e, EPROTO, "not a disk: no config space");
	if (n > have)
		return err_set(e, EINVAL, "%u queues: the device process has "
		    "%u", n, have);
	v->vio.nqueues = v->nbackend = n;
	v->config.blk.num_queues = (uint16_t)n;
	return 0;
}

static int
mac_parse(uint8_t mac[6], const char *s, struct err *e)
{
	int end = 0;

	if (sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
	    &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    s[end] != '\0')
		return err_set(e, EINVAL, "mac \"%.20s\": want "
		    "xx:xx:xx:xx:xx:xx", s);
	return 0;
}

static int
setup_net(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	unsigned pairs = MAX(s->queues, 1);
	/* The back-end's control queue is behind all of its pairs. */
	bool control = pairs > 1 && have == pairs * 2 + 1;

	/* Some cannot say how many they have: then it is one pair. */
	if (pairs > 1 && !control)
		return err_set(e, EINVAL, "%u pairs of queues: the device "
		    "process has %u queues, of which none controls them",
		    pairs, have);
	if (!control)
		v->vio.offered &= ~NET_CONTROL;
	v->vio.nqueues = v->nbackend = pairs * 2 + control;
	v->config.net.max_virtqueue_pairs = (uint16_t)pairs;
	v->config.net.status = VIRTIO_NET_S_LINK_UP;
	if (!frontend_has_config(&v->fe))
		v->vio.offered &= ~(VIRTIO_BIT(VIRTIO_NET_F_MTU) |
		    VIRTIO_BIT(VIRTIO_NET_F_STATUS));
	if (s->mac != NULL) {
		v->vio.offered |= VIRTIO_BIT(VIRTIO_NET_F_MAC);
		return mac_parse(v->config.net.mac, s->mac, e);
	}
	if (frontend_has_config(&v->fe))
		return frontend_config(&v->fe, v->config.net.mac, 0,
		    sizeof(v->config.net.mac), e);
	v->vio.offered &= ~VIRTIO_BIT(VIRTIO_NET_F_MAC);
	return 0;
}

static int
setup_vsock(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	(void)have;		/* not everybody counts the third */
	v->vio.nqueues = 3;
	v->nbackend = VSOCK_EVENTS;
	v->events = calloc(1, sizeof(*v->events));
	if (v->events == NULL)
		return err_sys(e, "event queue");
	v->config.vsock.guest_cid = s->cid;
	if (s->cid == 0 && frontend_has_config(&v->fe))
		return frontend_config(&v->fe, &v->config.vsock, 0,
		    sizeof(v->config.vsock), e);
	return s->cid != 0 ? 0 : err_set(e, EINVAL, "no CID");
}

static int
setup_fs(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	unsigned n = MAX(s->queues, 1);
	size_t len = s->tag != NULL ? strlen(s->tag) : 0;

	if (len == 0 || len > VHOST_TAG_MAX)
		return err_set(e, EINVAL, "tag of %zu bytes: 1 to %d", len,
		    VHOST_TAG_MAX);
	/* The first queue is for what must not wait. */
	if (n > 1 && n + 1 > have)
		return err_set(e, EINVAL, "%u queues of requests: the device "
		    "process has %u in all", n, have);
	v->vio.nqueues = v->nbackend = n + 1;
	memcpy(v->config.fs.tag, s->tag, len);
	v->config.fs.num_request_queues = n;
	return 0;
}

static const struct kind kinds[VHOST_KINDS] = {
	/* Of a net every other queue is for what comes in, of a vsock one. */
	[VHOST_BLK] = { sizeof(struct virtio_blk_config), 128, 0, setup_blk },
	[VHOST_NET] = { sizeof(struct virtio_net_config), 256,
		0x5555555555555555, setup_net },
	[VHOST_VSOCK] = { sizeof(struct virtio_vsock_config), 128, 1,
		setup_vsock },
	[VHOST_FS] = { sizeof(struct virtio_fs_config), 128, 0, setup_fs },
};

static void
vhost_destroy(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);

	if (v == NULL)
		return;
	if (v->closed_ev != NULL)
		event_free(v->closed_ev);
	if (v->err_ev != NULL)
		event_free(v->err_ev);
	if (v->err != -1)
		(void)close(v->err);
	for (unsigned n = 0; n < v->nbackend && v->calls != NULL; n++)
		if (v->calls[n].event != NULL)
			event_free(v->calls[n].event);
	frontend_fini(&v->fe);
	shadow_destroy(v->shadow);
	free(v->calls);
	free(v->events);
	vio_fini(vio);
	free(v);
}

#define CLASS(n, i, p)							\
	{ .name = (n), .id = (i), .pci_class = (p),			\
	  .config_read = vhost_config_read,				\
	  .config_write = vhost_config_write,				\
	  .start = vhost_start, .stop = vhost_stop,			\
	  .reset = vhost_reset,						\
	  .save = vhost_save, .load = vhost_load,			\
	  .destroy = vhost_destroy }

static const struct vio_class classes[VHOST_KINDS] = {
	[VHOST_BLK]	= CLASS("blk", VIRTIO_ID_BLOCK, 0x010000),
	[VHOST_NET]	= CLASS("net", VIRTIO_ID_NET, 0x020000),
	[VHOST_VSOCK]	= CLASS("vsock", VIRTIO_ID_VSOCK, 0x078000),
	[VHOST_FS]	= CLASS("fs", VIRTIO_ID_FS, 0x018000),
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

/* Ask what it is and has. */
static int
ask(struct vhost *v, const struct vhost_setup *s, struct err *e)
{
	const struct kind *k = &kinds[v->kind];
	unsigned have;
	int fd;

	fd = dial(s, e);
	if (fd == -1 || frontend_open(&v->fe, fd, e) == -1 ||
	    frontend_queues(&v->fe, &have, e) == -1)
		return -1;
	v->vio.offered = v->fe.offered & (VIO_FEATURES | OF_KIND);
	if (!(v->vio.offered & VIRTIO_BIT(VIRTIO_F_VERSION_1)))
		return err_set(e, EPROTO, "the device process knows only "
		    "the time before virtio 1.0");
	v->vio.config_len = k->config_len;
	if (k->setup(v, s, have, e) == -1 || read_config(v, e) == -1)
		return -1;
	for (unsigned n = 0; n < v->vio.nqueues; n++)
		v->vio.queue[n].len_max = s->queue_len != 0 ? s->queue_len :
		    k->queue_len;
	return 0;
}

static int
make_events(struct vhost *v, struct err *e)
{
	struct event_base *base = v->vio.board->base;

	v->err = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->err == -1)
		return err_sys(e, "eventfd");
	v->err_ev = event_new(base, v->err, EV_READ | EV_PERSIST, on_err, v);
	/* Only its end: answers must not wake the main thread. */
	v->closed_ev = event_new(base, v->fe.sock, EV_CLOSED | EV_PERSIST,
	    on_closed, v);
	if (v->err_ev == NULL || event_add(v->err_ev, NULL) == -1 ||
	    v->closed_ev == NULL || event_add(v->closed_ev, NULL) == -1)
		return err_set(e, ENOMEM, "no memory for an event");
	return 0;
}

/* The guest's memory cannot be shared, or shall not be. */
static int
make_copies(struct vhost *v, struct err *e)
{
	struct shadow_setup setup = {
		.nqueues = v->nbackend,
		.disk = v->kind == VHOST_BLK,
		.buffers = kinds[v->kind].buffers,
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
		struct call *c = &v->calls[n];

		c->vhost = v;
		c->event = event_new(v->vio.board->base, shadow_call_fd(
		    v->shadow, n), EV_READ | EV_PERSIST, on_call, c);
		if (c->event == NULL || event_add(c->event, NULL) == -1)
			return err_set(e, ENOMEM, "no memory for an event");
	}
	return 0;
}

int
vio_vhost_new(struct vio **ret, struct board *board,
    const struct vhost_setup *s, struct err *e)
{
	struct vhost *v = calloc(1, sizeof(*v));
	bool copies = s->shadow || !memory_shared(board->memory);

	if (v == NULL)
		return err_sys(e, "%s", s->name);
	v->kind = s->kind;
	v->err = v->fe.sock = -1;
	v->died = s->died;
	v->arg = s->arg;
	if (vio_init(&v->vio, &classes[s->kind], board, s->name, e) == -1 ||
	    ask(v, s, e) == -1 || make_events(v, e) == -1 ||
	    (copies && make_copies(v, e) == -1) ||
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
