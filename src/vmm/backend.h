/* SPDX-License-Identifier: ISC */
/*
 * backend.h - what the API asks for, done by a machine
 *
 * The back-end of chapi/vmm.h for our own machine.  Every action is done
 * when it returns.
 */

#ifndef VMM_BACKEND_H
#define VMM_BACKEND_H

#include <stdbool.h>

#include <stdbool.h>

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
	/* A guest that does nothing but reboot is stopped: chapi/brake.h. */
	bool			 brake;
};

extern const struct vmm_backend machine_backend;

/* What the setup points to stays the caller's and outlives this. */
int	backend_new(struct backend **ret, const struct backend_setup *,
	    struct err *);
/* Whom to tell what happens; before the event loop runs. */
void	backend_attach(struct backend *, struct vmm *);
/*
 * The kernel of the next boot is open already: fd, which is taken.  What was
 * packed in the file 'path' is that of all later boots, too, whose VmConfig
 * names it.
 */
int	backend_kernel(struct backend *, const char *path, int fd,
	    bool packed, struct err *);
void	backend_destroy(struct backend *);
OWN_DEFINE(struct backend, backend_destroy);

#endif
