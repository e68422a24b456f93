/* SPDX-License-Identifier: ISC */
/*
 * taps.h - the host's end of a VM's interfaces, and what they hang on
 *
 * A tap lives as long as the device that has its descriptor; nothing is to be
 * undone for it.  Bridges and routing domains that were not there are made,
 * say so in their descriptions, "vmd: ...", and go when nothing is on them
 * any more and vmd leaves.  Those that were there are used as they are.
 *
 * The kernel is asked each time, so that another vmd can come in between.
 */

#ifndef VMD_TAPS_H
#define VMD_TAPS_H

#include <stdbool.h>

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/monitor.h"

/*
 * The tap of card 'net' of a VM that is being started: a descriptor, or -1.
 * Refused: not_supported to a vmd that is not root's or without what the
 * kernel lacks; not_found for an unknown group.
 */
int	taps_make(const struct priv_start *, unsigned net, struct err *);

/*
 * Sockets that listen for questions by TCP at the host's addresses of a local
 * interface, whose tap that is; -1: there is none.  Where somebody else listens
 * at all addresses of the host, he is who hears them, and it is logged.
 */
#define TAPS_NAMES	2		/* IPv4 and IPv6 */
void	taps_names(int fds[TAPS_NAMES], const struct priv_start *,
	    unsigned net, int tap);

/*
 * The taps of a start are made, or a VM's ports are no more: let packets and
 * the ports of all VMs there are go to local interfaces.
 */
int	taps_route(struct monitor *, struct err *);

/* The same once, for what happened while there was no vmd. */
void	taps_sweep(struct monitor *);

/*
 * No VM of ours runs, and vmd ends: take away what nobody uses, of ours or of
 * a vmd that was killed.
 */
void	taps_leave(void);

#endif
