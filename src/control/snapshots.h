/* SPDX-License-Identifier: ISC */
/*
 * snapshots.h - instances as they were: the records, and their files
 *
 * STATE/snapshots/ID holds overlay.img and, of a VM that ran, memory/ as its
 * VMM wrote it.  Files of memory/ never change: an instance that was made
 * from them has hard links to the same files, so that all share one copy in
 * the page cache and on disk, and deleting a snapshot takes nothing away
 * from anybody (docs/ARCHITECTURE.md, "Snapshots").
 */

#ifndef CONTROL_SNAPSHOTS_H
#define CONTROL_SNAPSHOTS_H

#include <sys/queue.h>
#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/spec.h"
#include "control/vm.h"
#include "lib/err.h"
#include "lib/own.h"

#define SNAPSHOTS_MAX		4096	/* of all instances */
#define SNAPSHOT_FILES_MAX	16	/* in memory/ */
#define SNAPSHOT_MEMORY		"memory"	/* that directory */

struct control;

enum snapshot_kind {
	SNAPSHOT_STANDBY,	/* memory and disk: goes on where it was */
	SNAPSHOT_STOPPED,	/* disk only */
};

struct snapshot {
	TAILQ_ENTRY(snapshot)	 entry;
	struct control		*control;
	char			 id[VM_ID_LEN + 1];
	char			*name;		/* unique per source; NULL */
	enum snapshot_kind	 kind;
	json_t			*tags;		/* object or NULL */
	char			 source_id[VM_ID_LEN + 1];
	char			 source_name[SPEC_NAME_MAX + 1];
	uid_t			 owner;
	const struct hypervisor	*hypervisor;
	struct spec		 spec;		/* of the source then */
	char			*digest;	/* of its image */
	json_t			*image;		/* as struct vm's */
	uint8_t			 mac[6];	/* that its memory knows */
	int64_t			 created_ms;
	uint64_t		 bytes;		/* on disk */
	bool			 made;		/* it is in the table */
	unsigned		 users;		/* operations that read it */
};
TAILQ_HEAD(snapshot_list, snapshot);

/* Read the records; what no record names, or has no files, goes. */
int	snapshots_load(struct control *, struct err *);

/* Of an instance, in no table; its directory is not made yet. */
struct snapshot *snapshots_new(const struct vm *, enum snapshot_kind,
	    struct err *);
/* In no table: its files go, too. */
void	snapshots_destroy(struct snapshot *);
OWN_DEFINE(struct snapshot, snapshots_destroy);

/* Its directory: made empty, or opened. */
int	snapshots_make(const struct snapshot *, struct err *);
int	snapshots_open(const struct snapshot *, struct err *);

/* Record it.  Refused: name_conflict, insufficient_resources. */
int	snapshots_add(struct snapshot *, struct err *);
int	snapshots_check_name(const struct control *, const char *source,
	    const char *name, struct err *);

/* Forget it and remove its files.  Refused while it is read: conflict. */
int	snapshots_remove(struct snapshot *, struct err *);

/* By id; NULL: there is none. */
struct snapshot *snapshots_by_id(const struct control *, const char *id);

/* By id, among those the caller sees.  Refused: not_found. */
struct snapshot *snapshots_find(const struct control *,
	    const struct caller *, const char *id, struct err *);

/*
 * The record, as the database has it, and one that was sent here: in no
 * table, with an id of its own, no name and this owner.  Refused: what no
 * instance can be.
 */
json_t	*snapshots_record(const struct snapshot *);
struct snapshot *snapshots_sent(struct control *, const json_t *record,
	    uid_t owner, struct err *);

/* The Snapshot of the API. */
json_t	*snapshots_json(const struct snapshot *);

/* "Standby" or "Stopped"; refused: invalid_request. */
int	snapshots_kind_parse(enum snapshot_kind *, const char *, struct err *);

/* Bytes of all. */
uint64_t snapshots_bytes(const struct control *);

#endif
