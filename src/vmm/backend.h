/* SPDX-License-Identifier: ISC */
/*
 * backend.h - what the API asks for, done by a machine
 *
 * The back-end of chapi/vmm.h for our own machine.  Every action is done
 * when it returns.
 */

#ifndef VMM_BACKEND_H
#define VMM_BACKEND_H

#include "chapi/vmm.h"
#include "lib/err.h"
#include "lib/own.h"

struct accel;
struct backend;
struct event_base;

extern const struct vmm_backend machine_backend;

int	backend_new(struct backend **ret, struct event_base *,
	    const struct accel *, struct err *);
/* Whom to tell what happens; before the event loop runs. */
void	backend_attach(struct backend *, struct vmm *);
void	backend_destroy(struct backend *);
OWN_DEFINE(struct backend, backend_destroy);

#endif
