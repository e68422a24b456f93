/* SPDX-License-Identifier: ISC */
/*
 * names.h - the names of running VMs, for the name servers of their links
 *
 * STATE/names has a symbolic link for each VM with local interfaces and for
 * each of their addresses.  They lead nowhere: what they say is a record,
 * "ID ADDRESS..." and "ID NAME", where ID is the VM's.  So a record is made
 * and replaced in one step, and viod/net_names.c finds it in one.
 *
 * They outlive vmd as VMs do; what is of VMs that are no more goes when vmd
 * starts.
 */

#ifndef VMD_NAMES_H
#define VMD_NAMES_H

#include <stdbool.h>

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/monitor.h"

/* The directory, made if it is missing; a descriptor, or -1. */
int	names_open(struct monitor *, struct err *);

/* There is one: a VM with local interfaces was started once. */
bool	names_exist(struct monitor *);

/*
 * Is anything known of the VM's addresses: of local interfaces, or as it was
 * said of others?
 */
bool	names_known(const struct priv_start *);

/*
 * Such a VM starts: its name has these addresses.  One that was said is not
 * taken from the name of another VM.
 */
int	names_add(struct monitor *, const struct priv_start *, struct err *);

/* A VM is gone, or was not started after all. */
void	names_remove(struct monitor *, const char *vm);

/* Those of VMs that are not among vms_find()'s. */
void	names_sweep(struct monitor *);

#endif
