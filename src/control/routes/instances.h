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

#endif
