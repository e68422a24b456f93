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
struct confine;
struct event_loop;

struct backend_setup {
	struct event_loop	*loop;
	const struct accel	*accel;
	/* Enter the sandbox before the first boot; NULL: a test's. */
	const struct confine	*confine;
	int			 kernel;	/* of the first boot, open
						   already, or -1; taken */
};

extern const struct vmm_backend machine_backend;

/* What the setup points to stays the caller's and outlives this. */
int	backend_new(struct backend **ret, const struct backend_setup *,
	    struct err *);
/* Whom to tell what happens; before the event loop runs. */
void	backend_attach(struct backend *, struct vmm *);
void	backend_destroy(struct backend *);
OWN_DEFINE(struct backend, backend_destroy);

#endif
