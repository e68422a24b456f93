/* SPDX-License-Identifier: ISC */
/* rng.h - entropy for the guest: the host's, without end */

#ifndef VMM_DEV_RNG_H
#define VMM_DEV_RNG_H

#include "lib/err.h"

struct board;
struct vio;

/* Plugged into any slot; vio_unplug() takes it away. */
int	rng_new(struct vio **ret, struct board *, const char *name,
	    struct err *);

#endif
