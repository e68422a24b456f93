/* SPDX-License-Identifier: ISC */
/*
 * request_info.c - what the host wants to know, and the end
 *
 * STAT, ADDRS and SHUTDOWN of docs/agent-protocol.md, and what requests
 * about files share.
 */

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/entry.h"
#include "guest/power.h"
#include "guest/request.h"
#include "guest/signame.h"
#include "lib/io.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"

#define GRACE_MAX_MS	86400000

/* --- shared --------------------------------------------------------------- */

int
request_errno(const char *path, struct err *e)
{
	static const struct {
		int		 num;
		const char	*code;
	} codes[] = {
		{ ENOENT, "not_found" },	{ ENOTDIR, "not_found" },
		{ EACCES, "permission_denied" }, { EPERM, "permission_denied" },
		{ EROFS, "permission_denied" },	{ EEXIST, "exists" },
		{ EISDIR, "exists" },		{ ENOTEMPTY, "exists" },
		{ ELOOP, "bad_path" },		{ EXDEV, "bad_path" },
		{ ENOSPC, "no_space" },		{ EDQUOT, "no_space" },
		{ EFBIG, "too_large" },		{ EAGAIN, "changed" },
		{ ENAMETOOLONG, "too_large" },
	};
	int num = errno;

	(void)err_sys(e, "%s", path);
	for (size_t i = 0; e != NULL && i < COUNT(codes); i++)
		if (codes[i].num == num)
			e->code = codes[i].code;
	return -1;
}

enum agent_kind
request_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return AGENT_KIND_DIR;
	case S_IFLNK:
		return AGENT_KIND_SYMLINK;
	case S_IFIFO:
		return AGENT_KIND_FIFO;
	case S_IFCHR:
		return AGENT_KIND_CHAR;
	case S_IFBLK:
		return AGENT_KIND_BLOCK;
	case S_IFSOCK:
		return AGENT_KIND_SOCKET;
	default:
		return AGENT_KIND_FILE;
	}
}

void
request_entry(struct agent_entry *ret, const struct stat *st)
{
	*ret = (struct agent_entry){
		.kind = request_kind(st->st_mode),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 +
		    st->st_mtim.tv_nsec,
		.has_mtime = true,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
	};
}

/* --- STAT ----------------------------------------------------------------- */

struct stat_request {
	const char	*path;
	uint64_t	 follow;
};

static int
take_path(void *arg, const char *value, struct err *e)
{
	struct stat_request *r = arg;

	if (value[0] != '/' || strlen(value) >= AGENT_PATH_MAX)
		return err_api(e, EINVAL, "bad_path",
		    "'%s' is no absolute path", value);
	r->path = value;
	return 0;
}

static int
take_follow(void *arg, const char *value, struct err *e)
{
	struct stat_request *r = arg;

	return num_parse(&r->follow, value, 0, 1, e);
}

static const struct record_field stat_fields[] = {
	{ "path",	take_path },
	{ "follow",	take_follow },
	{ NULL,		NULL },
};

int
request_stat(const struct agent *a, struct conn *c, struct frame *f,
    struct err *e)
{
	struct stat_request r = { 0 };
	struct agent_entry n;
	char target[AGENT_PATH_MAX];
	struct stat st;
	ssize_t len;

	(void)a;
	if (records_read(stat_fields, &r, f->data, f->len, e) == -1)
		return -1;
	if (r.path == NULL)
		return err_api(e, EINVAL, "bad_request",
		    "STAT without a path");
	if (fstatat(AT_FDCWD, r.path, &st,
	    r.follow ? 0 : AT_SYMLINK_NOFOLLOW) == -1)
		return request_errno(r.path, e);
	request_entry(&n, &st);
	n.path = r.path;
	if (S_ISLNK(st.st_mode)) {
		len = readlink(r.path, target, sizeof(target) - 1);
		if (len == -1)
			return request_errno(r.path, e);
		target[len] = '\0';
		n.link = target;
	}
	if (entry_put(&c->out, &n) == -1)
		return err_sys(e, "%s", r.path);
	frame_drain(&c->in, f);
	return 0;
}

/* --- ADDRS ---------------------------------------------------------------- */

static int
put_mac(struct buf *out, const struct ifaddrs *i)
{
	const struct sockaddr_ll *ll = (const void *)i->ifa_addr;
	const uint8_t *m = ll->sll_addr;

	if (ll->sll_halen != 6)
		return 0;
	return record_putf(out, "mac", "%02x:%02x:%02x:%02x:%02x:%02x",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
}

static int
put_mtu(struct buf *out, const char *name)
{
	own_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { 0 };

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd == -1 || ioctl(fd, SIOCGIFMTU, &r) == -1)
		return 0;
	return record_putf(out, "mtu", "%d", r.ifr_mtu);
}

static unsigned
mask_bits(const uint8_t *mask, size_t len)
{
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++)
		bits += (unsigned)__builtin_popcount(mask[i]);
	return bits;
}

static int
put_addr(struct buf *out, const struct ifaddrs *i)
{
	char text[INET6_ADDRSTRLEN];
	const void *addr, *mask;
	size_t len;

	if (i->ifa_addr->sa_family == AF_INET) {
		addr = &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr;
		mask = &((struct sockaddr_in *)(void *)
		    i->ifa_netmask)->sin_addr;
		len = 4;
	} else {
		addr = &((struct sockaddr_in6 *)(void *)
		    i->ifa_addr)->sin6_addr;
		mask = &((struct sockaddr_in6 *)(void *)
		    i->ifa_netmask)->sin6_addr;
		len = 16;
	}
	if (i->ifa_netmask == NULL || inet_ntop(i->ifa_addr->sa_family, addr,
	    text, sizeof(text)) == NULL)
		return 0;
	return record_putf(out, "addr", "%s/%u", text, mask_bits(mask, len));
}

/* Every interface has one AF_PACKET row; its addresses are elsewhere. */
static int
put_interface(struct buf *out, const struct ifaddrs *all,
    const struct ifaddrs *link)
{
	if (record_put(out, "if", link->ifa_name) == -1 ||
	    put_mac(out, link) == -1 || put_mtu(out, link->ifa_name) == -1 ||
	    record_put(out, "up", link->ifa_flags & IFF_UP ? "1" : "0") == -1)
		return -1;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL &&
		    strcmp(i->ifa_name, link->ifa_name) == 0 &&
		    (i->ifa_addr->sa_family == AF_INET ||
		    i->ifa_addr->sa_family == AF_INET6) &&
		    put_addr(out, i) == -1)
			return -1;
	return 0;
}

int
request_addrs(const struct agent *a, struct conn *c, struct frame *f,
    struct err *e)
{
	struct ifaddrs *all;
	ssize_t at;
	int ret = 0;

	(void)a;
	frame_drain(&c->in, f);
	if (getifaddrs(&all) == -1)
		return err_sys(e, "interfaces");
	at = frame_open(&c->out);
	for (struct ifaddrs *i = all; at != -1 && ret == 0 && i != NULL;
	    i = i->ifa_next)
		if (i->ifa_addr != NULL &&
		    i->ifa_addr->sa_family == AF_PACKET)
			ret = put_interface(&c->out, all, i);
	freeifaddrs(all);
	if (at == -1 || ret == -1 ||
	    frame_close(&c->out, at, AGENT_OK) == -1) {
		if (at != -1)
			c->out.len = (size_t)at;
		return err_sys(e, "interfaces");
	}
	return 0;
}

/* --- SHUTDOWN ------------------------------------------------------------- */

static int
take_signal(void *arg, const char *value, struct err *e)
{
	struct agent_stop *s = arg;

	return signame_parse(&s->signal, value, e);
}

static int
take_grace(void *arg, const char *value, struct err *e)
{
	struct agent_stop *s = arg;

	return num_parse(&s->grace_ms, value, 0, GRACE_MAX_MS, e);
}

static const struct record_field stop_fields[] = {
	{ "signal",	take_signal },
	{ "grace",	take_grace },
	{ NULL,		NULL },
};

int
request_shutdown(const struct agent *a, struct conn *c, struct frame *f,
    struct err *e)
{
	struct agent_stop s = {
		.signal = a->config->stopsignal,
		.grace_ms = a->config->grace_ms,
	};

	if (records_read(stop_fields, &s, f->data, f->len, e) == -1)
		return -1;
	frame_drain(&c->in, f);
	/*
	 * The answer first, and until the client has it: the guest may be
	 * gone a moment later, and with it what it had still to send.
	 */
	if (frame_put(&c->out, AGENT_OK, NULL, 0) == -1)
		return err_sys(e, "shutdown");
	conn_finish(c);
	if (a->shutdown_fd != -1) {
		if (write_full(a->shutdown_fd, &s, sizeof(s)) == -1)
			return err_sys(e, "shutdown");
		return 0;
	}
	return power_ask_init(&s, e);
}
