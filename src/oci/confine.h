/* SPDX-License-Identifier: ISC */
/* confine.h - a job gives away what it does not need (os/sandbox.h) */

#ifndef OCI_CONFINE_H
#define OCI_CONFINE_H

#include <stdbool.h>

#include "lib/err.h"

struct registry_access;
struct store;

/*
 * Root that works on the store of somebody else becomes that user, so that
 * what it makes belongs to them; call it before the store is opened.
 */
int	confine_user(const char *store, struct err *);

/*
 * From here on: the store, the system's programs, and with 'network', which
 * is not NULL for a pull, registries and the user's credentials for them.
 */
int	confine_enter(const struct store *,
	    const struct registry_access *network, struct err *);

/* From here on: the descriptors that there are. */
int	confine_files(struct err *);

#endif
