/* SPDX-License-Identifier: ISC */
/*
 * database.h - what must outlive the daemon, in SQLite
 *
 * One table of objects: a kind ("vm", "image", "volume"), an id and a JSON
 * record.  What the objects mean is their modules' matter.  Changes collect
 * in a transaction that db_commit() makes durable (WAL, synchronous=FULL);
 * nothing is acknowledged before.
 */

#ifndef CONTROL_DATABASE_H
#define CONTROL_DATABASE_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/own.h"

#define DB_VERSION	1		/* schema; in user_version */
#define DB_APPLICATION	0x766d6462	/* "vmdb", in application_id */
#define DB_RECORD_MAX	(1 << 20)	/* bytes of a record */

struct db;

/*
 * Open or make the file.  What is not our database, is damaged or comes
 * from a newer version is refused; the err says what to do.
 */
int	db_open(struct db **, const char *path, struct err *);
void	db_close(struct db *);		/* without a commit */
OWN_DEFINE(struct db, db_close);

/* Insert or replace; the record is borrowed. */
int	db_put(struct db *, const char *kind, const char *id, const json_t *,
	    struct err *);
/* Removing what is not there is no error. */
int	db_delete(struct db *, const char *kind, const char *id,
	    struct err *);
/* Call fn for each object of a kind; stops at -1 and returns it. */
int	db_each(struct db *, const char *kind, int (*fn)(void *,
	    const char *id, const json_t *, struct err *), void *,
	    struct err *);

/* Nothing to commit is success.  After -1 the changes are gone. */
int	db_commit(struct db *, struct err *);
/*
 * db_put() and a commit at once, with all that is open.  durable false: it
 * survives our death, but perhaps not the host's.
 */
int	db_put_now(struct db *, const char *kind, const char *id,
	    const json_t *, bool durable, struct err *);
bool	db_dirty(const struct db *);

#endif
