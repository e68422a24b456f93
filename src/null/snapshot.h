/* SPDX-License-Identifier: ISC */
/*
 * snapshot.h - snapshots of a VM that does not run
 *
 * A directory as vmm makes it, but for the memory: config.json,
 * state.json, and a working-set that says nothing.
 */

#ifndef NULL_SNAPSHOT_H
#define NULL_SNAPSHOT_H

#include <stdint.h>

#include "lib/err.h"

struct vm_config;

/*
 * Make the directory 'path', from dirfd on, whole or not at all.  One that
 * is there already is an error (EEXIST).
 */
int	snapshot_write(int dirfd, const char *path, const struct vm_config *,
	    uint64_t reboots, struct err *);

/*
 * The same into the pipe 'path', as chapi/migration.h says, behind
 * SNAPSHOT_SEND_PAGES pages of memory that mean nothing.  Waits for the
 * reader.
 */
#define SNAPSHOT_SEND_PAGES	6

int	snapshot_send(int dirfd, const char *path, const struct vm_config *,
	    uint64_t reboots, struct err *);

/* Read state.json of the snapshot dirfd. */
int	snapshot_read(uint64_t *reboots, int dirfd, struct err *);

/* Its working-set; 'path' is a directory's.  Refused: there is none. */
int	snapshot_write_set(int dirfd, const char *path, struct err *);
int	snapshot_read_set(int dirfd, struct err *);

#endif
