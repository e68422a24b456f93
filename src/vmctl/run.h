/* SPDX-License-Identifier: ISC */
/* run.h - what the options of run ask for, as a CreateInstanceRequest */

#ifndef VMCTL_RUN_H
#define VMCTL_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "vmctl/opt.h"

#define RUN_NAME_MAX	63	/* letters of a VM's name */

struct run_opts {
	bool		 detach, interactive, quiet, remove, tty, wait;
	uint64_t	 cpus, stop_timeout_ms;
	struct opt_list	 env, env_files, labels, ports, volumes;
	const char	*bandwidth_down, *bandwidth_up, *disk_io, *entrypoint,
			*hostname, *hypervisor, *memory, *name, *network,
			*overlay_size, *platform, *pull, *restart,
			*stop_signal, *user, *workdir;
};

/* The body of POST /instances for argv: image and command. */
int	run_request(json_t **ret, const struct run_opts *, int argc,
	    char **argv, struct err *);

/*
 * A name for a VM of this image: the last part of the image's name without
 * tag and digest, what is not allowed left out, and four random letters.
 * ret has RUN_NAME_MAX + 1 bytes.
 */
void	run_name(char *ret, const char *image);

#endif
