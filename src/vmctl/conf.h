/* SPDX-License-Identifier: ISC */
/* conf.h - reset's words of OpenBSD's, beside VMs; cmd_conf.c */

#ifndef VMCTL_CONF_H
#define VMCTL_CONF_H

#include <stdbool.h>

struct ctx;

/* all, vms or switches? */
bool	conf_is_reset(const char *word);

/* Forget what came from vm.conf.  Returns the exit status. */
int	conf_reset(struct ctx *, const char *what);

#endif
