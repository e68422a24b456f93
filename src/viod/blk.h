/* SPDX-License-Identifier: ISC */
/* blk.h - virtio block device (virtio 1.2, section 5.2) */

#ifndef VIOD_BLK_H
#define VIOD_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "viod/disk.h"
#include "viod/serve.h"

struct blk_options {
	struct disk_options disk;	/* descriptors are borrowed */
	unsigned	 queues;	/* 1 to VIOD_QUEUES_MAX */
	const char	*serial;	/* 20 bytes count; or NULL */
	uint64_t	 bytes_limit;	/* a second; 0: none */
	uint64_t	 ops_limit;	/* a second; 0: none */
	int		 marks;		/* of what was written (written.h), of
					   a raw disk; or -1; borrowed */
};

/* Make a block device.  The caller destroys it after viod_hangup(). */
int	blk_new(struct viod **, struct event_loop *,
	    const struct blk_options *, struct err *);
void	blk_destroy(struct viod *);
OWN_DEFINE(struct viod, blk_destroy);

#endif
