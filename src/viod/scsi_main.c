/* SPDX-License-Identifier: ISC */
/* scsi_main.c - viod scsi: options and start of a CD drive */

#include <stdlib.h>
#include <unistd.h>

#include "lib/num.h"
#include "viod/scsi.h"
#include "viod/viod.h"

#define FD_MAX	65535	/* number of a descriptor */

int
scsi_main(struct viod_start *start, int argc, char **argv)
{
	struct err e, bad = { .num = 0 };
	struct viod *v;
	uint64_t fd = UINT64_MAX;
	int ch;

	while ((ch = getopt(argc, argv, VIOD_OPTIONS "d:")) != -1) {
		if (viod_option(start, ch, optarg) != -1)
			continue;
		if (ch != 'd')
			viod_usage("scsi");
		if (num_parse(&fd, optarg, 0, FD_MAX, &bad) == -1)
			(void)err_prefix(&bad, "descriptor");
	}
	if (argc != optind || (bad.num == 0 && fd == UINT64_MAX))
		viod_usage("scsi");
	viod_begin(start);
	if (bad.num != 0)
		viod_refuse(start, &bad);
	if (scsi_new(&v, start->loop, (int)fd, &e) == -1)
		viod_refuse(start, &e);
	viod_run(start, v);
	scsi_destroy(v);
	return 0;
}
