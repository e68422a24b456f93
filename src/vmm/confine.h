/* SPDX-License-Identifier: ISC */
/*
 * confine.h - vmm gives away what its VM does not need
 *
 * Before the first boot: from then on neither it nor a guest that took it
 * over opens anything but the VM's directory, the kernel, its initramfs and
 * the hypervisor's device.
 */

#ifndef VMM_CONFINE_H
#define VMM_CONFINE_H

#include "lib/err.h"

#define CONFINE_PATHS_MAX	8

struct vm_config;

/* What else this vmm works with; a snapshot to restore is -1 or borrowed. */
struct confine {
	const char	*paths[CONFINE_PATHS_MAX];	/* directories */
	unsigned	 npaths;
	int		 snapshot;
};

/* There is no way back; no thread may run yet. */
int	confine_enter(const struct confine *, const struct vm_config *,
	    struct err *);

#endif
