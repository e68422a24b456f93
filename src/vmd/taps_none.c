/* SPDX-License-Identifier: ISC */
/* taps_none.c - no interfaces, where the host has no taps; see taps.h */

#include <errno.h>

#include "vmd/taps.h"

int
taps_make(const struct priv_start *r, unsigned net, struct err *e)
{
	(void)r;
	(void)net;
	return err_api(e, ENOTSUP, "not_supported", "switches and local "
	    "interfaces are Linux's: this host has no taps");
}

void
taps_names(int fds[TAPS_NAMES], const struct priv_start *r, unsigned net,
    int tap)
{
	(void)r;
	(void)net;
	(void)tap;
	fds[0] = fds[1] = -1;
}

int
taps_route(struct monitor *m, struct err *e)
{
	(void)m;
	(void)e;
	return 0;
}

void
taps_sweep(struct monitor *m)
{
	(void)m;
}

void
taps_leave(void)
{
}
