/* SPDX-License-Identifier: ISC */
/* kvm_none.c - accel_kvm of processors it was not written for */

#include <errno.h>

#include "accel/accel.h"

static int
none_check(struct err *e)
{
	return err_set(e, ENOTSUP, "our VMM knows KVM only on x86-64");
}

/* The other calls need a VM, and vm_new() makes none. */
static int
none_vm_new(struct accel_vm **ret, const struct accel_setup *s, struct err *e)
{
	(void)ret;
	(void)s;
	return none_check(e);
}

const struct accel accel_kvm = {
	.name	= "kvm",
	.check	= none_check,
	.vm_new	= none_vm_new,
};
