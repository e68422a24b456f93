/* SPDX-License-Identifier: ISC */
/* net_resolver.c - the host's name servers; see net_resolver.h */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "viod/net_resolver.h"

void
net_resolver_allow(struct sandbox *s)
{
	static char dir[PATH_MAX];
	char *slash;

	if (realpath("/etc/resolv.conf", dir) == NULL)
		return;		/* no names, then */
	slash = strrchr(dir, '/');
	*slash = '\0';
	sandbox_add(s, dir, SANDBOX_READ);
}
