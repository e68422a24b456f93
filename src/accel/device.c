/* SPDX-License-Identifier: ISC */
/* device.c - the device file behind the hypervisor; see device.h */

#include <errno.h>
#include <fcntl.h>

#include "accel/device.h"

#define DEVICE	"/dev/kvm"

static int	given = -1;

void
accel_device_give(int fd)
{
	given = fd;
}

int
accel_device_keep(struct err *e)
{
	if (given == -1)
		given = accel_device_open(e);
	return given == -1 ? -1 : 0;
}

int
accel_device_open(struct err *e)
{
	int fd;

	if (given != -1)
		fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (fd != -1)
		return fd;
	if (errno == EACCES)
		return err_api(e, EACCES, "permission_denied",
		    "permission denied: join the group that owns it (kvm on "
		    "most systems) and log in again");
	if (errno == ENOENT)
		return err_set(e, ENOENT, "not there: this host has no "
		    "hardware virtualization, or its kernel does not offer it");
	return err_sys(e, "open");
}
