/* SPDX-License-Identifier: ISC */
/* vsock_main.c - viod vsock: options and start of a socket device */

#include <stdlib.h>
#include <unistd.h>

#include "lib/num.h"
#include "viod/viod.h"
#include "viod/vsock.h"

#define FD_MAX	65535	/* number of a descriptor */

static int
parse(struct vsock_options *o, int ch, const char *arg, struct err *e)
{
	uint64_t n;

	switch (ch) {
	case 'c':
		if (num_parse(&n, arg, VSOCK_CID_MIN, VSOCK_CID_MAX, e) == -1)
			return err_prefix(e, "CID");
		o->cid = (uint32_t)n;
		return 0;
	case 'd':
	case 'l':
		if (num_parse(&n, arg, 0, FD_MAX, e) == -1)
			return err_prefix(e, "descriptor");
		*(ch == 'd' ? &o->dirfd : &o->listen_fd) = (int)n;
		return 0;
	default:
		viod_usage("vsock");
	}
}

int
vsock_main(struct viod_start *start, int argc, char **argv)
{
	struct vsock_options opt = { .listen_fd = -1, .dirfd = -1 };
	struct err e, bad = { .num = 0 };
	struct viod *v;
	int ch;

	while ((ch = getopt(argc, argv, VIOD_OPTIONS "c:d:l:")) != -1)
		if (viod_option(start, ch, optarg) == -1 &&
		    parse(&opt, ch, optarg, &e) == -1 && bad.num == 0)
			bad = e;
	if (argc != optind || (bad.num == 0 && (opt.cid == 0 ||
	    opt.listen_fd == -1 || opt.dirfd == -1)))
		viod_usage("vsock");
	viod_begin(start);
	if (bad.num != 0)
		viod_refuse(start, &bad);
	if (vsock_new(&v, start->loop, &opt, &e) == -1)
		viod_refuse(start, &e);
	viod_run(start, v);
	vsock_destroy(v);
	return 0;
}
