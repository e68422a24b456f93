/* SPDX-License-Identifier: ISC */
/*
 * snapshot_dir.h - the directory of a snapshot, as every VMM makes it
 *
 * It has the config (config.json) and the state (state.json, with the name
 * and version of its format) as Cloud Hypervisor's has, and what else a VMM
 * keeps.  It is filled under a temporary name: after any crash the snapshot is
 * whole or not there.
 */

#ifndef CHAPI_SNAPSHOT_DIR_H
#define CHAPI_SNAPSHOT_DIR_H

#include <jansson.h>
#include <stddef.h>

#include "lib/err.h"

struct snapshot_format {
	const char	*name;
	int		 version;
	size_t		 max;		/* bytes of state.json */
};

/* -1 when the name is taken. */
int	snapshot_dir_free(int dirfd, const char *path, struct err *);

/*
 * A new directory, which is the caller's to close.  What may be there under
 * this name is discarded first: snapshot_dir_discard().
 */
int	snapshot_dir_make(int dirfd, const char *tmp, struct err *);

/* 'v' as the file 'name' of it, durable; v NULL: there was no memory for it. */
int	snapshot_dir_write(int dir, const char *name, const json_t *v,
	    struct err *);

/* It becomes 'path', for good: name and all. */
int	snapshot_dir_publish(int dirfd, const char *tmp, const char *path,
	    struct err *);

/*
 * What was left by a process that was killed, or failed, goes: config, state
 * and the n files 'more'.
 */
void	snapshot_dir_discard(int dirfd, const char *tmp,
	    const char *const *more, size_t n);

/*
 * state.json of the snapshot 'dirfd': *ret is the caller's.  ENOTSUP for
 * another format or version.
 */
int	snapshot_dir_state(json_t **ret, int dirfd,
	    const struct snapshot_format *, struct err *);

#endif
