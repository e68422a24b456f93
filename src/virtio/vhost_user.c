/* SPDX-License-Identifier: ISC */
/* vhost_user.c - messages of the vhost-user protocol; see vhost_user.h */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/util.h"
#include "virtio/vhost_user.h"

_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "layout");
_Static_assert(sizeof(struct vhost_user_memory) ==
    8 + GUEST_REGIONS_MAX * 32, "layout");
_Static_assert(sizeof(struct vhost_user_config) ==
    VHOST_USER_CONFIG_HEADER + VHOST_USER_CONFIG_MAX, "layout");
_Static_assert(sizeof(struct vhost_user_inflight) == 24, "layout");
_Static_assert(sizeof(struct vhost_user_memory) <= VHOST_USER_PAYLOAD_MAX &&
    sizeof(struct vhost_user_config) <= VHOST_USER_PAYLOAD_MAX,
    "payload maximum");

/* What a request must look like; a name of NULL is one we do not know. */
static const struct rule {
	const char	*name;
	uint16_t	 size_min;	/* bytes of payload */
	uint16_t	 size_max;
	uint8_t		 fds_max;	/* descriptors it may carry */
	uint8_t		 answer;
} rules[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES]	= { "GET_FEATURES", 0, 0, 0, 1 },
	[VHOST_USER_SET_FEATURES]	= { "SET_FEATURES", 8, 8, 0, 0 },
	[VHOST_USER_SET_OWNER]		= { "SET_OWNER", 0, 0, 0, 0 },
	[VHOST_USER_RESET_OWNER]	= { "RESET_OWNER", 0, 0, 0, 0 },
	[VHOST_USER_SET_MEM_TABLE]	= { "SET_MEM_TABLE", 8,
		sizeof(struct vhost_user_memory), GUEST_REGIONS_MAX, 0 },
	[VHOST_USER_SET_LOG_BASE]	= { "SET_LOG_BASE", 16, 16, 1, 1 },
	[VHOST_USER_SET_VRING_NUM]	= { "SET_VRING_NUM", 8, 8, 0, 0 },
	[VHOST_USER_SET_VRING_ADDR]	= { "SET_VRING_ADDR", 40, 40, 0, 0 },
	[VHOST_USER_SET_VRING_BASE]	= { "SET_VRING_BASE", 8, 8, 0, 0 },
	[VHOST_USER_GET_VRING_BASE]	= { "GET_VRING_BASE", 8, 8, 0, 1 },
	[VHOST_USER_SET_VRING_KICK]	= { "SET_VRING_KICK", 8, 8, 1, 0 },
	[VHOST_USER_SET_VRING_CALL]	= { "SET_VRING_CALL", 8, 8, 1, 0 },
	[VHOST_USER_SET_VRING_ERR]	= { "SET_VRING_ERR", 8, 8, 1, 0 },
	[VHOST_USER_GET_PROTOCOL_FEATURES] =
		{ "GET_PROTOCOL_FEATURES", 0, 0, 0, 1 },
	[VHOST_USER_SET_PROTOCOL_FEATURES] =
		{ "SET_PROTOCOL_FEATURES", 8, 8, 0, 0 },
	[VHOST_USER_GET_QUEUE_NUM]	= { "GET_QUEUE_NUM", 0, 0, 0, 1 },
	[VHOST_USER_SET_VRING_ENABLE]	= { "SET_VRING_ENABLE", 8, 8, 0, 0 },
	[VHOST_USER_GET_CONFIG]		= { "GET_CONFIG",
		VHOST_USER_CONFIG_HEADER, sizeof(struct vhost_user_config),
		0, 1 },
	[VHOST_USER_SET_CONFIG]		= { "SET_CONFIG",
		VHOST_USER_CONFIG_HEADER, sizeof(struct vhost_user_config),
		0, 0 },
	/* Some front-ends leave the padding off. */
	[VHOST_USER_GET_INFLIGHT_FD]	= { "GET_INFLIGHT_FD", 20, 24, 0, 1 },
	[VHOST_USER_SET_INFLIGHT_FD]	= { "SET_INFLIGHT_FD", 20, 24, 1, 0 },
	[VHOST_USER_RESET_DEVICE]	= { "RESET_DEVICE", 0, 0, 0, 0 },
	[VHOST_USER_SET_STATUS]		= { "SET_STATUS", 8, 8, 0, 0 },
	[VHOST_USER_GET_STATUS]		= { "GET_STATUS", 0, 0, 0, 1 },
};

static const struct rule *
rule(uint32_t request)
{
	if (request >= COUNT(rules) || rules[request].name == NULL)
		return NULL;
	return &rules[request];
}

const char *
vhost_user_name(uint32_t request)
{
	static char unknown[32];
	const struct rule *r = rule(request);

	if (r != NULL)
		return r->name;
	(void)snprintf(unknown, sizeof(unknown), "request %u", request);
	return unknown;
}

int
vhost_user_has_answer(uint32_t request)
{
	const struct rule *r = rule(request);

	return r != NULL && r->answer;
}

void
vhost_user_init(struct vhost_user_msg *m, enum vhost_user_request request,
    uint32_t size)
{
	memset(m, 0, sizeof(*m));
	m->request = request;
	m->flags = VHOST_USER_VERSION;
	m->size = size;
	for (unsigned i = 0; i < VHOST_USER_FDS_MAX; i++)
		m->fds[i] = -1;
}

void
vhost_user_fini(struct vhost_user_msg *m)
{
	for (unsigned i = 0; i < VHOST_USER_FDS_MAX; i++) {
		if (m->fds[i] != -1)
			(void)close(m->fds[i]);
		m->fds[i] = -1;
	}
	m->nfds = 0;
}

/* --- checking ------------------------------------------------------------ */

static int
check_memory(const struct vhost_user_msg *m, struct err *e)
{
	const struct vhost_user_memory *mem = &m->u.memory;

	if (mem->nregions > GUEST_REGIONS_MAX || m->size <
	    8 + mem->nregions * sizeof(struct vhost_user_region))
		return err_set(e, EINVAL,
		    "SET_MEM_TABLE: %u regions in %u bytes", mem->nregions,
		    m->size);
	if (m->nfds != mem->nregions)
		return err_set(e, EINVAL,
		    "SET_MEM_TABLE: %u regions and %u descriptors",
		    mem->nregions, m->nfds);
	return 0;
}

static int
check_config(const struct vhost_user_msg *m, struct err *e)
{
	const struct vhost_user_config *c = &m->u.config;

	if (c->size > VHOST_USER_CONFIG_MAX ||
	    c->offset > VHOST_USER_CONFIG_MAX - c->size)
		return err_set(e, EINVAL, "%s: bytes %u+%u",
		    vhost_user_name(m->request), c->offset, c->size);
	if (m->request == VHOST_USER_SET_CONFIG &&
	    m->size < VHOST_USER_CONFIG_HEADER + c->size)
		return err_set(e, EINVAL, "SET_CONFIG: %u bytes in %u",
		    c->size, m->size);
	return 0;
}

/* A queue's descriptor comes, or the bit says that it does not. */
static int
check_vring_fd(const struct vhost_user_msg *m, struct err *e)
{
	unsigned want = m->u.u64 & VHOST_USER_VRING_NOFD ? 0 : 1;

	if (m->nfds != want)
		return err_set(e, EINVAL, "%s: %u descriptors instead of %u",
		    vhost_user_name(m->request), m->nfds, want);
	return 0;
}

int
vhost_user_check(const struct vhost_user_msg *m, struct err *e)
{
	const struct rule *r = rule(m->request);

	if (r == NULL)
		return err_set(e, ENOSYS, "%s is unknown",
		    vhost_user_name(m->request));
	if (m->flags & VHOST_USER_REPLY)
		return err_set(e, EPROTO, "%s: a reply, not a request",
		    r->name);
	if (m->size < r->size_min || m->size > r->size_max)
		return err_set(e, EPROTO, "%s: %u bytes", r->name, m->size);
	if (m->nfds > r->fds_max)
		return err_set(e, EPROTO, "%s: %u descriptors", r->name,
		    m->nfds);
	switch (m->request) {
	case VHOST_USER_SET_MEM_TABLE:
		return check_memory(m, e);
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_SET_CONFIG:
		return check_config(m, e);
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		return check_vring_fd(m, e);
	case VHOST_USER_SET_INFLIGHT_FD:
	case VHOST_USER_SET_LOG_BASE:
		if (m->nfds != 1)
			return err_set(e, EPROTO,
			    "%s without a descriptor", r->name);
		return 0;
	default:
		return 0;
	}
}

/* --- receiving ----------------------------------------------------------- */

void
vhost_user_rx_init(struct vhost_user_rx *rx)
{
	memset(rx, 0, sizeof(*rx));
	for (unsigned i = 0; i < VHOST_USER_FDS_MAX; i++)
		rx->fds[i] = -1;
}

void
vhost_user_rx_fini(struct vhost_user_rx *rx)
{
	for (unsigned i = 0; i < rx->nfds; i++)
		(void)close(rx->fds[i]);
	vhost_user_rx_init(rx);
}

/* Bytes the message at the front has in all, as far as is known. */
static int
wanted(const struct vhost_user_rx *rx, size_t *ret, struct err *e)
{
	uint32_t header[3];

	*ret = VHOST_USER_HEADER;
	if (rx->have < VHOST_USER_HEADER)
		return 0;
	memcpy(header, rx->bytes, sizeof(header));
	if ((header[1] & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return err_set(e, EPROTO, "vhost-user version %u",
		    header[1] & VHOST_USER_VERSION_MASK);
	if (header[2] > VHOST_USER_PAYLOAD_MAX)
		return err_set(e, EPROTO, "%s: %u bytes",
		    vhost_user_name(header[0]), header[2]);
	*ret += header[2];
	return 0;
}

int
vhost_user_decode(struct vhost_user_rx *rx, struct vhost_user_msg *ret,
    struct err *e)
{
	uint32_t header[3];
	size_t want;

	if (wanted(rx, &want, e) == -1)
		return -1;
	if (rx->have < want)
		return 0;
	memcpy(header, rx->bytes, sizeof(header));
	vhost_user_init(ret, header[0], header[2]);
	ret->flags = header[1];
	memcpy(ret->u.bytes, rx->bytes + VHOST_USER_HEADER, header[2]);
	ret->nfds = rx->nfds;
	memcpy(ret->fds, rx->fds, rx->nfds * sizeof(ret->fds[0]));
	vhost_user_rx_init(rx);
	return 1;
}

/*
 * No message we know brings a socket.  The peer's own end of this one would
 * keep us from ever seeing that it hung up.
 */
static int
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == -1 || S_ISSOCK(st.st_mode);
}

/*
 * Descriptors beyond the maximum and sockets are closed and make the message
 * bad.
 */
static int
keep_fds(struct vhost_user_rx *rx, struct msghdr *mh, struct err *e)
{
	struct cmsghdr *c;
	size_t n;
	int fd, bad = (mh->msg_flags & MSG_CTRUNC) != 0;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(fd));
			(void)fd_cloexec(fd, 1);
			if (rx->nfds < VHOST_USER_FDS_MAX && !is_socket(fd)) {
				rx->fds[rx->nfds++] = fd;
				continue;
			}
			(void)close(fd);
			bad = 1;
		}
	}
	return bad ? err_set(e, EPROTO, "a socket, or more than %d "
	    "descriptors", VHOST_USER_FDS_MAX) : 0;
}

int
vhost_user_recv(struct vhost_user_rx *rx, int sock,
    struct vhost_user_msg *ret, struct err *e)
{
	union {
		struct cmsghdr	align;
		char	bytes[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr mh;
	size_t want;
	ssize_t n;
	int r;

	for (;;) {
		r = vhost_user_decode(rx, ret, e);
		if (r != 0)
			return r;
		if (wanted(rx, &want, e) == -1)
			return -1;
		iov.iov_base = rx->bytes + rx->have;
		iov.iov_len = want - rx->have;
		memset(&mh, 0, sizeof(mh));
		mh.msg_iov = &iov;
		mh.msg_iovlen = 1;
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		n = recvmsg(sock, &mh, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return 0;
		if (n == -1)
			return err_sys(e, "receive");
		if (n == 0)
			return err_set(e, EPIPE, "peer hung up");
		if (keep_fds(rx, &mh, e) == -1)
			return -1;
		rx->have += (size_t)n;
	}
}

int
vhost_user_send(int sock, const struct vhost_user_msg *m, struct err *e)
{
	union {
		struct cmsghdr	align;
		char	bytes[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))];
	} control;
	uint32_t header[3] = { m->request, m->flags, m->size };
	struct iovec iov[2] = {
		{ header, sizeof(header) },
		{ (void *)(uintptr_t)m->u.bytes, m->size },
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = COUNT(iov) };
	struct cmsghdr *c;
	ssize_t n;

	if (m->nfds > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(m->nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nfds * sizeof(int));
		memcpy(CMSG_DATA(c), m->fds, m->nfds * sizeof(int));
	}
	do {
		n = sendmsg(sock, &mh, 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return err_sys(e, "send %s", vhost_user_name(m->request));
	if ((size_t)n != sizeof(header) + m->size)
		return err_set(e, EPIPE, "send %s: cut short",
		    vhost_user_name(m->request));
	return 0;
}
