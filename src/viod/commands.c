/* SPDX-License-Identifier: ISC */
/* commands.c - the devices of viod itself; see viod.h */

#include <stddef.h>

#include "viod/viod.h"

const struct viod_command viod_commands[] = {
	{ "blk", blk_main, NULL, SANDBOX_VIOD_BLK, "-d fd [-rv] "
	    "[-B format:fd] [-b rate] [-E engine] [-f format] [-i iops] "
	    "[-n name] [-q queues] [-s serial] [-S path] [-w fd]" },
	{ "net", NULL, "viod-net", SANDBOX_VIOD_NET, VIOD_NET_SYNOPSIS },
	{ "tap", NULL, "viod-tap", SANDBOX_VIOD_TAP, VIOD_TAP_SYNOPSIS },
	{ "scsi", scsi_main, NULL, SANDBOX_VIOD_SCSI,
	    "-d fd [-v] [-n name] [-S path]" },
	{ "vsock", vsock_main, NULL, SANDBOX_VIOD_VSOCK,
	    "-c cid -d fd -l fd [-v] [-n name] [-S path]" },
	{ .name = NULL },
};
