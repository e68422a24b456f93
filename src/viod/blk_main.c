/* SPDX-License-Identifier: ISC */
/* blk_main.c - viod blk: options and start of a block device */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "viod/blk.h"
#include "viod/limit.h"
#include "viod/viod.h"

#define FD_MAX	65535	/* number of a descriptor */

static int
parse_fd(int *ret, const char *arg, struct err *e)
{
	uint64_t n;

	if (num_parse(&n, arg, 0, FD_MAX, e) == -1)
		return err_prefix(e, "descriptor");
	*ret = (int)n;
	return 0;
}

/* FORMAT:FD, a file below the disk's and those that were named before. */
static int
parse_base(struct image_files *f, const char *arg, struct err *e)
{
	const char *colon = strchr(arg, ':');
	struct image_file *b = &f->file[f->n];
	char format[16];

	if (f->n == IMAGE_CHAIN_MAX)
		return err_set(e, E2BIG, "more than %d files", f->n);
	if (colon == NULL || colon - arg >= (int)sizeof(format))
		return err_set(e, EINVAL, "base: \"%s\" is not FORMAT:FD",
		    arg);
	(void)snprintf(format, sizeof(format), "%.*s", (int)(colon - arg),
	    arg);
	if (image_format_parse(&b->format, format, e) == -1 ||
	    parse_fd(&b->fd, colon + 1, e) == -1)
		return err_prefix(e, "base");
	f->n++;
	return 0;
}

static int
parse(struct blk_options *o, int ch, char *arg, struct err *e)
{
	uint64_t n;

	switch (ch) {
	case 'B':
		return parse_base(&o->disk.files, arg, e);
	case 'b':
		if (rate_parse(&o->bytes_limit, arg, e) == -1)
			return err_prefix(e, "bytes a second");
		return 0;
	case 'd':
		return parse_fd(&o->disk.files.file[0].fd, arg, e);
	case 'E':
		o->disk.engine = arg;
		return 0;
	case 'f':
		return image_format_parse(&o->disk.files.file[0].format, arg,
		    e);
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
		o->disk.readonly = true;
		return 0;
	case 's':
		if (strlen(arg) > VIRTIO_BLK_ID_BYTES)
			return err_set(e, EINVAL,
			    "serial number \"%s\" is longer than %d bytes",
			    arg, VIRTIO_BLK_ID_BYTES);
		o->serial = arg;
		return 0;
	case 'w':
		return parse_fd(&o->marks, arg, e);
	default:
		viod_usage("blk");
	}
}

int
blk_main(struct viod_start *start, int argc, char **argv)
{
	struct blk_options opt = {
		.disk.files = { .file[0].fd = -1, .n = 1 }, .queues = 1,
		.marks = -1,
	};
	struct viod *v;
	struct err e, bad = { .num = 0 };
	int ch;

	while ((ch = getopt(argc, argv,
	    VIOD_OPTIONS "B:b:d:E:f:i:q:rs:w:")) != -1)
		if (viod_option(start, ch, optarg) == -1 &&
		    parse(&opt, ch, optarg, &e) == -1 && bad.num == 0)
			bad = e;
	if (argc != optind || (bad.num == 0 && opt.disk.files.file[0].fd == -1))
		viod_usage("blk");
	viod_begin(start);
	if (bad.num != 0)
		viod_refuse(start, &bad);
	if (blk_new(&v, start->loop, &opt, &e) == -1)
		viod_refuse(start, &e);
	viod_run(start, v);
	blk_destroy(v);
	return 0;
}
