/* SPDX-License-Identifier: ISC */
/* tap_main.c - viod tap: options and start of a network device on a tap */

#include <arpa/inet.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/num.h"
#include "viod/limit.h"
#include "viod/net.h"
#include "viod/net_resolver.h"
#include "viod/net_stream.h"
#include "viod/net_tap.h"
#include "viod/viod.h"

#define TAP_MTU		1500	/* bytes */

struct options {
	struct net_options	 net;
	struct net_tap_config	 tap;
	struct net_dhcp		 dhcp;
	struct net_link6	 link6;
	bool			 have6;
	int			 names;		/* directory, or -1 */
	int			 listen[NET_STREAM_LISTEN_MAX];	/* by TCP */
	unsigned		 nlisten;
	bool			 have_mac;
};

/* Of a /31: the host has the address below. */
static int
parse_address(struct net_dhcp *d, const char *arg, struct err *e)
{
	struct in_addr a;

	if (inet_pton(AF_INET, arg, &a) != 1 || (ntohl(a.s_addr) & 1) == 0)
		return err_set(e, EINVAL, "%.40s is not the second address of "
		    "a /31", arg);
	d->addr = ntohl(a.s_addr);
	d->host = d->addr - 1;
	return 0;
}

/* Of a /96: the host has the address below. */
static int
parse_address6(struct options *o, const char *arg, struct err *e)
{
	struct net_link6 *l = &o->link6;

	if (inet_pton(AF_INET6, arg, l->addr) != 1 || l->addr[15] != 2)
		return err_set(e, EINVAL, "%.48s is not the second address of "
		    "a /96", arg);
	memcpy(l->host, l->addr, 16);
	l->host[15] = 1;
	o->have6 = true;
	return 0;
}

/* Goes into answers as it is: what it is made of is said here. */
static int
parse_name(const char **ret, const char *arg, size_t max, struct err *e)
{
	size_t n = strlen(arg);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)arg[i]) &&
		    strchr("-._/", arg[i]) == NULL)
			n = 0;
	if (n == 0 || n > max)
		return err_set(e, EINVAL, "\"%.40s\" is no name of 1 to %zu "
		    "letters, digits and \"-._/\"", arg, max);
	*ret = arg;
	return 0;
}

static int
parse_fd(int *ret, const char *what, const char *arg, struct err *e)
{
	uint64_t n;

	if (num_parse(&n, arg, 0, INT32_MAX, e) == -1)
		return err_prefix(e, "%s", what);
	*ret = (int)n;
	return 0;
}

static int
parse(struct options *o, int ch, const char *arg, struct err *e)
{
	uint64_t n;

	switch (ch) {
	case '6':
		return parse_address6(o, arg, e);
	case 'a':
		return parse_address(&o->dhcp, arg, e);
	case 'b':
		return parse_name(&o->dhcp.file, arg, NET_DHCP_FILE_MAX, e);
	case 'D':
		return rate_parse(&o->net.down, arg, e);
	case 'H':
		return parse_name(&o->dhcp.hostname, arg, NET_DHCP_NAME_MAX,
		    e);
	case 'l':
		o->tap.locked = true;
		return 0;
	case 'm':
		o->have_mac = true;
		return net_mac_parse(o->net.mac, arg, e);
	case 'N':
		return parse_fd(&o->names, "names", arg, e);
	case 'q':
		if (num_parse(&n, arg, 1, NET_PAIRS_MAX, e) == -1)
			return err_prefix(e, "queue pairs");
		o->net.pairs = (unsigned)n;
		return 0;
	case 'T':
		if (o->nlisten == NET_STREAM_LISTEN_MAX)
			return err_set(e, E2BIG, "names: more than %d sockets",
			    NET_STREAM_LISTEN_MAX);
		return parse_fd(&o->listen[o->nlisten++], "names", arg, e);
	case 't':
		return parse_fd(&o->tap.fd, "tap", arg, e);
	case 'U':
		return rate_parse(&o->net.up, arg, e);
	default:
		viod_usage("tap");
	}
}

static void
to_guest(void *arg, const uint8_t *frame, size_t len)
{
	net_deliver(arg, frame, len);
}

/* The services of a local interface. */
static int
make_services(struct viod_start *start, struct options *o, struct viod *v,
    struct err *e)
{
	struct net_names_config c = { .loop = start->loop, .link = &o->dhcp,
	    .dirfd = o->names, .file = NET_RESOLVER_FILE, .port = NET_DNS_PORT,
	    .deliver = to_guest, .arg = v };
	struct net_router_config router = { .loop = start->loop,
	    .file = NET_ROUTER_FILE, .deliver = to_guest, .arg = v };

	if (o->dhcp.addr == 0)
		return 0;
	o->tap.dhcp = &o->dhcp;
	if (o->have6) {
		memcpy(o->link6.mac, o->dhcp.mac, 6);
		memcpy(o->link6.host_mac, o->dhcp.host_mac, 6);
		c.link6 = router.link = &o->link6;
		o->tap.router = net_router_new(&router);
		if (o->tap.router == NULL)
			return err_sys(e, "router");
		sandbox_add(&start->sandbox, NET_ROUTER_FILE, SANDBOX_READ);
	}
	if (o->names == -1)
		return 0;
	net_resolver_allow(&start->sandbox);
	if (net_names_new(&o->tap.names, &c, e) == -1)
		return -1;
	for (unsigned i = 0; i < o->nlisten; i++)
		if (net_names_listen(o->tap.names, o->listen[i], e) == -1)
			return -1;
	return 0;
}

static void
serve(struct viod_start *start, struct options *o)
{
	struct net_tap *tap;
	struct viod *v;
	struct err e;

	o->net.mtu = TAP_MTU;
	o->tap.loop = start->loop;
	memcpy(o->tap.mac, o->net.mac, sizeof(o->tap.mac));
	memcpy(o->dhcp.mac, o->net.mac, sizeof(o->dhcp.mac));
	memcpy(o->dhcp.host_mac, o->net.mac, sizeof(o->dhcp.host_mac));
	o->dhcp.host_mac[5]++;
	if (net_new(&v, start->loop, &o->net, &e) == -1 ||
	    make_services(start, o, v, &e) == -1 ||
	    net_tap_new(&tap, &o->tap, v, &e) == -1)
		viod_refuse(start, &e);
	viod_run(start, v);
	net_tap_destroy(tap);
	net_names_destroy(o->tap.names);
	net_router_destroy(o->tap.router);
	net_destroy(v);
}

int
tap_main(struct viod_start *start, int argc, char **argv)
{
	static struct options opt = { .tap.fd = -1, .names = -1 };
	struct err e, bad = { .num = 0 };
	int ch;

	while ((ch = getopt(argc, argv, VIOD_OPTIONS
	    "6:a:b:D:H:lm:N:q:T:t:U:")) != -1)
		if (viod_option(start, ch, optarg) == -1 &&
		    parse(&opt, ch, optarg, &e) == -1 && bad.num == 0)
			bad = e;
	if (argc != optind ||
	    (bad.num == 0 && (!opt.have_mac || opt.tap.fd == -1)))
		viod_usage("tap");
	viod_begin(start);
	if (bad.num == 0 && fd_cloexec(opt.tap.fd, 1) == -1)
		(void)err_sys(&bad, "tap: descriptor %d", opt.tap.fd);
	if (bad.num == 0 && opt.names != -1 && fd_cloexec(opt.names, 1) == -1)
		(void)err_sys(&bad, "names: descriptor %d", opt.names);
	for (unsigned i = 0; i < opt.nlisten && bad.num == 0; i++)
		if (fd_cloexec(opt.listen[i], 1) == -1)
			(void)err_sys(&bad, "names: descriptor %d",
			    opt.listen[i]);
	if (bad.num != 0)
		viod_refuse(start, &bad);
	serve(start, &opt);
	return 0;
}
