/* SPDX-License-Identifier: ISC */
/*
 * hvf_host.c - Hypervisor.framework as the hypervisor of the host
 *
 * What probe.c and device.c are where that is KVM.  There is no device file,
 * and guests are never interpreted.
 */

#include <errno.h>

#include "accel/accel.h"
#include "accel/device.h"
#include "accel/probe.h"

const struct accel *const accel_host = &accel_hvf;

int
accel_probe(unsigned *slowdown, struct err *e)
{
	(void)e;
	*slowdown = 1;
	return 0;
}

const char *
accel_probe_hint(void)
{
	return NULL;
}

void
accel_device_give(int fd)
{
	(void)fd;
}

int
accel_device_keep(struct err *e)
{
	(void)e;
	return 0;
}

int
accel_device_open(struct err *e)
{
	return err_set(e, ENOENT, "the hypervisor of this host has none");
}
