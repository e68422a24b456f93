/* SPDX-License-Identifier: ISC */
/* frontend.c - the VMM's end of a vhost-user connection; see frontend.h */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "virtio/frontend.h"

#define PROTOCOL							\
	(VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ) |				\
	 VIRTIO_BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |			\
	 VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |			\
	 VIRTIO_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |		\
	 VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |			\
	 VIRTIO_BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |		\
	 VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |		\
	 VIRTIO_BIT(VHOST_USER_PROTOCOL_F_STATUS))

static bool
has(const struct frontend *f, unsigned bit)
{
	return (f->protocol & VIRTIO_BIT(bit)) != 0;
}

int
frontend_call(struct frontend *f, struct vhost_user_msg *m, struct err *e)
{
	const char *name = vhost_user_name(m->request);
	uint32_t request = m->request;
	int answer = vhost_user_has_answer(request), r;

	if (!answer && !f->batch && has(f, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		m->flags |= VHOST_USER_NEED_REPLY;
	f->sent++;
	if (vhost_user_send(f->sock, m, e) == -1)
		return -1;
	if (!answer && !(m->flags & VHOST_USER_NEED_REPLY))
		return 0;
	f->waits++;
	r = vhost_user_recv(&f->rx, f->sock, m, e);
	if (r == 0)
		return err_set(e, ETIMEDOUT, "%s: no answer", name);
	if (r == -1)
		return err_prefix(e, "%s", name);
	if (m->request != request || !(m->flags & VHOST_USER_REPLY)) {
		vhost_user_fini(m);
		return err_set(e, EPROTO, "%s: answered with %s", name,
		    vhost_user_name(m->request));
	}
	if (!answer && (m->size != 8 || m->u.u64 != 0)) {
		vhost_user_fini(m);
		return err_set(e, EINVAL, "%s: refused", name);
	}
	return 0;
}

/* A request whose answer is one number. */
static int
get_u64(struct frontend *f, enum vhost_user_request request, uint64_t *ret,
    struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, request, 0);
	if (frontend_call(f, &m, e) == -1)
		return -1;
	vhost_user_fini(&m);
	if (m.size != 8)
		return err_set(e, EPROTO, "%s: answer of %u bytes",
		    vhost_user_name(request), m.size);
	*ret = m.u.u64;
	return 0;
}

static int
set_u64(struct frontend *f, enum vhost_user_request request, uint64_t value,
    struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, request, 8);
	m.u.u64 = value;
	return frontend_call(f, &m, e);
}

static int
set_state(struct frontend *f, enum vhost_user_request request,
    uint32_t index, uint32_t num, struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, request, sizeof(m.u.state));
	m.u.state.index = index;
	m.u.state.num = num;
	return frontend_call(f, &m, e);
}

static int
set_fd(struct frontend *f, enum vhost_user_request request, unsigned n,
    int fd, struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, request, 8);
	m.u.u64 = n;
	m.nfds = 1;
	m.fds[0] = fd;
	return frontend_call(f, &m, e);
}

int
frontend_open(struct frontend *f, int sock, struct err *e)
{
	struct vhost_user_msg m;
	uint64_t bits;

	memset(f, 0, sizeof(*f));
	f->sock = sock;
	f->batch = true;
	vhost_user_rx_init(&f->rx);
	if (get_u64(f, VHOST_USER_GET_FEATURES, &f->offered, e) == -1)
		return -1;
	if (f->offered & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)) {
		if (get_u64(f, VHOST_USER_GET_PROTOCOL_FEATURES, &bits,
		    e) == -1 ||
		    set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES,
		    bits & PROTOCOL, e) == -1)
			return -1;
		f->protocol = bits & PROTOCOL;
	}
	vhost_user_init(&m, VHOST_USER_SET_OWNER, 0);
	if (frontend_call(f, &m, e) == -1)
		return -1;
	f->batch = false;
	return 0;
}

int
frontend_features(struct frontend *f, uint64_t want, struct err *e)
{
	want |= VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	f->features = f->offered & want;
	return set_u64(f, VHOST_USER_SET_FEATURES, f->features, e);
}

int
frontend_init(struct frontend *f, int sock, uint64_t want, struct err *e)
{
	if (frontend_open(f, sock, e) == -1)
		return -1;
	return frontend_features(f, want, e);
}

int
frontend_sync(struct frontend *f, struct err *e)
{
	uint64_t bits;

	/* Requests are acted upon in order, and this one is answered. */
	return get_u64(f, VHOST_USER_GET_FEATURES, &bits, e);
}

void
frontend_fini(struct frontend *f)
{
	vhost_user_rx_fini(&f->rx);
	if (f->sock != -1)
		(void)close(f->sock);
	f->sock = -1;
}

int
frontend_memory(struct frontend *f, const struct frontend_region *regions,
    unsigned n, struct err *e)
{
	struct vhost_user_msg m;

	if (n > GUEST_REGIONS_MAX)
		return err_set(e, EINVAL, "%u memory regions", n);
	vhost_user_init(&m, VHOST_USER_SET_MEM_TABLE,
	    8 + n * (uint32_t)sizeof(struct vhost_user_region));
	m.u.memory.nregions = n;
	m.nfds = n;
	for (unsigned i = 0; i < n; i++) {
		m.fds[i] = regions[i].fd;
		m.u.memory.regions[i].gpa = regions[i].gpa;
		m.u.memory.regions[i].len = regions[i].len;
		m.u.memory.regions[i].user = regions[i].user;
		m.u.memory.regions[i].offset = regions[i].offset;
	}
	return frontend_call(f, &m, e);
}

bool
frontend_can_log(const struct frontend *f)
{
	return (f->offered & VIRTIO_BIT(VHOST_F_LOG_ALL)) != 0 &&
	    has(f, VHOST_USER_PROTOCOL_F_LOG_SHMFD);
}

int
frontend_log(struct frontend *f, int fd, uint64_t bytes, struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, VHOST_USER_SET_LOG_BASE, sizeof(m.u.log));
	m.u.log.mmap_size = bytes;
	m.nfds = 1;
	m.fds[0] = fd;
	if (frontend_call(f, &m, e) == -1)
		return -1;
	vhost_user_fini(&m);
	return 0;
}

int
frontend_addr(struct frontend *f, unsigned n, const struct frontend_queue *q,
    struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, VHOST_USER_SET_VRING_ADDR, sizeof(m.u.addr));
	m.u.addr.index = n;
	m.u.addr.desc = q->addr.desc;
	m.u.addr.avail = q->addr.avail;
	m.u.addr.used = q->addr.used;
	if (q->log) {
		m.u.addr.flags = VHOST_USER_VRING_LOG;
		m.u.addr.log = q->addr.used;
	}
	return frontend_call(f, &m, e);
}

int
frontend_start(struct frontend *f, unsigned n,
    const struct frontend_queue *q, struct err *e)
{
	if (set_state(f, VHOST_USER_SET_VRING_NUM, n, q->len, e) == -1 ||
	    set_state(f, VHOST_USER_SET_VRING_BASE, n, q->base, e) == -1 ||
	    frontend_addr(f, n, q, e) == -1 ||
	    (q->err != -1 &&
	    set_fd(f, VHOST_USER_SET_VRING_ERR, n, q->err, e) == -1) ||
	    set_fd(f, VHOST_USER_SET_VRING_CALL, n, q->call, e) == -1 ||
	    set_fd(f, VHOST_USER_SET_VRING_KICK, n, q->kick, e) == -1)
		return -1;
	if (!(f->features & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		return 0;
	return set_state(f, VHOST_USER_SET_VRING_ENABLE, n, 1, e);
}

int
frontend_stop(struct frontend *f, unsigned n, uint16_t *base, struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, VHOST_USER_GET_VRING_BASE, sizeof(m.u.state));
	m.u.state.index = n;
	if (frontend_call(f, &m, e) == -1)
		return -1;
	vhost_user_fini(&m);
	if (m.size != sizeof(m.u.state) || m.u.state.num > UINT16_MAX)
		return err_set(e, EPROTO, "GET_VRING_BASE: bad answer");
	*base = (uint16_t)m.u.state.num;
	return 0;
}

int
frontend_queues(struct frontend *f, unsigned *ret, struct err *e)
{
	uint64_t n = 1;

	if (has(f, VHOST_USER_PROTOCOL_F_MQ) &&
	    get_u64(f, VHOST_USER_GET_QUEUE_NUM, &n, e) == -1)
		return -1;
	*ret = n > UINT16_MAX ? UINT16_MAX : (unsigned)n;
	return 0;
}

bool
frontend_has_config(const struct frontend *f)
{
	return has(f, VHOST_USER_PROTOCOL_F_CONFIG);
}

/* A message about [offset, +len) of the config space. */
static int
config_init(struct frontend *f, struct vhost_user_msg *m,
    enum vhost_user_request request, uint32_t offset, uint32_t len)
{
	if (!has(f, VHOST_USER_PROTOCOL_F_CONFIG) ||
	    len > VHOST_USER_CONFIG_MAX ||
	    offset > VHOST_USER_CONFIG_MAX - len)
		return -1;
	vhost_user_init(m, request, VHOST_USER_CONFIG_HEADER + len);
	m->u.config.offset = offset;
	m->u.config.size = len;
	return 0;
}

int
frontend_config(struct frontend *f, void *to, uint32_t offset, uint32_t len,
    struct err *e)
{
	struct vhost_user_msg m;

	if (config_init(f, &m, VHOST_USER_GET_CONFIG, offset, len) == -1)
		return err_set(e, EINVAL, "config space %u+%u", offset, len);
	if (frontend_call(f, &m, e) == -1)
		return -1;
	vhost_user_fini(&m);
	if (m.size != VHOST_USER_CONFIG_HEADER + len)
		return err_set(e, EPROTO, "GET_CONFIG: answer of %u bytes",
		    m.size);
	memcpy(to, m.u.config.bytes, len);
	return 0;
}

int
frontend_config_set(struct frontend *f, const void *from, uint32_t offset,
    uint32_t len, struct err *e)
{
	struct vhost_user_msg m;

	if (config_init(f, &m, VHOST_USER_SET_CONFIG, offset, len) == -1)
		return err_set(e, EINVAL, "config space %u+%u", offset, len);
	memcpy(m.u.config.bytes, from, len);
	return frontend_call(f, &m, e);
}

int
frontend_inflight_get(struct frontend *f, struct vhost_user_inflight *in,
    int *fd, struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, VHOST_USER_GET_INFLIGHT_FD, sizeof(*in));
	m.u.inflight = *in;
	if (frontend_call(f, &m, e) == -1)
		return -1;
	if (m.size < 20 || m.nfds != 1) {
		vhost_user_fini(&m);
		return err_set(e, EPROTO, "GET_INFLIGHT_FD: bad answer");
	}
	*in = m.u.inflight;
	*fd = take_fd(&m.fds[0]);
	return 0;
}

int
frontend_inflight_set(struct frontend *f,
    const struct vhost_user_inflight *in, int fd, struct err *e)
{
	struct vhost_user_msg m;

	vhost_user_init(&m, VHOST_USER_SET_INFLIGHT_FD, sizeof(*in));
	m.u.inflight = *in;
	m.nfds = 1;
	m.fds[0] = fd;
	return frontend_call(f, &m, e);
}

int
frontend_reset(struct frontend *f, struct err *e)
{
	struct vhost_user_msg m;

	if (!has(f, VHOST_USER_PROTOCOL_F_RESET_DEVICE))
		return 0;
	vhost_user_init(&m, VHOST_USER_RESET_DEVICE, 0);
	return frontend_call(f, &m, e);
}

int
frontend_channel(struct frontend *f, int *ret, struct err *e)
{
	own_fd int ours = -1, theirs = -1;
	struct vhost_user_msg m;
	int s[2];

	*ret = -1;
	if (!has(f, VHOST_USER_PROTOCOL_F_BACKEND_REQ))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1)
		return err_sys(e, "channel of the back-end");
	ours = s[0];
	theirs = s[1];
	if (fd_cloexec(ours, 1) == -1 || fd_cloexec(theirs, 1) == -1 ||
	    fd_nonblock(ours, 1) == -1)
		return err_sys(e, "channel of the back-end");
	vhost_user_init(&m, VHOST_USER_SET_BACKEND_REQ_FD, 0);
	m.nfds = 1;
	m.fds[0] = theirs;
	if (frontend_call(f, &m, e) == -1)
		return -1;
	*ret = take_fd(&ours);
	return 0;
}

int
frontend_request(int fd, struct vhost_user_rx *rx, uint32_t *ret,
    struct err *e)
{
	struct vhost_user_msg m;
	int r = vhost_user_recv(rx, fd, &m, e);

	if (r != 1)
		return r;
	vhost_user_fini(&m);
	*ret = m.request;
	if (!(m.flags & VHOST_USER_NEED_REPLY))
		return 1;
	m.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	m.size = sizeof(m.u.u64);
	m.u.u64 = m.request != VHOST_USER_BACKEND_CONFIG_CHANGE;
	return vhost_user_send(fd, &m, e) == -1 ? -1 : 1;
}
