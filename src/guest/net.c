/* SPDX-License-Identifier: ISC */
/* net.c - the guest's network; see net.h */

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/dhcp.h"
#include "guest/net.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"

#define TEXT_MAX	4096	/* bytes of a file we write */
#define CARD_WAIT_MS	2000	/* for the driver to find the card */

/* What became of the card. */
struct net {
	struct dhcp_lease	lease;	/* address and names; addr 0: none */
};

/* --- interfaces ----------------------------------------------------------- */

static void
ifreq_init(struct ifreq *r, const char *name)
{
	memset(r, 0, sizeof(*r));
	(void)snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", name);
}

static int
if_up(int fd, const char *name, struct err *e)
{
	struct ifreq r;

	ifreq_init(&r, name);
	if (ioctl(fd, SIOCGIFFLAGS, &r) == -1)
		return err_sys(e, "%s", name);
	r.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r) == -1)
		return err_sys(e, "%s", name);
	return 0;
}

static int
if_addr(int fd, const char *name, struct in_addr addr, unsigned len,
    struct err *e)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };
	struct ifreq r;

	ifreq_init(&r, name);
	memcpy(&r.ifr_addr, &sin, sizeof(sin));
	if (ioctl(fd, SIOCSIFADDR, &r) == -1)
		return err_sys(e, "%s: address", name);
	sin.sin_addr.s_addr = htonl((uint32_t)(~UINT64_C(0) << (32 - len)));
	memcpy(&r.ifr_netmask, &sin, sizeof(sin));
	if (ioctl(fd, SIOCSIFNETMASK, &r) == -1)
		return err_sys(e, "%s: netmask", name);
	return 0;
}

static int
default_route(int fd, char *name, struct in_addr gateway, struct err *e)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct sockaddr_in via = { .sin_family = AF_INET, .sin_addr = gateway };
	struct rtentry rt = { .rt_flags = RTF_UP | RTF_GATEWAY,
	    .rt_dev = name };

	memcpy(&rt.rt_dst, &any, sizeof(any));
	memcpy(&rt.rt_genmask, &any, sizeof(any));
	memcpy(&rt.rt_gateway, &via, sizeof(via));
	if (ioctl(fd, SIOCADDRT, &rt) == -1 && errno != EEXIST)
		return err_sys(e, "%s: default route", name);
	return 0;
}

/* Is there a device behind it?  Not so for dummy0 and its kind. */
static bool
is_card(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
	return access(path, F_OK) == 0;
}

/* The first Ethernet card and its address: 1, or 0 when there is none. */
static int
find_card(int fd, char name[IF_NAMESIZE], uint8_t mac[6])
{
	struct if_nameindex *all = if_nameindex();
	struct ifreq r;
	int found = 0;

	for (struct if_nameindex *i = all; !found && i != NULL &&
	    i->if_index != 0; i++) {
		ifreq_init(&r, i->if_name);
		if (ioctl(fd, SIOCGIFHWADDR, &r) == -1 ||
		    r.ifr_hwaddr.sa_family != ARPHRD_ETHER ||
		    !is_card(i->if_name))
			continue;
		(void)snprintf(name, IF_NAMESIZE, "%s", i->if_name);
		memcpy(mac, r.ifr_hwaddr.sa_data, 6);
		found = 1;
	}
	if (all != NULL)
		if_freenameindex(all);
	return found;
}

static int
wait_card(int fd, char name[IF_NAMESIZE], uint8_t mac[6], struct err *e)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < CARD_WAIT_MS; i++) {
		if (find_card(fd, name, mac))
			return 0;
		(void)nanosleep(&ms, NULL);
	}
	return err_set(e, ENODEV, "no network interface");
}

/* A kernel without IPv6 has no such file. */
static void
set_ipv6(const char *name, const char *disabled)
{
	own_fd int fd = -1;
	char path[96];

	(void)snprintf(path, sizeof(path),
	    "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd != -1)
		(void)write_full(fd, disabled, 1);
}

/* virtio-net takes a new address while it is up (IFF_LIVE_ADDR_CHANGE). */
static int
card_rename(int fd, const uint8_t mac[6], struct err *e)
{
	char name[IF_NAMESIZE];
	uint8_t old[6];
	struct ifreq r;

	if (wait_card(fd, name, old, e) == -1)
		return -1;
	if (memcmp(old, mac, 6) == 0)
		return 0;
	ifreq_init(&r, name);
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(fd, SIOCSIFHWADDR, &r) == -1)
		return err_sys(e, "%s: address", name);
	/* Its IPv6 addresses were made of the old one. */
	set_ipv6(name, "1");
	set_ipv6(name, "0");
	return 0;
}

static int
card_setup(struct net *n, const struct guest_config *c, int fd, struct err *e)
{
	struct dhcp_lease *l = &n->lease;
	char name[IF_NAMESIZE];
	uint8_t mac[6];

	if (wait_card(fd, name, mac, e) == -1 || if_up(fd, name, e) == -1)
		return -1;
	if (c->net == CONFIG_NET_DHCP) {
		if (dhcp_lease(l, name, mac, e) == -1)
			return -1;
	} else {
		l->addr = c->addr;
		l->len = c->addr_len;
		l->gateway = c->gateway;
	}
	if (if_addr(fd, name, l->addr, l->len, e) == -1)
		return -1;
	if (l->gateway.s_addr != 0)
		return default_route(fd, name, l->gateway, e);
	return 0;
}

/* --- files ---------------------------------------------------------------- */

static int
write_etc(const char *name, const struct buf *b, bool keep_link,
    struct err *e)
{
	own_fd int dir = -1;
	struct stat st;

	if (mkdir("/etc", 0755) == -1 && errno != EEXIST)
		return err_sys(e, "/etc");
	dir = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return err_sys(e, "/etc");
	if (keep_link && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode))
		return 0;
	return file_replace(dir, name, b->data, b->len, 0644, e);
}

static int
write_hosts(const struct net *n, const struct guest_config *c, struct err *e)
{
	struct buf b;
	char addr[INET_ADDRSTRLEN] = "127.0.1.1";
	int ret;

	if (n->lease.addr.s_addr != 0)
		(void)inet_ntop(AF_INET, &n->lease.addr, addr, sizeof(addr));
	buf_init(&b, TEXT_MAX);
	if (buf_printf(&b, "127.0.0.1\tlocalhost\n"
	    "::1\tlocalhost ip6-localhost ip6-loopback\n"
	    "%s\t%s\n", addr, c->hostname) == -1)
		ret = err_sys(e, "hosts");
	else
		ret = write_etc("hosts", &b, false, e);
	buf_reset(&b);
	if (ret == 0 && buf_printf(&b, "%s\n", c->hostname) == 0)
		ret = write_etc("hostname", &b, false, e);
	buf_fini(&b);
	return ret;
}

/* The host's word first, then the lease's; an init may have its own way. */
static int
write_resolv(const struct net *n, const struct guest_config *c, struct err *e)
{
	const struct dhcp_lease *l = &n->lease;
	char addr[INET_ADDRSTRLEN];
	struct buf b;
	int ret = 0;

	if (c->ndns == 0 && l->ndns == 0)
		return 0;
	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; ret == 0 && i < c->ndns; i++)
		ret = buf_printf(&b, "nameserver %s\n", c->dns[i]);
	for (size_t i = 0; ret == 0 && c->ndns == 0 && i < l->ndns; i++)
		ret = buf_printf(&b, "nameserver %s\n", inet_ntop(AF_INET,
		    &l->dns[i], addr, sizeof(addr)));
	if (ret == 0)
		ret = write_etc("resolv.conf", &b, c->init, e);
	else
		(void)err_sys(e, "resolv.conf");
	buf_fini(&b);
	return ret;
}

int
net_setup(const struct guest_config *c, struct err *e)
{
	own_fd int fd = -1;
	struct net n = { 0 };
	struct err why;

	if (sethostname(c->hostname, strlen(c->hostname)) == -1)
		return err_sys(e, "host name");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "network");
	if (if_up(fd, "lo", e) == -1)
		return -1;
	if (c->net == CONFIG_NET_DHCP && card_setup(&n, c, fd, &why) == -1) {
		/* The program may have work without a network: say it. */
		log_err(&why, "network");
		memset(&n, 0, sizeof(n));
	} else if (c->net == CONFIG_NET_STATIC &&
	    card_setup(&n, c, fd, e) == -1)
		return -1;
	if (write_hosts(&n, c, e) == -1)
		return -1;
	return write_resolv(&n, c, e);
}

int
net_identity(const struct guest_config *c, const char *hostname,
    const uint8_t *mac, struct err *e)
{
	struct guest_config new = *c;
	own_fd int fd = -1;
	struct net n = { 0 };

	new.hostname = hostname;
	if (sethostname(hostname, strlen(hostname)) == -1)
		return err_sys(e, "host name");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "network");
	if (mac != NULL && c->net != CONFIG_NET_NONE &&
	    (card_rename(fd, mac, e) == -1 ||
	    card_setup(&n, &new, fd, e) == -1))
		return -1;
	if (write_hosts(&n, &new, e) == -1)
		return -1;
	return write_resolv(&n, &new, e);
}
