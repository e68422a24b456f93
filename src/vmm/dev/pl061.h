/* SPDX-License-Identifier: ISC */
/*
 * pl061.h - eight inputs of an arm64 machine, one of them the power button
 */

#ifndef VMM_DEV_PL061_H
#define VMM_DEV_PL061_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define PL061_BUTTON	3	/* the input that is the button */

struct board;
struct pl061;

struct pl061_setup {
	struct board	*board;
	uint64_t	 addr;		/* guest physical; 4 KiB */
	unsigned	 gsi;
};

int	pl061_new(struct pl061 **ret, const struct pl061_setup *,
	    struct err *);
void	pl061_destroy(struct pl061 *);
OWN_DEFINE(struct pl061, pl061_destroy);

/* Press the button; it is let go a moment later.  Board locked. */
void	pl061_press(struct pl061 *);

/* As after power on; board locked. */
void	pl061_reset(struct pl061 *);

/* The caller owns the state; NULL: out of memory. */
json_t	*pl061_save(const struct pl061 *);
int	 pl061_load(struct pl061 *, const json_t *, struct err *);

#endif
