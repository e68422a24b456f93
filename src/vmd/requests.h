/* SPDX-License-Identifier: ISC */
/*
 * requests.h - the closed list: who may ask what when, and who does it
 *
 * The table in requests.c is vmd's policy.  A request that is not allowed in
 * the state vmd-control is in, or that is malformed, is not refused but ends
 * vmd-control: it is our program and does not make such mistakes.
 */

#ifndef VMD_REQUESTS_H
#define VMD_REQUESTS_H

#include "lib/err.h"
#include "priv/chan.h"
#include "vmd/control.h"

/* -1: the peer is not to be trusted. */
int	requests_take(struct monitor *, enum control_state,
	    unsigned generation, struct chan_msg *, struct err *);

/* In control.c, for the table. */
void	control_setup(struct monitor *, struct asker);
void	control_serving(struct monitor *, struct asker);

#endif
