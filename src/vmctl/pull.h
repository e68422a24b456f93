/* SPDX-License-Identifier: ISC */
/* pull.h - getting an image, with progress */

#ifndef VMCTL_PULL_H
#define VMCTL_PULL_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"
#include "vmctl/cmd.h"

/* Pull an image (a pull that runs is joined) and wait until it is ready. */
int	pull_image(struct ctx *, const char *name, const char *platform,
	    bool quiet, json_t **image, struct err *);

/* The same only when it is missing. */
int	pull_missing(struct ctx *, const char *name, const char *platform,
	    bool quiet, json_t **image, struct err *);

#endif
