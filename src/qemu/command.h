/* SPDX-License-Identifier: ISC */
/*
 * command.h - QEMU's command line for a VmConfig
 *
 * The smallest machine that does it: microvm on x86-64, virt on arm64; all
 * devices virtio over MMIO; disks, nets and vsock in viod processes.
 */

#ifndef QEMU_COMMAND_H
#define QEMU_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "chapi/vm_config.h"
#include "lib/err.h"

#define COMMAND_ARGS_MAX	192

/* What the command line depends on beside the VmConfig. */
struct command_host {
	bool		kvm;		/* the host's own, else TCG */
	uint64_t	tsc_khz;	/* of the TSC a TCG guest sees */
	int		qmp_fd;		/* connected sockets in QEMU */
	int		console_fd;
};

struct command {
	char	*argv[COMMAND_ARGS_MAX + 1];	/* NULL at the end */
	size_t	 argc;
	/* private */
	bool	 failed;
	unsigned ndevices;			/* whose order matters */
	char	 bus[40];			/* of the last of them */
	unsigned nboots;			/* that can be booted */
	char	 boot[24];			/* of the last of them */
};

/* Fill *ret; command_fini() ends it. */
int	command_make(struct command *ret, const struct vm_config *,
	    const struct command_host *, struct err *);
void	command_fini(struct command *);

#endif
