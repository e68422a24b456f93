/* SPDX-License-Identifier: ISC */
/*
 * vmm_ask.h - what a call's body asks of a VM
 *
 * For vmm.c: bodies of calls become a struct vmm_ask.  A body that is wrong
 * is refused, ENOENT when what it names is not there.
 *
 * Source: cloud-hypervisor.yaml: VmResize, DiskConfig, NetConfig, FsConfig,
 * VsockConfig, VmRemoveDevice, VmCoredumpData, VmSnapshotConfig,
 * RestoreConfig.
 */

#ifndef CHAPI_VMM_ASK_H
#define CHAPI_VMM_ASK_H

#include "chapi/vm_config.h"
#include "chapi/vmm.h"

struct ask {
	struct vmm_ask		 ask;
	struct vm_config	 next;		/* ask.next, or NULL */
	int			 dir;		/* owned, or -1 */
	json_t			*body;		/* ask's strings are its */
};

/* What is known when a call comes. */
struct ask_from {
	const struct vm_config	*config;	/* NULL: none is created */
	const struct vmm_backend *backend;
	int			 dirfd;		/* the VM's directory */
	int			 restore;	/* of -R, or -1 */
	const char		*list;		/* ADD: where, "disks" */
};

/*
 * Fill *ret, which ask_init() set up and ask_fini() ends in any case, from
 * the body, which is shared by reference.
 */
typedef int ask_fn(struct ask *ret, const struct ask_from *, json_t *body,
	    struct err *);

ask_fn	ask_resize, ask_add, ask_remove, ask_console_size, ask_coredump,
	ask_snapshot, ask_restore;

void	ask_init(struct ask *);
void	ask_fini(struct ask *);

/* The config of the snapshot whose directory is dirfd. */
int	ask_snapshot_config(struct vm_config *ret, int dirfd,
	    const struct vmm_backend *, struct err *);

/* Parse a config, and let the back-end look at it. */
int	ask_config(struct vm_config *ret, const struct vmm_backend *,
	    json_t *, struct err *);

#endif
