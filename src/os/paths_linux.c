/* SPDX-License-Identifier: ISC */
/*
 * paths_linux.c - where vmd has what it keeps and runs, on Linux; see paths.h
 * (Filesystem Hierarchy Standard 3.0, XDG Base Directory Specification 0.8)
 */

#include <stdio.h>
#include <stdlib.h>

#include "os/paths.h"

const struct os_paths os_paths = {
	.state	= "/var/lib/vmd",
	.socket	= "/run/vmd.sock",
	.conf	= "/etc/vm.conf",
	.programs = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
	    "/sbin:/bin",
	.fds	= "/proc/self/fd",
	.mke2fs	= { "/sbin/mke2fs", "/usr/sbin/mke2fs" },
	.gzip	= { "/bin/gzip", "/usr/bin/gzip" },
};

/* 'name' below the directory of a variable, else 'other' below HOME. */
static int
below(char *ret, size_t size, const char *variable, const char *name,
    const char *other)
{
	const char *dir = getenv(variable), *home = getenv("HOME");
	int n;

	if (dir != NULL && dir[0] == '/')
		n = snprintf(ret, size, "%s%s", dir, name);
	else if (other != NULL && home != NULL && home[0] == '/')
		n = snprintf(ret, size, "%s%s", home, other);
	else
		return -1;
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

int
os_user_state(char *ret, size_t size)
{
	return below(ret, size, "XDG_DATA_HOME", "/vmd", "/.local/share/vmd");
}

int
os_user_run(char *ret, size_t size)
{
	return below(ret, size, "XDG_RUNTIME_DIR", "", NULL);
}

int
os_user_conf(char *ret, size_t size)
{
	return below(ret, size, "XDG_CONFIG_HOME", "/vmd/vm.conf",
	    "/.config/vmd/vm.conf");
}
