/* SPDX-License-Identifier: ISC */
/* check.h - what of a VmConfig QEMU is not started with */

#ifndef QEMU_CHECK_H
#define QEMU_CHECK_H

#include "lib/err.h"

struct vm_config;

/* Refuse a config that asks for it: "balloon: not supported by qemu". */
int	qemu_check(const struct vm_config *, struct err *);

#endif
