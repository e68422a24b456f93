/* SPDX-License-Identifier: ISC */
/* check.h - what of a VmConfig Virtualization.framework has not */

#ifndef VZ_CHECK_H
#define VZ_CHECK_H

#include "lib/err.h"

#define VZ_CID	3	/* every guest's: they are not told apart by it */

struct vm_config;

/* Refuse a config that asks for it: "gdb: not supported by vz". */
int	vz_check(const struct vm_config *, struct err *);

#endif
