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
#include "viod/net_frames.h"
#include "viod/net_resolver.h"
#include "viod/net_user.h"
#include "viod/viod.h"

#define HOSTNAME_LEN_MAX	32	/* bytes; libslirp keeps no more */
#define BOOT_FILE_MAX		127	/* bytes; a field of BOOTP */
#define FDS_OTHER		1024	/* beside those of connections: queues,
					   and what begins within a round */

struct options {
	struct net_options	 net;
	const char		*hostname;
	const char		*boot_file;	/* in boot_dir */
	char			 boot_dir[PATH_MAX];
	unsigned		 nports;
	struct net_port		 ports[NET_PORTS_MAX];
	bool			 have_mac;
	bool			 frames;	/* no vhost-user */
};

/* A file that is there, and the directory that it is in. */
static int
parse_boot(struct options *o, const char *arg, struct err *e)
{
	const char *slash = strrchr(arg, '/');
	const char *name = slash == NULL ? arg : slash + 1;
	own_mem char *dir = slash == NULL ? strdup(".") :
	    strndup(arg, (size_t)(slash - arg) + 1);

	if (name[0] == '\0' || strlen(name) > BOOT_FILE_MAX)
		return err_set(e, EINVAL, "boot file \"%.200s\": its name is "
		    "not 1 to %d bytes", arg, BOOT_FILE_MAX);
	if (dir == NULL || realpath(dir, o->boot_dir) == NULL ||
	    access(arg, R_OK) == -1)
		return err_sys(e, "boot file \"%.200s\"", arg);
	o->boot_file = name;
	return 0;
}

static int
parse(struct options *o, int ch, const char *arg, struct err *e)
{
	uint64_t n;

	switch (ch) {
	case 'b':
		return parse_boot(o, arg, e);
	case 'D':
		return rate_parse(&o->net.down, arg, e);
	case 'F':
		o->frames = true;
		return 0;
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
frames_to_guest(void *arg, const void *frame, size_t len)
{
	net_frames_deliver(arg, frame, len);
}

static void
frames_counters(const void *arg, char *text, size_t size)
{
	net_frames_counters(arg, text, size);
}

/* The network behind a socket of frames, which vmd put where one listens. */
static void
serve_frames(struct viod_start *start, const struct options *o,
    struct net_user_config *config)
{
	const struct net_frames_config c = { .loop = start->loop,
	    .fd = VIOD_FD_LISTEN, .down = o->net.down, .up = o->net.up,
	    .mtu = NET_USER_MTU, .input = from_guest };
	struct net_frames *frames;
	struct net_user *user;
	struct err e;

	if (net_frames_new(&frames, &c, &e) == -1)
		viod_refuse(start, &e);
	config->deliver = frames_to_guest;
	config->arg = frames;
	if (net_user_new(&user, config, &e) == -1 ||
	    net_frames_attach(frames, user, &e) == -1)
		viod_refuse(start, &e);
	start->counters = frames_counters;
	start->arg = frames;
	viod_run(start, NULL);
	net_user_destroy(user);
	net_frames_destroy(frames);
}

static void
serve(struct viod_start *start, struct options *o,
    struct net_user_config *config)
{
	struct net_user *user;
	struct viod *v;
	struct err e;

	o->net.mtu = NET_USER_MTU;
	if (net_new(&v, start->loop, &o->net, &e) == -1)
		viod_refuse(start, &e);
	config->deliver = to_guest;
	config->arg = v;
	if (net_user_new(&user, config, &e) == -1)
		viod_refuse(start, &e);
	net_attach(v, from_guest, user);
	viod_run(start, v);
	net_user_destroy(user);
	net_destroy(v);
}

int
net_main(struct viod_start *start, int argc, char **argv)
{
	static struct options opt;	/* large */
	struct net_user_config config = { .nports = 0 };
	struct err e, bad = { .num = 0 };
	int ch;

	while ((ch = getopt(argc, argv, VIOD_OPTIONS "b:D:FH:m:p:q:U:")) != -1)
		if (viod_option(start, ch, optarg) == -1 &&
		    parse(&opt, ch, optarg, &e) == -1 && bad.num == 0)
			bad = e;
	if (argc != optind || (bad.num == 0 && !opt.have_mac) ||
	    (opt.frames && start->path != NULL))
		viod_usage("net");
	viod_begin(start);
	if (bad.num != 0)
		viod_refuse(start, &bad);
	config.loop = start->loop;
	config.hostname = opt.hostname;
	config.ports = opt.ports;
	config.nports = opt.nports;
	if (opt.boot_file != NULL) {
		config.boot_dir = opt.boot_dir;
		config.boot_file = opt.boot_file;
		sandbox_add(&start->sandbox, opt.boot_dir, SANDBOX_READ);
	}
	memcpy(config.mac, opt.net.mac, sizeof(config.mac));
	limit_fds();
	/* libslirp asks the name servers of the day. */
	net_resolver_allow(&start->sandbox);
	if (opt.frames)
		serve_frames(start, &opt, &config);
	else
		serve(start, &opt, &config);
	return 0;
}
