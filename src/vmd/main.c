/* SPDX-License-Identifier: ISC */
/* main.c - vmd, the monitor: command line and start; see vmd(8) */

#include <stdio.h>
#include <stdlib.h>

#include "lib/log.h"
#include "vmd/options.h"

static void
usage(void)
{
	(void)fprintf(stderr, "usage: vmd [-dnv] [-k file] [-l addr:port] "
	    "[-o name=value] [-S socket] [-s state]\n");
	exit(1);
}

int
main(int argc, char **argv)
{
	static struct options o;
	struct err e;

	log_init("vmd", LOG_STYLE_PLAIN, 0);
	switch (options_parse(&o, argc, argv, &e)) {
	case -1:
		fatalx("%s", e.text);
	case 1:
		usage();
	}
	if (o.check) {
		log_info("configuration OK; no vm.conf is read");
		return 0;
	}
	fatalx("%s: the daemon is not built", o.state);
}
