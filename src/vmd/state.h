/* SPDX-License-Identifier: ISC */
/*
 * state.h - STATE on disk: its directories, their owners, the daemon's lock
 *
 * What vmd-control or a VM may write is opened below directory descriptors
 * and never through a symbolic link: a link that one of them plants leads
 * nowhere.
 */

#ifndef VMD_STATE_H
#define VMD_STATE_H

#include <sys/types.h>

#include "lib/err.h"
#include "vmd/monitor.h"

/*
 * Make what is missing, take STATE/vmd.lock (EBUSY: "already running as pid
 * N") and open the directories of m.  They stay open until exit.
 */
int	state_open(struct monitor *, struct err *);

/*
 * The directory of a VM: a descriptor, or -1.  Made, it belongs to a user
 * that no other VM has; EEXIST with already_exists, ENOENT with not_found.
 */
int	state_vm_make(struct monitor *, const char *vm, struct err *);
int	state_vm_open(struct monitor *, const char *vm, struct err *);

/* Take it away with all that is in it.  One that is not there is no error. */
int	state_vm_remove(struct monitor *, const char *vm, struct err *);

/* Whose the VM's processes are: the owner of its directory. */
int	state_vm_user(struct monitor *, int dirfd, struct user *ret,
	    struct err *);

/* Each VM's directory there is.  fn may not make or remove one. */
int	state_vm_each(struct monitor *, void (*fn)(void *arg, const char *vm),
	    void *arg, struct err *);

#endif
