/* SPDX-License-Identifier: ISC */
/*
 * instance.h - instances of a VM of vm.conf, and who may make them
 *
 * vm.conf(5), "allow instance": root makes instances of any VM; others of
 * those that name them, and of these they say only what is allowed.
 */

#ifndef CONTROL_INSTANCE_H
#define CONTROL_INSTANCE_H

#include <jansson.h>

#include "control/auth.h"
#include "lib/err.h"

struct control;

/*
 * The request for an instance: what the template has and 'doc', which names
 * it as "template", does not say; but disks, volumes, shares, ports and
 * addresses, which two VMs cannot both have, and restarts.  *ret is the
 * caller's.  Refused: not_found, forbidden, and bad_request for a disk of the
 * template's.
 */
int	instance_request(json_t **ret, const struct control *,
	    const struct caller *, const json_t *doc, struct err *);

#endif
