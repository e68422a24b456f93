/* SPDX-License-Identifier: ISC */
/*
 * host_darwin.c - what QEMU is called with on macOS; see host.h
 *
 * From QEMU 9.1 on, which has vhost-user and shared memory there.  Its own
 * use of Hypervisor.framework is probed by asking the kernel whether it has
 * that: guests are never interpreted there.
 */

#include <sys/sysctl.h>

#include <errno.h>
#include <stddef.h>

#include "accel/probe.h"
#include "qemu/host.h"

const struct qemu_host qemu_host = {
	.accel		= "hvf",
	.irqchip	= false,
	.memory		= "memory-backend-shm",
	.sandbox	= NULL,
};

int
accel_probe(unsigned *slowdown, struct err *e)
{
	int support = 0;
	size_t n = sizeof(support);

	if (sysctlbyname("kern.hv_support", &support, &n, NULL, 0) == -1 ||
	    support == 0)
		return err_set(e, ENOTSUP, "Hypervisor.framework: this "
		    "processor or virtual machine does not have it");
	*slowdown = 1;
	return 0;
}

const char *
accel_probe_hint(void)
{
	return NULL;
}
