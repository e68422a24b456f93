/* SPDX-License-Identifier: ISC */
/*
 * snapshot.h - a VM in a directory
 *
 *	config.json	VmConfig
 *	state.json	{format, version, machine: what machine_save() gave}
 *	memory		guest memory, a sparse file
 *	working-set	which pages a VM uses at first; when it was recorded
 *
 * Written under another name, synced and renamed: the directory is there as
 * a whole or not at all.  To restore, memory is mapped privately and read
 * when the guest touches it, so the file must stay as it is.
 */

#ifndef VMM_SNAPSHOT_H
#define VMM_SNAPSHOT_H

#include <jansson.h>

#include "lib/err.h"

#define SNAPSHOT_STATE_MAX	(64U << 20)	/* bytes of state.json */

struct memory;

/* What a snapshot is made of; all is the caller's. */
struct snapshot_parts {
	const json_t		*config;
	const json_t		*machine;	/* the state of a paused one */
	const struct memory	*memory;	/* which nobody changes now */
};

/*
 * Make the directory 'path', below dirfd (or AT_FDCWD) or absolute.  Refused
 * (EEXIST): something of that name is there.  What a process that was killed
 * has left of the same name is removed.
 */
int	snapshot_save(const struct snapshot_parts *, int dirfd,
	    const char *path, struct err *);

/* state.json for what machine_save() gave; the caller's.  NULL: no memory. */
json_t	*snapshot_state(const json_t *machine);

/* One that is open. */
struct snapshot {
	json_t	*machine;	/* for machine_load() */
	int	 memory;	/* for memory_new(): machine_setup.memory */
};

/*
 * Open the snapshot whose directory is dirfd.  Refused: another format or
 * version, files that are missing or are none.  close once the machine is
 * made: it keeps its mapping.
 */
int	snapshot_open(struct snapshot *ret, int dirfd, struct err *);
void	snapshot_close(struct snapshot *);

#endif
