/* SPDX-License-Identifier: ISC */
/*
 * helpers.h - device processes of a VM that was started by hand
 *
 * vmd is not there, so vmm starts its viods itself, in the way of
 * docs/ARCHITECTURE.md ("How a program is started"): one a disk, network
 * card and vsock device.  They are asked nothing and not waited for; they
 * end when this process does.
 */

#ifndef VMM_HELPERS_H
#define VMM_HELPERS_H

#include "chapi/vmm.h"
#include "lib/err.h"
#include "lib/own.h"

struct confine;
struct hand;
struct helpers;

/*
 * Start them, set the sockets in hand's config and the lifelines in the
 * setup; both then borrow strings of the helpers.
 */
int	helpers_new(struct helpers **ret, struct hand *, struct vmm_setup *,
	    struct err *);

/* One that could not start has said why: that is the better error. */
void	helpers_blame(struct helpers *, struct err *);

/* What is needed to take their sockets away in the end. */
void	helpers_confine(const struct helpers *, struct confine *);

/* Their sockets go too. */
void	helpers_destroy(struct helpers *);
OWN_DEFINE(struct helpers, helpers_destroy);

#endif
