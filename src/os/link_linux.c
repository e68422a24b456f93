/* SPDX-License-Identifier: ISC */
/* link_linux.c - network interfaces by rtnetlink(7); see link.h */

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/link.h"

#define MESSAGE_MAX	32768	/* bytes of a datagram of the kernel's */
#define REQUEST_MAX	2048	/* of ours */
#define TAP_HEADER	12	/* bytes of struct virtio_net_hdr */
#define ROUTE_LAST	4278198272U	/* behind every other route's metric */
#define ROUTE_OURS	118	/* protocol of our routes: rtnetlink(7) */

union request {
	struct nlmsghdr	h;
	char		bytes[REQUEST_MAX];
};

static int
talk(struct mnl_socket *s, struct nlmsghdr *h, mnl_cb_t fn, void *arg)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_MAX];
	ssize_t n;
	int r;

	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == -1 ||
	    mnl_socket_sendto(s, h, h->nlmsg_len) == -1)
		return -1;
	do {
		n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		if (n == -1)
			return -1;
		r = mnl_cb_run(buf, (size_t)n, h->nlmsg_seq,
		    mnl_socket_get_portid(s), fn, arg);
	} while (r > MNL_CB_STOP);
	return r;
}

/* Ask, and have fn told of every message of the answer; -1 with errno. */
static int
ask(struct nlmsghdr *h, mnl_cb_t fn, void *arg)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int r, num;

	if (s == NULL)
		return -1;
	h->nlmsg_seq = 1;
	r = talk(s, h, fn, arg);
	num = errno;
	(void)mnl_socket_close(s);
	errno = num;
	return r;
}

/* A request about an interface, 0 being none yet. */
static struct nlmsghdr *
request(union request *q, uint16_t type, uint16_t flags, unsigned index)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(q->bytes);
	struct ifinfomsg *i;

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	i->ifi_family = AF_UNSPEC;
	i->ifi_index = (int)index;
	return h;
}

/* --- what there is -------------------------------------------------------- */

static void
copy_text(char *to, size_t size, const struct nlattr *a)
{
	(void)snprintf(to, size, "%.*s", (int)strnlen(mnl_attr_get_payload(a),
	    mnl_attr_get_payload_len(a)),
	    (const char *)mnl_attr_get_payload(a));
}

static void
read_info(struct link *l, const struct nlattr *info)
{
	const struct nlattr *a, *data = NULL;

	mnl_attr_for_each_nested(a, info) {
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			copy_text(l->kind, sizeof(l->kind), a);
		else if (mnl_attr_get_type(a) == IFLA_INFO_DATA)
			data = a;
	}
	if (data == NULL || strcmp(l->kind, "vrf") != 0)
		return;
	mnl_attr_for_each_nested(a, data)
		if (mnl_attr_get_type(a) == IFLA_VRF_TABLE)
			l->table = mnl_attr_get_u32(a);
}

static void
read_link(struct link *l, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	memset(l, 0, sizeof(*l));
	l->index = (unsigned)i->ifi_index;
	mnl_attr_for_each(a, h, sizeof(*i))
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			copy_text(l->name, sizeof(l->name), a);
			break;
		case IFLA_IFALIAS:
			copy_text(l->alias, sizeof(l->alias), a);
			break;
		case IFLA_MASTER:
			l->master = mnl_attr_get_u32(a);
			break;
		case IFLA_GROUP:
			l->group = mnl_attr_get_u32(a);
			break;
		case IFLA_LINKINFO:
			read_info(l, a);
			break;
		}
}

static int
on_found(const struct nlmsghdr *h, void *arg)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		read_link(arg, h);
	return MNL_CB_OK;
}

int
link_find(struct link *ret, const char *name, struct err *e)
{
	union request q;
	struct nlmsghdr *h = request(&q, RTM_GETLINK, NLM_F_ACK, 0);
	struct link l = { .index = 0 };

	if (name[0] == '\0' || strlen(name) >= LINK_NAME_MAX)
		return err_set(e, EINVAL, "\"%.64s\" is no name of an "
		    "interface", name);
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	if (ask(h, on_found, &l) == -1)
		return errno == ENODEV ? 0 : err_sys(e, "%s", name);
	*ret = l;
	return 1;
}

struct each {
	int		(*fn)(void *, const struct link *);
	void		*arg;
	int		 r;
};

/* All of the answer is read: the kernel is in the middle of it. */
static int
on_each(const struct nlmsghdr *h, void *arg)
{
	struct each *each = arg;
	struct link l;

	if (h->nlmsg_type != RTM_NEWLINK || each->r != 0)
		return MNL_CB_OK;
	read_link(&l, h);
	each->r = each->fn(each->arg, &l);
	return MNL_CB_OK;
}

int
link_each(int (*fn)(void *arg, const struct link *), void *arg, struct err *e)
{
	union request q;
	struct each each = { fn, arg, 0 };

	if (ask(request(&q, RTM_GETLINK, NLM_F_DUMP, 0), on_each, &each) ==
	    -1)
		return err_sys(e, "interfaces");
	return each.r;
}

/* --- changes -------------------------------------------------------------- */

/* Begin to make one; its kind's data may follow. */
static struct nlmsghdr *
new_link(union request *q, const char *name)
{
	struct nlmsghdr *h = request(q, RTM_NEWLINK,
	    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);

	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return h;
}

/* The kernel takes no description with what makes one. */
static int
describe(const char *name, const char *alias, struct err *e)
{
	struct link_change c = { .alias = alias };
	struct link l;

	if (link_find(&l, name, e) == 1 && link_set(l.index, &c, e) == 0)
		return 0;
	return err_prefix(e, "%s", name);
}

int
link_add_bridge(const char *name, const char *alias, struct err *e)
{
	union request q;
	struct nlmsghdr *h = new_link(&q, name);
	struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);

	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(h, info);
	return ask(h, NULL, NULL) == -1 ? err_sys(e, "make bridge %s", name) :
	    describe(name, alias, e);
}

/*
 * Add or remove the last route of a table, to nowhere; without it the kernel
 * looks for a way in the host's own table next (its networking/vrf.rst).
 */
static int
last_route(uint16_t type, uint8_t family, uint32_t table)
{
	union request q;
	struct nlmsghdr *h = mnl_nlmsg_put_header(q.bytes);
	struct rtmsg *r;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK |
	    (type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0);
	r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
	r->rtm_family = family;
	r->rtm_type = RTN_UNREACHABLE;
	r->rtm_protocol = ROUTE_OURS;
	mnl_attr_put_u32(h, RTA_TABLE, table);
	mnl_attr_put_u32(h, RTA_PRIORITY, ROUTE_LAST);
	/* There may be one already, or no IPv6. */
	return ask(h, NULL, NULL) == -1 && errno != EEXIST &&
	    errno != ESRCH && errno != EAFNOSUPPORT && errno != EOPNOTSUPP ?
	    -1 : 0;
}

static int
last_routes(uint16_t type, uint32_t table, struct err *e)
{
	return last_route(type, AF_INET, table) == -1 ||
	    last_route(type, AF_INET6, table) == -1 ?
	    err_sys(e, "last route of table %u", table) : 0;
}

int
link_add_domain(const char *name, uint32_t table, const char *alias,
    struct err *e)
{
	union request q;
	struct nlmsghdr *h = new_link(&q, name);
	struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(h, IFLA_INFO_KIND, "vrf");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	mnl_attr_put_u32(h, IFLA_VRF_TABLE, table);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	if (ask(h, NULL, NULL) == 0)
		return describe(name, alias, e) == -1 ? -1 :
		    last_routes(RTM_NEWROUTE, table, e);
	if (errno == EOPNOTSUPP)
		return err_api(e, ENOTSUP, "not_supported", "rdomain: this "
		    "kernel has no routing domains (VRF)");
	return err_sys(e, "make routing domain %s", name);
}

/* A request of its own: in one that also sets it up it would be too late. */
static int
silence(unsigned index)
{
	union request q;
	struct nlmsghdr *h = request(&q, RTM_SETLINK, NLM_F_ACK, index);
	struct nlattr *spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(h, AF_INET6);

	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, inet6);
	mnl_attr_nest_end(h, spec);
	/* A kernel without IPv6 has no such addresses. */
	return ask(h, NULL, NULL) == -1 && errno != EAFNOSUPPORT ? -1 : 0;
}

int
link_set(unsigned index, const struct link_change *c, struct err *e)
{
	union request q;
	struct nlmsghdr *h = request(&q, RTM_NEWLINK, NLM_F_ACK, index);
	struct ifinfomsg *i = mnl_nlmsg_get_payload(h);

	if (c->up)
		i->ifi_flags = i->ifi_change = IFF_UP;
	if (c->mac != NULL)
		mnl_attr_put(h, IFLA_ADDRESS, 6, c->mac);
	if (c->alias != NULL)
		mnl_attr_put_str(h, IFLA_IFALIAS, c->alias);
	if (c->group != 0)
		mnl_attr_put_u32(h, IFLA_GROUP, c->group);
	if (c->master != 0)
		mnl_attr_put_u32(h, IFLA_MASTER, c->master);
	if ((c->silent && silence(index) == -1) || ask(h, NULL, NULL) == -1)
		return err_sys(e, "interface");
	return 0;
}

/* addr: network order, of 4 or 16 bytes. */
static int
add_address(unsigned index, const void *addr, size_t size, unsigned len,
    struct err *e)
{
	union request q;
	struct nlmsghdr *h = mnl_nlmsg_put_header(q.bytes);
	struct ifaddrmsg *i;

	h->nlmsg_type = RTM_NEWADDR;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
	    NLM_F_EXCL;
	i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	i->ifa_family = size == 4 ? AF_INET : AF_INET6;
	i->ifa_prefixlen = (uint8_t)len;
	i->ifa_flags = size == 4 ? 0 : IFA_F_NODAD;
	i->ifa_index = index;
	mnl_attr_put(h, IFA_LOCAL, size, addr);
	mnl_attr_put(h, IFA_ADDRESS, size, addr);
	return ask(h, NULL, NULL) == -1 ? err_sys(e, "address of interface") :
	    0;
}

int
link_address(unsigned index, uint32_t addr, unsigned len, struct err *e)
{
	uint32_t a = htonl(addr);

	return add_address(index, &a, sizeof(a), len, e);
}

int
link_address6(unsigned index, const uint8_t addr[16], unsigned len,
    struct err *e)
{
	return add_address(index, addr, 16, len, e);
}

static int
option_open(const char *name, const char *family, const char *option,
    int flags)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s",
	    family, name, option);
	return open(path, flags | O_CLOEXEC);
}

int
link_option(const char *name, const char *family, const char *option,
    const char *value, struct err *e)
{
	own_fd int fd = option_open(name, family, option, O_WRONLY);

	if (fd == -1 && errno == ENOENT)
		return 0;
	return fd == -1 || write_full(fd, value, strlen(value)) == -1 ?
	    err_sys(e, "%s: %s of %s", name, option, family) : 0;
}

bool
link_option_is(const char *name, const char *family, const char *option,
    const char *value)
{
	own_fd int fd = option_open(name, family, option, O_RDONLY);
	char text[16];
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return n > 0 && strcmp(text, value) == 0;
}

bool
link_option_on(const char *name, const char *family, const char *option)
{
	own_fd int fd = option_open(name, family, option, O_RDONLY);
	char c = '0';

	return fd != -1 && read(fd, &c, 1) == 1 && c != '0';
}

int
link_remove(const struct link *l, struct err *e)
{
	union request q;

	if (ask(request(&q, RTM_DELLINK, NLM_F_ACK, l->index), NULL, NULL) ==
	    -1)
		return err_sys(e, "remove interface %s", l->name);
	return strcmp(l->kind, "vrf") == 0 ?
	    last_routes(RTM_DELROUTE, l->table, e) : 0;
}

/* --- taps ----------------------------------------------------------------- */

int
link_tap(char name[LINK_NAME_MAX], struct err *e)
{
	own_fd int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
	    IFF_TUN_EXCL };
	int size = TAP_HEADER, little = 1;

	if (fd == -1)
		return err_sys(e, "/dev/net/tun");
	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s",
	    name[0] == '\0' ? "tap%d" : name);
	if (ioctl(fd, TUNSETIFF, &r) == -1)
		return errno == EBUSY ? err_set(e, EBUSY, "%s is in use",
		    name) : err_sys(e, "make %s", name[0] == '\0' ? "a tap" :
		    name);
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) == -1 ||
	    ioctl(fd, TUNSETVNETLE, &little) == -1)
		return err_sys(e, "%s: headers", r.ifr_name);
	(void)snprintf(name, LINK_NAME_MAX, "%s", r.ifr_name);
	return take_fd(&fd);
}

int
link_tap_name(char name[LINK_NAME_MAX], int fd, struct err *e)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	if (ioctl(fd, TUNGETIFF, &r) == -1)
		return err_sys(e, "the name of a tap");
	(void)snprintf(name, LINK_NAME_MAX, "%s", r.ifr_name);
	return 0;
}

/* --- sockets -------------------------------------------------------------- */

#define BACKLOG	16

int
link_listen(const char *name, const struct sockaddr *sa, struct err *e)
{
	const bool six = sa->sa_family == AF_INET6;
	own_fd int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd == -1)
		return err_sys(e, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
	    (socklen_t)strlen(name) + 1) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) == -1 ||
	    (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
	    sizeof(on)) == -1))
		return err_sys(e, "%s: socket", name);
	if (bind(fd, sa, six ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in)) == -1 || listen(fd, BACKLOG) == -1)
		return err_sys(e, "%s: listen", name);
	return take_fd(&fd);
}

int
link_group(uint32_t *ret, const char *name, struct err *e)
{
	static const char *const files[] = { "/etc/iproute2/group",
	    "/usr/share/iproute2/group", "/usr/lib/iproute2/group" };
	char line[256], word[64];
	unsigned number;
	FILE *f;

	for (size_t i = 0; i < COUNT(files); i++) {
		f = fopen(files[i], "re");
		if (f == NULL)
			continue;
		while (fgets(line, sizeof(line), f) != NULL) {
			if (sscanf(line, "%u %63s", &number, word) != 2 ||
			    strcmp(word, name) != 0)
				continue;
			(void)fclose(f);
			*ret = number;
			return 0;
		}
		(void)fclose(f);
	}
	return err_api(e, ENOENT, "not_found", "group \"%s\" is not in %s",
	    name, files[0]);
}
