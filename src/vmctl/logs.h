/* SPDX-License-Identifier: ISC */
/* logs.h - the lines of a log of a VM, as they are written */

#ifndef VMCTL_LOGS_H
#define VMCTL_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct api;

#define LOGS_ALL	1000000000U	/* lines; more than a log has */

struct logs {
	const char	*id;		/* of the VM */
	const char	*source;	/* "app", "vmm", "hypeman" */
	uint64_t	 tail;		/* lines to begin with */
	bool		 follow;
	bool		 output;	/* only what the command wrote: without
					 * the guest's line on how it ended */
	int		 wake_fd;	/* as of api_stream(), -1: none */
	int		(*wake)(void *arg);
	void		*arg;
};

/* Print lines to standard output.  As api_stream(); 1 also at EPIPE. */
int	logs_print(struct api *, const struct logs *, struct err *);

#endif
