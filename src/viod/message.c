/* SPDX-License-Identifier: ISC */
/*
 * message.c - what a front-end asks, and the answers
 *
 * A function a request, in a table.  They see messages that
 * vhost_user_check() has passed: of the right length, with the right
 * descriptors.  See the theory of operation in serve.c.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/serve_private.h"

#define LOG_MAX		(1UL << 26)	/* bytes; 2 TiB of addresses */
#define INFLIGHT_MAX	(1UL << 20)	/* bytes; 16 queues of 1024: 257 KiB */

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

/* There is a log, and it is wanted. */
static void
log_settle(struct viod *v)
{
	if (!viod_has(v, VHOST_F_LOG_ALL))
		viod_log_forget(v);
	else if (v->log.bits != NULL)
		v->mem.log = &v->log;
}

static int
set_features(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	if (m->u.u64 & ~v->features)
		return err_set(e, EINVAL,
		    "SET_FEATURES: %#llx were not offered",
		    (unsigned long long)(m->u.u64 & ~v->features));
	if (viod_any_running(v) && ((m->u.u64 ^ v->acked) &
	    ~VIRTIO_BIT(VHOST_F_LOG_ALL)) != 0)
		return err_set(e, EBUSY, "SET_FEATURES while running");
	v->acked = m->u.u64;
	log_settle(v);
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
	    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
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
			viod_complain(v, &e);
			viod_queue_stop(v, n);
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
	viod_drain(v);
	for (unsigned n = 0; n < v->nqueues; n++)
		viod_flush(v, n);
	guest_memory_fini(&v->mem);
	v->mem = mem;
	log_settle(v);
	remap_queues(v);
	return 0;
}

/* Where to mark what is written. */
static int
set_log_base(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	const struct vhost_user_log *l = &m->u.log;
	struct stat st;
	void *map;

	if (l->mmap_size == 0 || l->mmap_size > LOG_MAX)
		return err_set(e, EINVAL, "SET_LOG_BASE: %llu bytes",
		    (unsigned long long)l->mmap_size);
	if (fstat(m->fds[0], &st) == -1)
		return err_sys(e, "SET_LOG_BASE");
	if (st.st_size < 0 || l->mmap_offset > (uint64_t)st.st_size ||
	    l->mmap_size > (uint64_t)st.st_size - l->mmap_offset)
		return err_set(e, EINVAL,
		    "SET_LOG_BASE: behind the end of its file");
	map = mmap(NULL, l->mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    m->fds[0], (off_t)l->mmap_offset);
	if (map == MAP_FAILED)
		return err_sys(e, "SET_LOG_BASE");
	viod_log_forget(v);
	v->log = (struct guest_log){ map, l->mmap_size, -1 };
	if (viod_has(v, VHOST_F_LOG_ALL))
		v->mem.log = &v->log;
	vhost_user_fini(m);
	return answer_u64(m, 0);
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
	struct viod_queue *q = queue_of(v, m->u.addr.index, m, e);

	if (q == NULL)
		return -1;
	/* Marked is the used ring as soon as anything is. */
	if ((m->u.addr.flags & ~(uint32_t)VHOST_USER_VRING_LOG) != 0)
		return err_set(e, ENOTSUP, "SET_VRING_ADDR: flags %#x",
		    m->u.addr.flags);
	if (q->running && (q->addr.desc != m->u.addr.desc ||
	    q->addr.avail != m->u.addr.avail ||
	    q->addr.used != m->u.addr.used))
		return err_set(e, EBUSY, "SET_VRING_ADDR: queue %u is "
		    "running", m->u.addr.index);
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
	viod_queue_stop(v, m->u.state.index);
	/* It starts again by a new kick descriptor. */
	viod_replace_fd(&q->kick, -1);
	viod_replace_fd(&q->call, -1);
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
	viod_replace_fd(&q->kick, vring_fd(m));
	return viod_queue_start(v, n, e);
}

static int
set_vring_call(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = queue_of(v,
	    m->u.u64 & VHOST_USER_VRING_INDEX, m, e);

	if (q == NULL)
		return -1;
	viod_replace_fd(&q->call, vring_fd(m));
	/* What the old one was told may have been lost. */
	if (q->running)
		viod_signal(q->call);
	return 0;
}

static int
set_vring_err(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	struct viod_queue *q = queue_of(v,
	    m->u.u64 & VHOST_USER_VRING_INDEX, m, e);

	if (q == NULL)
		return -1;
	viod_replace_fd(&q->err, vring_fd(m));
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
		return viod_queue_start(v, m->u.state.index, e);
	viod_queue_stop(v, m->u.state.index);
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
	if (viod_any_running(v))
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

static int
reset_device(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	(void)m;
	(void)e;
	viod_reset(v);
	for (unsigned n = 0; n < v->nqueues; n++)
		v->queues[n].enabled = false;
	return 0;
}

static int
set_status(struct viod *v, struct vhost_user_msg *m, struct err *e)
{
	(void)e;
	if (m->u.u64 == 0)
		viod_reset(v);
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
	[VHOST_USER_SET_LOG_BASE]		= set_log_base,
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
int
viod_message(struct viod *v, struct vhost_user_msg *m, struct err *e)
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
		viod_complain(v, e);
	if (r != 1 && !ack)
		return 0;
	if (r != 1) {
		vhost_user_fini(m);
		(void)answer_u64(m, r == -1);
	}
	m->flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	return vhost_user_send(v->conn, m, e);
}
