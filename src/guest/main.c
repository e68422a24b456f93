/* SPDX-License-Identifier: ISC */
/*
 * vminit - process 1 of a guest, and its agent
 *
 * Sets up what an OCI image's program expects of a system, runs it, and
 * ends the guest with it.  See vminit(8).
 *
 * Process: 1 of the guest.  Sandbox: none; it is the guest.
 * Needs: a kernel with devtmpfs, overlay and what the image's root needs;
 * /vmd/config in the initrd.
 */

#include <stdio.h>
#include <unistd.h>

#include "guest/net.h"
#include "guest/run.h"
#include "guest/setup.h"
#include "lib/log.h"

static int
setup(struct guest_config *c, struct err *e)
{
	/* The console is virtio: it is there when its module is. */
	if (setup_kernel(e) == -1 || setup_modules(e) == -1 ||
	    setup_console(e) == -1 || setup_config(c, e) == -1 ||
	    setup_share_modules(c, e) == -1 ||
	    setup_root(c, e) == -1 || setup_mounts(c, e) == -1)
		return -1;
	return net_setup(c, e);
}

int
main(void)
{
	struct guest_config c;
	struct err e;

	if (getpid() != 1) {
		fprintf(stderr, "vminit: runs only as process 1 of a guest\n");
		return 1;
	}
	log_init("vminit", LOG_STYLE_PLAIN, 0);
	guest_config_init(&c);
	if (setup(&c, &e) == -1)
		run_failed(&c, &e);
	if (c.init)
		run_init(&c);
	run_command(&c);
}
