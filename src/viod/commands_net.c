/* SPDX-License-Identifier: ISC */
/* commands_net.c - the device of viod-net, which needs libslirp */

#include <stddef.h>

#include "viod/viod.h"

const struct viod_command viod_commands[] = {
	{ "net", net_main, NULL, SANDBOX_VIOD_NET, VIOD_NET_SYNOPSIS },
	{ .name = NULL },
};
