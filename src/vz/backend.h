/* SPDX-License-Identifier: ISC */
/* backend.h - what the API asks for, done by Virtualization.framework */

#ifndef VZ_BACKEND_H
#define VZ_BACKEND_H

#include "chapi/vmm.h"
#include "lib/err.h"
#include "lib/own.h"

struct event_loop;
struct vz;

/*
 * Needs machine_host().  Fills the back-end and its argument in *setup, whose
 * loop is there; the caller makes the VMM of it, attaches that, and destroys
 * it first.
 */
int	vz_new(struct vz **ret, struct vmm_setup *setup, struct err *);
int	vz_attach(struct vz *, struct vmm *, struct err *);
void	vz_destroy(struct vz *);
OWN_DEFINE(struct vz, vz_destroy);

#endif
