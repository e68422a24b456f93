/* SPDX-License-Identifier: ISC */
/* instances.h - what the files of instance routes share */

#ifndef CONTROL_ROUTES_INSTANCES_H
#define CONTROL_ROUTES_INSTANCES_H

#include "control/control.h"
#include "control/http.h"
#include "control/vm.h"

/* The VM the path names, or NULL after the refusal was sent. */
struct vm *route_vm(struct request *);

/* The same, and it must run: 409 otherwise. */
struct vm *route_running_vm(struct request *);

/* Refused: a body with members that are not known, or with compression. */
int	route_snapshot_body(const json_t *body, const char *const known[],
	    struct err *);

/* "target_state" of a body; *ret is untouched without it. */
int	route_target_state(enum vm_state *ret, const json_t *body,
	    struct err *);

/* "target_hypervisor" must be the one whose memory the snapshot is. */
int	route_target_hypervisor(const struct snapshot *, const json_t *body,
	    struct err *);

#endif
