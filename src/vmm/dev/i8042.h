/* SPDX-License-Identifier: ISC */
/* i8042.h - what is left of the keyboard controller: its reset line */

#ifndef VMM_DEV_I8042_H
#define VMM_DEV_I8042_H

#include "lib/err.h"

struct board;

int	i8042_add(struct board *, struct err *);

#endif
