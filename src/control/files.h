/* SPDX-License-Identifier: ISC */
/*
 * files.h - files of the host that a VM uses: kernels and disks
 *
 * vmd opens them, with the rights of the user they were named by.  vmd-control
 * says which VM it is about and, for one that is not of vm.conf, passes on
 * what was asked for and the connection it came by.
 */

#ifndef CONTROL_FILES_H
#define CONTROL_FILES_H

#include "control/vm.h"
#include "lib/err.h"
#include "priv/request.h"

/* Where vmd finds the VM's files. */
void	files_origin(struct priv_origin *, const struct vm *);

/*
 * Have the files of a VM that vm.conf does not name recorded.  client: who
 * asked, borrowed; uid: whose rights, or PRIV_UID_CLIENT.
 */
void	files_record(const struct vm *, int client, uint32_t uid,
	    void (*done)(void *, const struct err *), void *arg);

/*
 * Copy the VM's own kernel (or firmware) and initramfs into its directory, as
 * "kernel" and "initrd", and call 'then'.
 */
struct op;
void	files_fetch(struct op *, void (*then)(struct op *,
	    const struct err *));

#endif
