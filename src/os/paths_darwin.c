/* SPDX-License-Identifier: ISC */
/*
 * paths_darwin.c - where vmd has what it keeps and runs, on macOS; see paths.h
 * (hier(7); File System Programming Guide, "macOS Library Directory Details")
 */

#include <stdio.h>
#include <stdlib.h>

#include "os/paths.h"

const struct os_paths os_paths = {
	.state	= "/var/db/vmd",
	.socket	= "/var/run/vmd.sock",
	.conf	= "/etc/vm.conf",
	/* Homebrew's directories of both processors. */
	.programs = "/opt/homebrew/sbin:/opt/homebrew/bin:/usr/local/sbin:"
	    "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	.fds	= "/dev/fd",
	/* Homebrew links it into no directory of PATH. */
	.mke2fs	= { "/opt/homebrew/opt/e2fsprogs/sbin/mke2fs",
	    "/usr/local/opt/e2fsprogs/sbin/mke2fs" },
	.gzip	= { "/usr/bin/gzip" },
};

static int
below_home(char *ret, size_t size, const char *name)
{
	const char *home = getenv("HOME");
	int n;

	if (home == NULL || home[0] != '/')
		return -1;
	n = snprintf(ret, size, "%s%s", home, name);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

int
os_user_state(char *ret, size_t size)
{
	return below_home(ret, size, "/Library/Application Support/vmd");
}

/* There is none that other programs could guess. */
int
os_user_run(char *ret, size_t size)
{
	(void)ret;
	(void)size;
	return -1;
}

int
os_user_conf(char *ret, size_t size)
{
	return below_home(ret, size,
	    "/Library/Application Support/vmd/vm.conf");
}
