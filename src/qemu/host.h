/* SPDX-License-Identifier: ISC */
/* host.h - what QEMU is called with differs by the host it runs on */

#ifndef QEMU_HOST_H
#define QEMU_HOST_H

#include <stdbool.h>

struct qemu_host {
	const char	*accel;		/* -accel of the host's own */
	bool		 irqchip;	/* it has interrupt controllers, too */
	const char	*memory;	/* -object of memory to share */
	const char	*sandbox;	/* -sandbox; NULL: QEMU has none here */
};

extern const struct qemu_host qemu_host;

#endif
