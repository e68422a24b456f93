/* SPDX-License-Identifier: ISC */
/*
 * tty.h - the user's terminal in raw mode, and back
 *
 * Whatever ends the process but SIGKILL, the terminal is restored.
 */

#ifndef OS_TTY_H
#define OS_TTY_H

#include <stdbool.h>

#include "lib/err.h"

/* Put the terminal at fd into raw mode. */
int	tty_raw(int fd, struct err *e);
/* As it was before; does nothing when it is. */
void	tty_restore(void);
/* Its size.  False when fd is no terminal or has no size. */
bool	tty_size(int fd, int *rows, int *cols);

#endif
