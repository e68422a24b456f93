/* SPDX-License-Identifier: ISC */
/*
 * seatbelt.h - what a program may do, as a profile of macOS's sandbox(7)
 *
 * Text only, so that it is tested where there is no such sandbox.
 */

#ifndef OS_SEATBELT_H
#define OS_SEATBELT_H

#include <stddef.h>

#include "lib/err.h"
#include "os/sandbox.h"

#define SEATBELT_MAX	32768	/* bytes */

struct seatbelt {
	char	text[SEATBELT_MAX];
	size_t	len;
};

/*
 * The profile of the program's row and paths, which are named without links;
 * what is not there, or has a name that no profile can have, is left out.
 * Refused: E2BIG.
 */
int	seatbelt_make(struct seatbelt *ret, const struct sandbox *,
	    struct err *);

#endif
