/* SPDX-License-Identifier: ISC */
/*
 * devtree.h - the arm64 board as a device tree describes it
 *
 * Source: Devicetree Specification 0.4; Linux, Documentation/devicetree.
 */

#ifndef VMM_DEVTREE_H
#define VMM_DEVTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define DEVTREE_CMDLINE_MAX	2048	/* bytes with the NUL */

struct devtree_setup {
	uint64_t	 memory;	/* bytes */
	unsigned	 cpus;
	bool		 frame;		/* messages go there, not to an ITS */
	bool		 pci;
	bool		 serial;
	uint64_t	 flash;		/* bytes of variables; 0: no firmware */
	const char	*cmdline;
	uint64_t	 initrd;	/* guest physical */
	uint64_t	 initrd_end;	/* equal: there is none */
};

/* Write it; refused: a command line that is too long, no room. */
int	devtree_write(void *to, size_t room, const struct devtree_setup *,
	    struct err *);

#endif
