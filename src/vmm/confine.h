/* SPDX-License-Identifier: ISC */
/*
 * confine.h - vmm gives away what its VM does not need
 *
 * Before the first boot: from then on neither it nor a guest that took it
 * over opens anything but the VM's directory, the kernel, its initramfs, the
 * directories of the files and sockets it was told to make, and the
 * hypervisor's device.
 */

#ifndef VMM_CONFINE_H
#define VMM_CONFINE_H

#include <stdbool.h>

#include "lib/err.h"

#define CONFINE_PATHS_MAX	8

struct machine_files;
struct vm_config;

/* What else this vmm works with. */
struct confine {
	const char	*paths[CONFINE_PATHS_MAX];	/* directories */
	unsigned	 npaths;
	const char	*api;		/* path of our socket, or NULL */
	bool		 once;		/* boots once, and is asked nothing:
					   opens nothing after that */
};

/*
 * There is no way back; no thread may run yet.  snapshot: the directory of
 * the one to restore (borrowed), or -1.  files: open, and may be opened again.
 */
int	confine_enter(const struct confine *, const struct vm_config *,
	    const struct machine_files *, int snapshot, struct err *);

#endif
