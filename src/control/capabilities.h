/* SPDX-License-Identifier: ISC */
/*
 * capabilities.h - what this host can run, and why not the rest
 *
 * Hypervisors are asked once, when the daemon starts, by "vmm-NAME -P"
 * (PRIV_JOB_PROBE).
 */

#ifndef CONTROL_CAPABILITIES_H
#define CONTROL_CAPABILITIES_H

#include <jansson.h>

#include "lib/err.h"

struct control;

/* Begin asking; answers come in later. */
void	capabilities_probe(struct control *);

/* NULL: auto.  Refused: one that is not in this version, with the reason. */
int	hypervisor_check(const struct control *, const char *name,
	    struct err *);

json_t	*capabilities_json(const struct control *);

#endif
