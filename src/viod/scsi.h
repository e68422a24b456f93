/* SPDX-License-Identifier: ISC */
/* scsi.h - virtio SCSI host with a CD drive (virtio 1.2, section 5.6) */

#ifndef VIOD_SCSI_H
#define VIOD_SCSI_H

#include "lib/err.h"
#include "lib/own.h"
#include "viod/serve.h"

/*
 * Make a device whose drive has the file or block device 'fd' in it, which
 * stays the caller's; a last part of less than a block is not there.
 * Refused: anything else, a file of no block, one that somebody writes to.
 * The caller destroys it after viod_hangup().
 */
int	scsi_new(struct viod **, struct event_loop *, int fd, struct err *);
void	scsi_destroy(struct viod *);
OWN_DEFINE(struct viod, scsi_destroy);

#endif
