/* SPDX-License-Identifier: ISC */
/*
 * hand.h - a virtual machine from a command line
 *
 * For vmm by hand: what vmm(8) calls "By hand" becomes a VmConfig and what
 * its devices are made of.
 */

#ifndef VMM_HAND_H
#define VMM_HAND_H

#include <stdbool.h>

#include "chapi/vm_config.h"
#include "disk/image.h"
#include "lib/err.h"

#define HAND_PORTS_MAX	32	/* of all network cards */

struct hand_net {
	const char	*mode;		/* "user" */
	const char	*mac;
	const char	*hostname;
	const char	*boot;		/* a file, or NULL */
	uint64_t	 queues;	/* pairs */
	const char	*ports[HAND_PORTS_MAX];
	unsigned	 nports;
};

/*
 * Strings are the command line's.  Sockets of disks, network cards and the
 * vsock device are NULL in the config: byhand.c makes them, from the files
 * and words kept here.
 */
struct hand {
	struct vm_config config;
	const char	*disks[VM_DISKS_MAX];	/* files */
	enum image_format formats[VM_DISKS_MAX]; /* of these */
	struct hand_net	 nets[VM_NETS_MAX];
	bool		 vsock;
	const char	*api;		/* path of a socket, or NULL */
	const char	*restore;	/* a snapshot, or NULL */
	bool		 prefetch;	/* its working set */
	const char	*name;		/* for the log */
	int		 verbose;
	bool		 has_serial, has_console;	/* were given */
};

/*
 * Read the whole command line.  The config has neither kernel nor firmware
 * when there is no VM to start, but an API to serve.  -1: the err says what
 * is wrong.
 */
int	hand_parse(struct hand *ret, int argc, char *argv[], struct err *);

#endif
