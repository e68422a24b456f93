/* SPDX-License-Identifier: ISC */
/* net_main.c - viod net: options and start of a network device */

#include <sys/resource.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/util.h"
#include "viod/net.h"
#include "viod/net_resolver.h"
#include "viod/net_user.h"
#include "viod/viod.h"

#define HOSTNAME_LEN_MAX	32	/* bytes; libslirp keeps no more */
#define FDS_OTHER		1024	/* beside those of connections: queues,
					   and what begins within a round */

struct options {
	struct net_options	 net;
	const char		*hostname;
	unsigned		 nports;
	struct net_port		 ports[NET_PORTS_MAX];
	bool			 have_mac;
};

static int
parse(struct options *o, int ch, const char *arg, struct err *e)
{
	uint64_t n;

	switch (ch) {
	case 'D':
		return rate_parse(&o->net.down, arg, e);
	case 'H':
		if (arg[0] == '\0' || strlen(arg) > HOSTNAME_LEN_MAX)
			return err_set(e, EINVAL, "host name \"%.40s\": not 1 "
			    "to %d bytes", arg, HOSTNAME_LEN_MAX);
		o->hostname = arg;
		return 0;
	case 'm':
		o->have_mac = true;
		return net_mac_parse(o->net.mac, arg, e);
	case 'p':
		if (o->nports == NET_PORTS_MAX)
			return err_set(e, EINVAL, "more than %d ports",
			    NET_PORTS_MAX);
		return net_port_parse(&o->ports[o->nports++], arg, e);
	case 'q':
		if (num_parse(&n, arg, 1, NET_PAIRS_MAX, e) == -1)
			return err_prefix(e, "queue pairs");
		o->net.pairs = (unsigned)n;
		return 0;
	case 'U':
		return rate_parse(&o->net.up, arg, e);
	default:
		viod_usage("net");
	}
}

static void
to_guest(void *arg, const void *frame, size_t len)
{
	net_deliver(arg, frame, len);
}

static void
from_guest(void *arg, const void *frame, size_t len)
{
	net_user_input(arg, frame, len);
}

/* The guest's connections are descriptors: as many as we mean to allow. */
static void
limit_fds(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	rl.rlim_cur = MIN((rlim_t)NET_USER_SOCKETS_MAX + FDS_OTHER,
	    rl.rlim_max);
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

static void
serve(struct viod_start *start, struct options *o)
{
	struct net_user_config config = { .loop = start->loop,
	    .hostname = o->hostname, .ports = o->ports,
	    .nports = o->nports, .deliver = to_guest };
	struct net_user *user;
	struct viod *v;
	struct err e;

	o->net.mtu = NET_USER_MTU;
	memcpy(config.mac, o->net.mac, sizeof(config.mac));
	limit_fds();
	if (net_new(&v, start->loop, &o->net, &e) == -1)
		viod_refuse(start, &e);
	config.arg = v;
	if (net_user_new(&user, &config, &e) == -1)
		viod_refuse(start, &e);
	net_attach(v, from_guest, user);
	/* libslirp asks the name servers of the day. */
	net_resolver_allow(&start->sandbox);
	viod_run(start, v);
	net_user_destroy(user);
	net_destroy(v);
}

int
net_main(struct viod_start *start, int argc, char **argv)
{
	static struct options opt;	/* large */
	struct err e, bad = { .num = 0 };
	int ch;

	while ((ch = getopt(argc, argv, VIOD_OPTIONS "D:H:m:p:q:U:")) != -1)
		if (viod_option(start, ch, optarg) == -1 &&
		    parse(&opt, ch, optarg, &e) == -1 && bad.num == 0)
			bad = e;
	if (argc != optind || (bad.num == 0 && !opt.have_mac))
		viod_usage("net");
	viod_begin(start);
	if (bad.num != 0)
		viod_refuse(start, &bad);
	serve(start, &opt);
	return 0;
}
