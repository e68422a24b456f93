/* SPDX-License-Identifier: ISC */
/*
 * sig.h - signals as bytes of a pipe
 *
 * While it is open the named signals are noted instead of ending the
 * process, so that a loop over poll(2) can act on them in order.
 */

#ifndef VMCTL_SIG_H
#define VMCTL_SIG_H

#include "lib/err.h"

/* Note these signals (0 at the end) from now on; once a process. */
int	sig_open(const int *signals, struct err *e);
/* Can be read when a signal is waiting. */
int	sig_fd(void);
/* Note a signal as if it had come. */
void	sig_put(int signal);
/* The next signal, or 0. */
int	sig_next(void);
/* "TERM" of SIGTERM, or NULL for one that has no name here. */
const char *sig_name(int signal);

#endif
