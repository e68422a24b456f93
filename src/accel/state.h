/* SPDX-License-Identifier: ISC */
/*
 * state.h - tables of bytes in JSON, as json_hex() writes them
 *
 * Put takes a JSON object of the caller's.  Get refuses what is missing or
 * of another length, and names it.
 */

#ifndef ACCEL_STATE_H
#define ACCEL_STATE_H

#include <jansson.h>
#include <stddef.h>

#include "lib/err.h"

#define STATE_BYTES_MAX	(1U << 20)	/* of one of them */

int	state_put(json_t *, const char *name, const void *, size_t len,
	    struct err *);
int	state_get(const json_t *, const char *name, void *, size_t len,
	    struct err *);

/* For what has no fixed length: a copy that the caller frees. */
int	state_get_any(const json_t *, const char *name, void **ret,
	    size_t *len, struct err *);

#endif
