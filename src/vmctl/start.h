/* SPDX-License-Identifier: ISC */
/*
 * start.h - what OpenBSD's options of start ask for, as requests of the API
 *
 * Those of a VM that is there hold for one start; others describe a new one,
 * which is gone when it ends.
 */

#ifndef VMCTL_START_H
#define VMCTL_START_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "vmctl/opt.h"

#define START_DISKS_MAX	4
#define START_CARDS_MAX	4	/* network cards */
#define START_CPUS_MAX	64	/* -p */

/* Lists are of options that may stand once: the second is an error. */
struct start_opts {
	bool		 console, wait;
	unsigned	 nlocal;
	struct opt_list	 device, boot, disks, count, memory, switches, cpus,
			 cdrom, template;
};

/* What stands twice and may not, and how many disks there are. */
int	start_check(const struct start_opts *, struct err *);

/* Does it describe a VM: is there more than -p, -b, -c, -w? */
bool	start_describes(const struct start_opts *);

/* The body for a VM that is there: kernel and CPUs of this start. */
int	start_body(json_t **ret, const struct start_opts *, struct err *);

/* The body of POST /instances.  Warns of what may have been forgotten. */
int	start_request(json_t **ret, const struct start_opts *,
	    const char *name, struct err *);

#endif
