/* SPDX-License-Identifier: ISC */
/*
 * config.h - a VmConfig as a VZVirtualMachineConfiguration
 *
 * On the queue, within a pool.
 */

#ifndef VZ_CONFIG_H
#define VZ_CONFIG_H

#include "lib/err.h"
#include "os/darwin/objc.h"

#define VZ_ENTITLEMENT	"com.apple.security.virtualization"

struct vm_config;

/* What is beside the VmConfig; descriptors are borrowed while it is used. */
struct config_setup {
	const struct vm_config	*config;	/* vz_check() has passed it */
	int			 dirfd;		/* the VM's directory */
	int			 console;	/* the guest's end, or -1 */
};

/* Make and validate it; *ret is the caller's, by objc_release(). */
int	config_make(struct objc **ret, const struct config_setup *,
	    struct err *);

/* Can a machine of it be saved?  -1 says why not. */
int	config_can_save(struct objc *config, struct err *);

#endif
