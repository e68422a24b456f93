/* SPDX-License-Identifier: ISC */
/*
 * stolen.h - a page in which the hypervisor tells arm64 guests what time
 * their processors wanted to run and did not
 *
 * The guest asks where its processor's 64 bytes are (SMCCC, PV_TIME_ST), which
 * the accelerator answers and fills.  The count only grows, so that it goes
 * with a snapshot.
 *
 * Source: Arm, Paravirtualized Time for Arm-based Systems (DEN 0057A).
 */

#ifndef VMM_STOLEN_H
#define VMM_STOLEN_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define STOLEN_LEN	4096U		/* of all processors */

struct board;
struct stolen;

/* At a guest physical address, before there are vCPUs. */
int	stolen_new(struct stolen **ret, struct board *, uint64_t addr,
	    struct err *);
void	stolen_destroy(struct stolen *);
OWN_DEFINE(struct stolen, stolen_destroy);

/* The caller owns the state; NULL: out of memory. */
json_t	*stolen_save(const struct stolen *);
int	 stolen_load(struct stolen *, const json_t *, struct err *);

#endif
