/* SPDX-License-Identifier: ISC */
/*
 * snapshot.h - the directory of a snapshot of the framework's
 *
 *	config.json	the VmConfig
 *	state.json	{"format":"vmm-vz","version":1}
 *	vz-machine	the machine's identifier
 *	memory		what the framework saved; only this host's, and its
 *			user's, framework reads it
 *
 * The framework writes the last one itself, while the others wait under a
 * temporary name: the directory is there whole or not at all.
 */

#ifndef VZ_SNAPSHOT_H
#define VZ_SNAPSHOT_H

#include <limits.h>

#include "lib/err.h"

struct vm_config;

struct snapshot {
	int	 dirfd;			/* borrowed */
	char	 path[PATH_MAX];	/* what it will be called */
	char	 tmp[PATH_MAX];		/* what it is called now */
	char	 memory[PATH_MAX];	/* to be written; not there yet */
};

/*
 * Make what is below 'path' but the memory.  One that is there already is
 * an error (EEXIST).  vm: the VM's directory.
 */
int	snapshot_begin(struct snapshot *, int dirfd, const char *path,
	    int vm, const struct vm_config *, struct err *);

/* The memory is written: make all of it durable, under its name. */
int	snapshot_end(struct snapshot *, struct err *);

/* Remove what was begun. */
void	snapshot_discard(struct snapshot *);

/*
 * Was the snapshot dirfd made by vmm-vz?  Then take its identifier for the
 * VM's, and say where its memory is, an absolute path.
 */
int	snapshot_open(char memory[PATH_MAX], int dirfd, int vm,
	    struct err *);

#endif
