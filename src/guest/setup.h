/* SPDX-License-Identifier: ISC */
/*
 * setup.h - from the initrd to the image's root
 *
 * Called once each, in this order, by process 1.
 */

#ifndef GUEST_SETUP_H
#define GUEST_SETUP_H

#include "guest/guest_config.h"
#include "lib/err.h"

/* /proc, /sys, /dev. */
int	setup_kernel(struct err *);

/* Standard input, output and error become the kernel's console. */
int	setup_console(struct err *);

/* Load the modules of /vmd/modules/list. */
int	setup_modules(struct err *);

/* Read /vmd/config. */
int	setup_config(struct guest_config *, struct err *);

/* What only directories of the host need, of /vmd/modules/share. */
int	setup_share_modules(const struct guest_config *, struct err *);

/*
 * Mount the root image and its writable layer, make them the root and free
 * the initrd.
 */
int	setup_root(const struct guest_config *, struct err *);

/*
 * What a program expects below the root: devpts, shm, cgroup2, volumes, shares
 * of the host.
 */
int	setup_mounts(const struct guest_config *, struct err *);

/* Unmount and make read-only what can be; then write everything back. */
void	setup_undo(const struct guest_config *);

#endif
