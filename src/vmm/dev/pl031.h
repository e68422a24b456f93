/* SPDX-License-Identifier: ISC */
/*
 * pl031.h - the real-time clock of an arm64 machine
 *
 * The time is the host's, moved by what the guest has set; so it is right
 * after a pause and in a restored VM.  The alarm makes no interrupt.
 */

#ifndef VMM_DEV_PL031_H
#define VMM_DEV_PL031_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

struct board;
struct pl031;

/* At a guest physical address; 4 KiB. */
int	pl031_new(struct pl031 **ret, struct board *, uint64_t addr,
	    struct err *);
void	pl031_destroy(struct pl031 *);
OWN_DEFINE(struct pl031, pl031_destroy);

/* The caller owns the state; NULL: out of memory. */
json_t	*pl031_save(const struct pl031 *);
int	 pl031_load(struct pl031 *, const json_t *, struct err *);

#endif
