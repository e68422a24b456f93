/* SPDX-License-Identifier: ISC */
/* console.h - the serial console of a VM on this terminal */

#ifndef VMCTL_CONSOLE_H
#define VMCTL_CONSOLE_H

#include "vmctl/cmd.h"

/*
 * Connect standard input and output to the console of the VM until the
 * user leaves ("~." at the beginning of a line) or the VM ends.  Returns
 * the exit status; errors are printed.
 */
int	console_attach(struct ctx *, const char *vm);

#endif
