/* SPDX-License-Identifier: ISC */
/* host_linux.c - what QEMU is called with on Linux; see host.h */

#include "qemu/host.h"

const struct qemu_host qemu_host = {
	.accel		= "kvm",
	.irqchip	= true,
	.memory		= "memory-backend-memfd",
	.sandbox	= "on,obsolete=deny,elevateprivileges=deny,"
	    "spawn=deny,resourcecontrol=deny",
};
