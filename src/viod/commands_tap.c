/* SPDX-License-Identifier: ISC */
/* commands_tap.c - the device of viod-tap, which talks to the host's kernel */

#include <stddef.h>

#include "viod/viod.h"

const struct viod_command viod_commands[] = {
	{ "tap", tap_main, NULL, SANDBOX_VIOD_TAP, VIOD_TAP_SYNOPSIS },
	{ .name = NULL },
};
