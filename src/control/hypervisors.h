/* SPDX-License-Identifier: ISC */
/*
 * hypervisors.h - what can run guests here, and which of them does
 *
 * Those that are part of this version are asked once, when the daemon
 * starts (docs/ARCHITECTURE.md, "Probes").  An instance that names none gets
 * the first that is usable, each time it starts; one that is named and
 * cannot work is an error and never replaced.
 */

#ifndef CONTROL_HYPERVISORS_H
#define CONTROL_HYPERVISORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define HYPERVISOR_REASON_MAX	600	/* bytes with the NUL */

struct control;

/* What one can do beside running guests; the words of capabilities. */
enum hypervisor_can {
	CAN_PAUSE	= 0x01,
	CAN_RESET	= 0x02,
	CAN_CONSOLE	= 0x04,
	CAN_SNAPSHOT	= 0x08,		/* and standby, fork */
	CAN_VMMCI	= 0x10,		/* OpenBSD's device; amd64's only */
};

struct hypervisor {
	const char	*name;
	const char	*missing;	/* why this version lacks it */
	const char	*absent;	/* or this host, without its VMM */
	uint8_t		 priv;		/* enum priv_hypervisor */
	unsigned	 can;		/* of enum hypervisor_can */
	bool		 probed;	/* it is asked whether it works */
	bool		 by_auto;	/* chosen where nobody chooses */
	bool		 shown;		/* in capabilities */
	bool		 native;	/* guests of the host's kind only */
};

/* In the order in which they are tried. */
extern const struct hypervisor	hypervisors[];
extern const size_t		nhypervisors;

/* NULL: not known. */
const struct hypervisor *hypervisor_find(const char *name);

/* Begin asking.  One that does not answer in time is not usable. */
void	hypervisors_probe(struct control *);

/* Call fn when all have answered, perhaps at once. */
void	hypervisors_wait(struct control *, void (*fn)(void *), void *arg);

/*
 * The one of that name, or the first that is usable when it is NULL, for a
 * guest of the architecture.  NULL with the reason: dependency_missing,
 * not_supported, or invalid_request for a name that is not known.
 */
const struct hypervisor *hypervisor_choose(const struct control *,
	    const char *name, const char *arch, struct err *);

/* Why this host has none, whatever its machine can do; NULL: it may. */
const char *hypervisor_missing(const struct control *,
	    const struct hypervisor *);

/*
 * Is it usable?  The reason either way: why not, or why it would be chosen
 * and with which accelerator.
 */
bool	hypervisor_state(char reason[HYPERVISOR_REASON_MAX],
	    const struct control *, const struct hypervisor *);

/* What its probe said, or NULL. */
json_t	*hypervisor_details(const struct control *,
	    const struct hypervisor *);

#endif
