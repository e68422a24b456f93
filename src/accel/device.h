/* SPDX-License-Identifier: ISC */
/*
 * device.h - the device file behind the hypervisor: /dev/kvm
 *
 * Who starts a VMM as another user, or in a sandbox without that file, opens
 * it and hands the descriptor over; who does not lets it be opened by name.
 */

#ifndef ACCEL_DEVICE_H
#define ACCEL_DEVICE_H

#include "lib/err.h"

/* From now on use this descriptor, which stays the caller's and open. */
void	accel_device_give(int fd);

/*
 * Open it now, unless one was given, and use that from now on: for who soon
 * may open nothing by name.  Fails as accel_device_open().
 */
int	accel_device_keep(struct err *);

/*
 * A descriptor of the device, the caller's own.  -1 with the reason, which
 * does not name the device and says what to do about a refusal.
 */
int	accel_device_open(struct err *);

#endif
