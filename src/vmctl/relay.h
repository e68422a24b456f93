/* SPDX-License-Identifier: ISC */
/*
 * relay.h - bytes between two descriptors and a WebSocket, until it is done
 *
 * For send and receive, whose streams vmctl only carries.  The daemon's texts
 * and ours are those of control/routes/send.c and receive.c.
 */

#ifndef VMCTL_RELAY_H
#define VMCTL_RELAY_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"

#define RELAY_OUT_MAX	(1U << 20)	/* bytes that wait for 'out' */

struct api;

struct relay {
	const char	*path;		/* of the WebSocket */
	int		 in;		/* read and sent on, or -1 */
	int		 out;		/* what comes is written there */
	/*
	 * What 'in' says counts more than that 'out' cannot be written: wait
	 * for its end before that is told.
	 */
	bool		 hear;
	/* 'out' does not matter: what cannot be written is thrown away. */
	bool		 careless;
};

/*
 * Until the daemon has said how it ended: *ret, the caller's, is its last
 * text.  -1: what it refused, or it said nothing.  The descriptors stay the
 * caller's.
 */
int	relay_run(json_t **ret, const struct relay *, struct api *,
	    struct err *);

#endif
