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
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/serve.h"

#define INFLIGHT_MAX	(1UL << 20)	/* bytes; 16 queues of 1024: 257 KiB */

#define KICKS_UNREAD	512		/* fewer than what a pipe holds */

/* What serve.c adds to a device's own features. */
#define TRANSPORT_FEATURES						\
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) |				\
	 VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |				\
	 VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |				\
	 VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES))

/* --- queues ------------------------------------------------------------------ */

static void
complain(struct viod *v, const struct err *e)
{
	log_limited(&v->complaints, "%s: %s", v->class->name, e->text);
}

static void
signal_fd(int fd)
{
	uint64_t one = 1;

	/* Full means that a signal is pending already. */
	if (fd != -1 && write(fd, &one, sizeof(one)) == -1)
		return;
}

/* Once per breakage: log it and tell the front-end. */
static void
report_broken(struct viod *v, unsigned queue)
{
	struct viod_queue *q = &v->queues[queue];

	if (q->told)
		return;
	q->told = true;
	log_limited(&v->complaints, "%s: queue %u is broken: %s",
	    v->class->name, queue, q->vq.broken);
	signal_fd(q->err);
}

void
viod_broken(struct viod *v, unsigned queue, const char *why)
{
	virtq_break(&v->queues[queue].vq, why);
	report_broken(v, queue);
}

bool
viod_pop(struct viod *v, unsigned queue, struct virtq_chain *c)
{
	struct viod_queue *q = &v->queues[queue];

	if (!q->running)
		return false;
	if (virtq_pop(&q->vq, c))
		return true;
	if (q->vq.broken != NULL)
		report_broken(v, queue);
	return false;
}

void
viod_push(struct viod *v, unsigned queue, uint16_t head, uint32_t written)
{
	virtq_push(&v->queues[queue].vq, head, written);
}

void
viod_flush(struct viod *v, unsigned queue)
{
	struct viod_queue *q = &v->queues[queue];

	if (q->running && virtq_flush(&q->vq))
		signal_fd(q->call);
}

void
viod_notify_off(struct viod *v, unsigned queue)
{
	if (v->queues[queue].running)
		virtq_notify_off(&v->queues[queue].vq);
}

bool
viod_notify_on(struct viod *v, unsigned queue)
{
	return v->queues[queue].running &&
	    virtq_notify_on(&v->queues[queue].vq);
}

bool
viod_notify_past(struct viod *v, unsigned queue, unsigned waiting)
{
	return v->queues[queue].running &&
	    virtq_notify_past(&v->queues[queue].vq, waiting);
}

void
viod_again(struct viod *v, unsigned queue)
{
	if (v->queues[queue].running)
		event_active(v->queues[queue].kick_ev, EV_READ, 0);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct viod_queue *q = arg;
	char bin[KICKS_UNREAD * 8];

	(void)what;
	/* Every write is an edge, read or not; a pipe must not fill up. */
	if (++q->unread == KICKS_UNREAD) {
		q->unread = 0;
		if (read(fd, bin, sizeof(bin)) == -1 && errno != EAGAIN)
			return;
	}
	if (q->running)
		q->viod->class->notify(q->viod,
		    (unsigned)(q - q->viod->queues));
}

static int
queue_track(struct viod *v, struct viod_queue *q, unsigned n, struct err *e)
{
	if (v->inflight == NULL)
		return 0;
	if (n >= v->inflight_queues || q->len != v->inflight_desc)
		return err_set(e, EINVAL, "queue %u of %u: the in-flight "
		    "record has %u of %u", n, q->len, v->inflight_queues,
		    v->inflight_desc);
	return virtq_track(&q->vq,
	    inflight_queue(v->inflight, q->len, n), e);
}

/* Start the queue if all that it takes has been said. */
static int
queue_start(struct viod *v, unsigned n, struct err *e)
{
	struct viod_queue *q = &v->queues[n];

	if (q->running || q->len == 0 || !q->have_addr || !q->enabled ||
	    q->kick == -1)
		return 0;
	if (virtq_init(&q->vq, &v->mem, q->len, &q->addr, q->base, e) == -1 ||
	    queue_track(v, q, n, e) == -1)
		return err_prefix(e, "queue %u", n);
	q->vq.event_idx = viod_has(v, VIRTIO_F_EVENT_IDX);
	q->vq.indirect = viod_has(v, VIRTIO_F_INDIRECT_DESC);
	q->kick_ev = event_new(v->base, q->kick, EV_READ | EV_PERSIST | EV_ET,
	    on_kick, q);
	if (q->kick_ev == NULL)
		fatalx("%s: no memory for an event", v->class->name);
	if (event_add(q->kick_ev, NULL) == -1) {
		event_free(q->kick_ev);
		q->kick_ev = NULL;
		return err_set(e, EINVAL,
		    "queue %u: kick descriptor cannot be waited for", n);
	}
	q->told = false;
	q->running = true;
	if (v->class->start != NULL)
		v->class->start(v, n);
	/* Chains may be waiting that no kick will come for. */
	viod_again(v, n);
	return 0;
}

static void
drain(struct viod *v)
{
	if (v->class->drain != NULL)
		v->class->drain(v);
}

/* The queue is not served any more; base is where to go on. */
static void
queue_stop(struct viod *v, unsigned n)
{
	struct viod_queue *q = &v->queues[n];

	if (!q->running)
		return;
	drain(v);
	viod_flush(v, n);
	if (v->class->stop != NULL)
		v->class->stop(v, n);
	q->running = false;
	q->base = q->vq.avail_idx;
	event_free(q->kick_ev);
	q->kick_ev = NULL;
}

static void
replace_fd(int *slot, int fd)
{
	if (*slot != -1)
		(void)close(*slot);
	*slot = fd;
}

/* Forget all that was said about the queue. */
static void
queue_forget(struct viod *v, unsigned n)
{
	struct viod_queue *q = &v->queues[n];

	queue_stop(v, n);
	replace_fd(&q->kick, -1);
	replace_fd(&q->call, -1);
	replace_fd(&q->err, -1);
	q->len = q->base = 0;
	q->have_addr = q->enabled = q->told = false;
}

static void
stop_all(struct viod *v)
{
	for (unsigned n = 0; n < v->nqueues; n++)
		queue_stop(v, n);
}

static bool
any_running(const struct viod *v)
{
	for (unsigned n = 0; n < v->nqueues; n++)
		if (v->queues[n].running)
			return true;
	return false;
}

/* --- messages ---------------------------------------------------------------- */

/*
 * Each takes a message that vhost_user_check() passed.  0: done.  1: the
 * message has become the answer.  -1: refused.
 */
typedef int handler(struct viod *, struct vhost_user_msg *, struct err *);

/* The queue a message is about, or NULL. */
static struct viod_queue *
queue_of(struct viod *v, uint64_t index, const struct vhost_user_msg *m,
    struct err *e)
{
	if (index < v->nqueues)
		return &v->queues[index];
	(void)err_set(e, EINVAL, "%s: queue %llu of %u",
	    vhost_user_name(m->request), (unsigned long long)index,
	    v->nqueues);
	return NULL;
}

/* The queue a message is about, which must not be running. */
static struct viod_queue *
idle_queue(struct viod *v, uint64_t index, const struct vhost_user_msg *m,
    struct err *e)
{
	struct viod_queue *q = queue_of(v, index, m, e);

	if (q == NULL || !q->running)
		return q;
	(void)err_set(e, EBUSY, "%s: queue %llu is running",
	    vhost_user_name(m->request), (unsigned long long)index);
	return NULL;
}

static int
answer_u64(struct vhost_user_msg *m, uint64_t value)
{
	m->u.u64 = value;
	m->size = sizeof(m->u.u64);
	return 1;
}

static int
get_features(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	(void)e;
	return answer_u64(m, v->features);
}

static int
set_features(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	if (m->u.u64 & ~v->features)
		return err_set(e, EINVAL,
		    "SET_FEATURES: %#llx were not offered",
		    (unsigned long long)(m->u.u64 & ~v->features));
	if (any_running(v) && m->u.u64 != v->acked)
		return err_set(e, EBUSY, "SET_FEATURES while running");
	v->acked = m->u.u64;
	/* Without the bit there is no SET_VRING_ENABLE. */
	if (!viod_has(v, VHOST_USER_F_PROTOCOL_FEATURES))
		for (unsigned n = 0; n < v->nqueues; n++)
			v->queues[n].enabled = true;
	return 0;
}

static int
get_protocol_features(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	uint64_t bits = VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ) |
	    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
	    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
	    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_STATUS);

	(void)e;
	if (v->class->config != NULL)
		bits |= VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CONFIG);
	if (v->class->inflight)
		bits |= VIRTIO_BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
	return answer_u64(m, bits);
}

static int
set_protocol_features(struct viod *v, struct vhost_user_msg *m,
    struct err *e)
{
	(void)e;
	v->protocol = m->u.u64;
	return 0;
}

static int
get_queue_num(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	(void)e;
	return answer_u64(m, v->nqueues);
}

/* Obsolete or without meaning here: one connection is one owner. */
static int
set_owner(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	(void)v;
	(void)m;
	(void)e;
	return 0;
}

/* The guest's memory changed under running queues: look them up again. */
static void
remap_queues(struct viod *v)
{
	struct err e;

	for (unsigned n = 0; n < v->nqueues; n++) {
		struct viod_queue *q = &v->queues[n];

		if (!q->running)
			continue;
		if (virtq_remap(&q->vq, &q->addr, &e) == -1) {
			complain(v, &e);
			queue_stop(v, n);
		}
	}
}

static int
set_mem_table(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct guest_memory mem;

	guest_memory_init(&mem);
	for (unsigned i = 0; i < m->u.memory.nregions; i++) {
		const struct vhost_user_region *r = &m->u.memory.regions[i];
		struct guest_region want = {
			.gpa = r->gpa, .user = r->user, .len = r->len,
		};

		if (guest_memory_map(&mem, &want, m->fds[i], r->offset,
		    e) == -1) {
			guest_memory_fini(&mem);
			return -1;
		}
	}
	drain(v);
	for (unsigned n = 0; n < v->nqueues; n++)
		viod_flush(v, n);
	guest_memory_fini(&v->mem);
	v->mem = mem;
	remap_queues(v);
	return 0;
}

static int
set_vring_num(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = idle_queue(v, m->u.state.index, m, e);
	uint32_t num = m->u.state.num;

	if (q == NULL)
		return -1;
	if (num == 0 || num > VIRTQ_LEN_MAX || (num & (num - 1)) != 0)
		return err_set(e, EINVAL, "SET_VRING_NUM: %u descriptors",
		    num);
	q->len = (uint16_t)num;
	return 0;
}

static int
set_vring_addr(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = idle_queue(v, m->u.addr.index, m, e);

	if (q == NULL)
		return -1;
	if (m->u.addr.flags != 0)
		return err_set(e, ENOTSUP, "SET_VRING_ADDR: flags %#x",
		    m->u.addr.flags);
	q->addr.desc = m->u.addr.desc;
	q->addr.avail = m->u.addr.avail;
	q->addr.used = m->u.addr.used;
	q->have_addr = true;
	return 0;
}

static int
set_vring_base(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = idle_queue(v, m->u.state.index, m, e);

	if (q == NULL)
		return -1;
	if (m->u.state.num > UINT16_MAX)
		return err_set(e, EINVAL, "SET_VRING_BASE: index %u",
		    m->u.state.num);
	q->base = (uint16_t)m->u.state.num;
	return 0;
}

static int
get_vring_base(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = queue_of(v, m->u.state.index, m, e);

	if (q == NULL)
		return -1;
	queue_stop(v, m->u.state.index);
	/* It starts again by a new kick descriptor. */
	replace_fd(&q->kick, -1);
	replace_fd(&q->call, -1);
	m->u.state.num = q->base;
	m->size = sizeof(m->u.state);
	return 1;
}

/* The descriptor of a SET_VRING_KICK/CALL/ERR, or -1 when none comes. */
static int
vring_fd(struct vhost_user_msg *m)
{
	int fd = take_fd(&m->fds[0]);

	/* A peer that does not read must not hold us up. */
	if (fd != -1)
		(void)fd_nonblock(fd, 1);
	return fd;
}

static int
set_vring_kick(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	unsigned n = m->u.u64 & VHOST_USER_VRING_INDEX;
	struct viod_queue *q = idle_queue(v, n, m, e);

	if (q == NULL)
		return -1;
	if (m->nfds == 0)
		return err_set(e, ENOTSUP,
		    "SET_VRING_KICK: polling is not supported");
	replace_fd(&q->kick, vring_fd(m));
	return queue_start(v, n, e);
}

static int
set_vring_call(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = queue_of(v,
	    m->u.u64 & VHOST_USER_VRING_INDEX, m, e);

	if (q == NULL)
		return -1;
	replace_fd(&q->call, vring_fd(m));
	/* What the old one was told may have been lost. */
	if (q->running)
		signal_fd(q->call);
	return 0;
}

static int
set_vring_err(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = queue_of(v,
	    m->u.u64 & VHOST_USER_VRING_INDEX, m, e);

	if (q == NULL)
		return -1;
	replace_fd(&q->err, vring_fd(m));
	return 0;
}

static int
set_vring_enable(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = queue_of(v, m->u.state.index, m, e);

	if (q == NULL)
		return -1;
	q->enabled = m->u.state.num != 0;
	if (q->enabled)
		return queue_start(v, m->u.state.index, e);
	queue_stop(v, m->u.state.index);
	return 0;
}

static int
get_config(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct vhost_user_config *c = &m->u.config;
	const void *bytes;
	size_t len;

	if (v->class->config == NULL)
		return err_set(e, ENOTSUP, "GET_CONFIG: no config space");
	bytes = v->class->config(v, &len);
	memset(c->bytes, 0, sizeof(c->bytes));
	/* Behind the end of the device's space the guest reads zeroes. */
	if (c->offset < len)
		memcpy(c->bytes, (const uint8_t *)bytes + c->offset,
		    MIN(c->size, len - c->offset));
	m->size = VHOST_USER_CONFIG_HEADER + c->size;
	return 1;
}

static int
set_config(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	const struct vhost_user_config *c = &m->u.config;

	if (v->class->config_set == NULL || v->class->config_set(v,
	    c->offset, c->bytes, c->size) == -1)
		return err_set(e, EPERM, "SET_CONFIG: bytes %u+%u cannot "
		    "be written", c->offset, c->size);
	return 0;
}

/* Take 'fd' (borrowed) as the record; 'in' says what it holds. */
static int
inflight_map(struct viod *v, const struct vhost_user_inflight *in, int fd,
    struct err *e)
{
	struct stat st;
	void *map;

	if (in->num_queues == 0 || in->num_queues > VIOD_QUEUES_MAX ||
	    in->queue_size == 0 || in->queue_size > VIRTQ_LEN_MAX)
		return err_set(e, EINVAL, "in-flight record of %u queues "
		    "of %u", in->num_queues, in->queue_size);
	if (in->mmap_size > INFLIGHT_MAX || in->mmap_size <
	    in->num_queues * inflight_bytes(in->queue_size))
		return err_set(e, EINVAL, "in-flight record of %llu bytes",
		    (unsigned long long)in->mmap_size);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "in-flight record");
	if (st.st_size < 0 || in->mmap_offset > (uint64_t)st.st_size ||
	    in->mmap_size > (uint64_t)st.st_size - in->mmap_offset)
		return err_set(e, EINVAL,
		    "in-flight record: behind the end of its file");
	map = mmap(NULL, in->mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, (off_t)in->mmap_offset);
	if (map == MAP_FAILED)
		return err_sys(e, "in-flight record");
	if (v->inflight != NULL)
		(void)munmap(v->inflight, v->inflight_len);
	v->inflight = map;
	v->inflight_len = in->mmap_size;
	v->inflight_queues = in->num_queues;
	v->inflight_desc = in->queue_size;
	return 0;
}

static int
inflight_allowed(struct viod *v, struct err *e)
{
	if (!v->class->inflight)
		return err_set(e, ENOTSUP, "no in-flight record is kept");
	if (any_running(v))
		return err_set(e, EBUSY, "in-flight record while running");
	return 0;
}

static int
get_inflight_fd(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct vhost_user_inflight *in = &m->u.inflight;
	own_fd int fd = -1;

	if (inflight_allowed(v, e) == -1)
		return -1;
	in->mmap_offset = 0;
	in->mmap_size = (uint64_t)in->num_queues *
	    inflight_bytes(in->queue_size);
	if (in->mmap_size > INFLIGHT_MAX)
		return err_set(e, EINVAL, "in-flight record of %u queues "
		    "of %u", in->num_queues, in->queue_size);
	fd = os_memfd("inflight", in->mmap_size, e);
	if (fd == -1 || inflight_map(v, in, fd, e) == -1)
		return -1;
	in->padding = 0;
	m->size = sizeof(*in);
	m->fds[0] = take_fd(&fd);
	m->nfds = 1;
	return 1;
}

static int
set_inflight_fd(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	if (inflight_allowed(v, e) == -1)
		return -1;
	return inflight_map(v, &m->u.inflight, m->fds[0], e);
}

static void
device_reset(struct viod *v)
{
	stop_all(v);
	if (v->class->reset != NULL)
		v->class->reset(v);
	v->acked = 0;
	v->status = 0;
	for (unsigned n = 0; n < v->nqueues; n++)
		v->queues[n].told = false;
}

static int
reset_device(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	(void)m;
	(void)e;
	device_reset(v);
	return 0;
}

static int
set_status(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	(void)e;
	if (m->u.u64 == 0)
		device_reset(v);
	v->status = (uint8_t)m->u.u64;
	return 0;
}

static int
get_status(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	uint8_t status = v->status;

	(void)e;
	for (unsigned n = 0; n < v->nqueues; n++)
		if (v->queues[n].told)
			status |= VIRTIO_STATUS_NEEDS_RESET;
	return answer_u64(m, status);
}

static handler *const handlers[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES]		= get_features,
	[VHOST_USER_SET_FEATURES]		= set_features,
	[VHOST_USER_SET_OWNER]			= set_owner,
	[VHOST_USER_RESET_OWNER]		= set_owner,
	[VHOST_USER_SET_MEM_TABLE]		= set_mem_table,
	[VHOST_USER_SET_VRING_NUM]		= set_vring_num,
	[VHOST_USER_SET_VRING_ADDR]		= set_vring_addr,
	[VHOST_USER_SET_VRING_BASE]		= set_vring_base,
	[VHOST_USER_GET_VRING_BASE]		= get_vring_base,
	[VHOST_USER_SET_VRING_KICK]		= set_vring_kick,
	[VHOST_USER_SET_VRING_CALL]		= set_vring_call,
	[VHOST_USER_SET_VRING_ERR]		= set_vring_err,
	[VHOST_USER_GET_PROTOCOL_FEATURES]	= get_protocol_features,
	[VHOST_USER_SET_PROTOCOL_FEATURES]	= set_protocol_features,
	[VHOST_USER_GET_QUEUE_NUM]		= get_queue_num,
	[VHOST_USER_SET_VRING_ENABLE]		= set_vring_enable,
	[VHOST_USER_GET_CONFIG]			= get_config,
	[VHOST_USER_SET_CONFIG]			= set_config,
	[VHOST_USER_GET_INFLIGHT_FD]		= get_inflight_fd,
	[VHOST_USER_SET_INFLIGHT_FD]		= set_inflight_fd,
	[VHOST_USER_RESET_DEVICE]		= reset_device,
	[VHOST_USER_SET_STATUS]			= set_status,
	[VHOST_USER_GET_STATUS]			= get_status,
};

/*
 * Act on a message and answer it.  -1: hang up.
 */
static int
handle(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	bool ack = (m->flags & VHOST_USER_NEED_REPLY) != 0 &&
	    (v->protocol & VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
	uint32_t request = m->request;
	int r;

	r = vhost_user_check(m, e);
	if (r == 0)
		r = handlers[request](v, m, e);
	log_debug("%s%s", vhost_user_name(request), r == -1 ? ": refused" : "");
	if (r == -1 && (!ack || vhost_user_has_answer(request)))
		return -1;
	if (r == -1)
		complain(v, e);
	if (r != 1 && !ack)
		return 0;
	if (r != 1) {
		vhost_user_fini(m);
		(void)answer_u64(m, r == -1);
	}
	m->flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	return vhost_user_send(v->conn, m, e);
}

/* --- connections ------------------------------------------------------------- */

void
viod_hangup(struct viod *v)
{
	if (v->conn == -1)
		return;
	stop_all(v);
	for (unsigned n = 0; n < v->nqueues; n++)
		queue_forget(v, n);
	device_reset(v);
	guest_memory_fini(&v->mem);
	if (v->inflight != NULL)
		(void)munmap(v->inflight, v->inflight_len);
	v->inflight = NULL;
	v->protocol = 0;
	vhost_user_rx_fini(&v->rx);
	event_free(v->conn_ev);
	v->conn_ev = NULL;
	(void)close(v->conn);
	v->conn = -1;
	(void)event_add(v->listen_ev, NULL);
}

static void
on_message(evutil_socket_t fd, short what, void *arg)
{
	struct viod *v = arg;
	struct vhost_user_msg m;
	struct err e;
	int r;

	(void)what;
	r = vhost_user_recv(&v->rx, fd, &m, &e);
	if (r == 0)
		return;
	if (r == 1) {
		r = handle(v, &m, &e);
		vhost_user_fini(&m);
	}
	if (r != -1)
		return;
	if (e.num != EPIPE && e.num != ECONNRESET)
		complain(v, &e);
	log_debug("front-end gone: %s", e.text);
	viod_hangup(v);
}

static void
on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct viod *v = arg;
	own_fd int conn = -1;

	(void)what;
	conn = accept(fd, NULL, NULL);
	if (conn == -1)
		return;	/* it left again */
	if (fd_nonblock(conn, 1) == -1 || fd_cloexec(conn, 1) == -1)
		return;
	v->conn_ev = event_new(v->base, conn, EV_READ | EV_PERSIST,
	    on_message, v);
	if (v->conn_ev == NULL || event_add(v->conn_ev, NULL) == -1)
		fatalx("%s: no memory for an event", v->class->name);
	v->conn = take_fd(&conn);
	(void)event_del(v->listen_ev);
	log_debug("front-end connected");
}

int
viod_init(struct viod *v, const struct viod_class *class,
    struct event_base *base, unsigned nqueues, uint64_t features,
    struct err *e)
{
	memset(v, 0, sizeof(*v));
	v->class = class;
	v->base = base;
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
	v->listen_ev = event_new(v->base, fd, EV_READ | EV_PERSIST,
	    on_connect, v);
	if (v->listen_ev == NULL || event_add(v->listen_ev, NULL) == -1)
		return err_set(e, ENOMEM, "listening socket: event");
	return 0;
}

void
viod_fini(struct viod *v)
{
	viod_hangup(v);
	if (v->listen_ev != NULL)
		event_free(v->listen_ev);
	v->listen_ev = NULL;
	if (v->listener != -1)
		(void)close(v->listener);
	v->listener = -1;
}
