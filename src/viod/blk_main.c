/* SPDX-License-Identifier: ISC */
/* blk_main.c - viod blk: options and start of a block device */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "viod/blk.h"
#include "viod/limit.h"
#include "viod/viod.h"

#define FD_MAX	65535	/* number of a descriptor */

static int
parse(struct blk_options *o, int ch, char *arg, struct err *e)
{
	uint64_t n;

	switch (ch) {
	case 'b':
		if (rate_parse(&o->bytes_limit, arg, e) == -1)
			return err_prefix(e, "bytes a second");
		return 0;
	case 'd':
		if (num_parse(&n, arg, 0, FD_MAX, e) == -1)
			return err_prefix(e, "descriptor");
		o->fd = (int)n;
		return 0;
	case 'E':
		o->engine = arg;
		return 0;
	case 'i':
		if (num_parse(&o->ops_limit, arg, 1, LIMIT_RATE_MAX, e) == -1)
			return err_prefix(e, "requests a second");
		return 0;
	case 'q':
		if (num_parse(&n, arg, 1, VIOD_QUEUES_MAX, e) == -1)
			return err_prefix(e, "queues");
		o->queues = (unsigned)n;
		return 0;
	case 'r':
		o->readonly = true;
		return 0;
	case 's':
		if (strlen(arg) > VIRTIO_BLK_ID_BYTES)
			return err_set(e, EINVAL,
			    "serial number \"%s\" is longer than %d bytes",
			    arg, VIRTIO_BLK_ID_BYTES);
		o->serial = arg;
		return 0;
	default:
		viod_usage("blk");
	}
}

int
blk_main(struct viod_start *start, int argc, char **argv)
{
	struct blk_options opt = { .fd = -1, .queues = 1 };
	struct viod *v;
	struct err e, bad = { .num = 0 };
	int ch;

	while ((ch = getopt(argc, argv, VIOD_OPTIONS "b:d:E:i:q:rs:")) != -1)
		if (viod_option(start, ch, optarg) == -1 &&
		    parse(&opt, ch, optarg, &e) == -1 && bad.num == 0)
			bad = e;
	if (argc != optind || (bad.num == 0 && opt.fd == -1))
		viod_usage("blk");
	viod_begin(start);
	if (bad.num != 0)
		viod_refuse(start, &bad);
	if (blk_new(&v, start->base, &opt, &e) == -1)
		viod_refuse(start, &e);
	viod_run(start, v);
	blk_destroy(v);
	return 0;
}
