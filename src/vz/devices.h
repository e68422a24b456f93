/* SPDX-License-Identifier: ISC */
/*
 * devices.h - the devices of a VmConfig as the framework's configurations
 *
 * Each function makes one list for the configuration, autoreleased, with
 * everything that c names in its order.  On the queue, within a pool.
 */

#ifndef VZ_DEVICES_H
#define VZ_DEVICES_H

#include "lib/err.h"
#include "os/darwin/objc.h"

struct vm_config;

/* Bytes of a socket of frames: what one side may be ahead of the other. */
#define NET_SEND_BYTES		(256 << 10)
#define NET_RECEIVE_BYTES	(4 * NET_SEND_BYTES)

int	devices_disks(struct objc **ret, const struct vm_config *,
	    struct err *);
/* Descriptors of c are borrowed for as long as the machine lives. */
int	devices_nets(struct objc **ret, const struct vm_config *,
	    struct err *);
int	devices_shares(struct objc **ret, const struct vm_config *,
	    struct err *);

#endif
