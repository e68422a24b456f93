/* SPDX-License-Identifier: ISC */
/* database.c - what must outlive the daemon, in SQLite; see database.h */

#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/database.h"
#include "lib/json.h"

struct db {
	sqlite3		*sql;
	sqlite3_stmt	*put, *del, *each;
	char		*path;
	bool		 dirty;		/* a transaction is open */
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE objects (kind TEXT NOT NULL, id TEXT NOT NULL,"
    "    record TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;"
    "PRAGMA application_id = 1986880610;"	/* DB_APPLICATION */
    "PRAGMA user_version = 1;"			/* DB_VERSION */
    "COMMIT";

static int
sql_err(const struct db *db, struct err *e)
{
	int code = sqlite3_errcode(db->sql);

	return err_set(e, code == SQLITE_FULL ? ENOSPC : EIO,
	    "database %s: %s", db->path, sqlite3_errmsg(db->sql));
}

static int
exec(const struct db *db, const char *sql, struct err *e)
{
	if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_err(db, e);
	return 0;
}

static int
prepare(const struct db *db, sqlite3_stmt **ret, const char *sql,
    struct err *e)
{
	if (sqlite3_prepare_v2(db->sql, sql, -1, ret, NULL) != SQLITE_OK)
		return sql_err(db, e);
	return 0;
}

/* The one number a PRAGMA answers with. */
static int
pragma(const struct db *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int found;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	found = sqlite3_step(st) == SQLITE_ROW;
	if (found)
		*ret = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return found ? 0 : -1;
}

static int
damaged(const struct db *db, struct err *e)
{
	return err_set(e, EIO, "database %s is damaged: restore it from a "
	    "copy, or move it away to start without any VM (their "
	    "directories are kept)", db->path);
}

static int
check_sound(const struct db *db, struct err *e)
{
	sqlite3_stmt *st = NULL;
	bool sound;
	int code;

	code = sqlite3_prepare_v2(db->sql, "PRAGMA quick_check(1)", -1, &st,
	    NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	sound = code == SQLITE_ROW &&
	    strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
	(void)sqlite3_finalize(st);
	if (sound)
		return 0;
	if (code == SQLITE_ROW || code == SQLITE_CORRUPT ||
	    code == SQLITE_NOTADB)
		return damaged(db, e);
	return sql_err(db, e);
}

/* Ours, sound and of our version; or new and empty. */
static int
check(const struct db *db, struct err *e)
{
	int64_t application = 0, version = 0, tables = 0;

	if (check_sound(db, e) == -1)
		return -1;
	if (pragma(db, "PRAGMA application_id", &application) == -1 ||
	    pragma(db, "PRAGMA user_version", &version) == -1 ||
	    pragma(db, "SELECT count(*) FROM sqlite_schema", &tables) == -1)
		return sql_err(db, e);
	if (tables == 0)
		return exec(db, schema, e);
	if (application != DB_APPLICATION)
		return err_set(e, EINVAL, "database %s is not vmd's: move it "
		    "away", db->path);
	if (version != DB_VERSION)
		return err_set(e, EINVAL, "database %s has version %lld and "
		    "this vmd knows %d: start the vmd that wrote it",
		    db->path, (long long)version, DB_VERSION);
	return 0;
}

int
db_open(struct db **ret, const char *path, struct err *e)
{
	OWN(db_close) struct db *db = calloc(1, sizeof(*db));

	if (db == NULL || (db->path = strdup(path)) == NULL)
		return err_sys(e, "database");
	if (sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return err_set(e, EIO, "cannot open database %s: %s", path,
		    db->sql == NULL ? "out of memory" :
		    sqlite3_errmsg(db->sql));
	(void)sqlite3_busy_timeout(db->sql, 2000);
	(void)sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, 2 * DB_RECORD_MAX);
	/* One process, so no shared index; records need little cache. */
	if (check(db, e) == -1 ||
	    exec(db, "PRAGMA locking_mode = EXCLUSIVE", e) == -1 ||
	    exec(db, "PRAGMA cache_size = -1024", e) == -1 ||
	    exec(db, "PRAGMA journal_mode = WAL", e) == -1 ||
	    exec(db, "PRAGMA synchronous = FULL", e) == -1)
		return -1;
	if (prepare(db, &db->put, "INSERT OR REPLACE INTO objects "
	    "VALUES (?1, ?2, ?3)", e) == -1 ||
	    prepare(db, &db->del, "DELETE FROM objects "
	    "WHERE kind = ?1 AND id = ?2", e) == -1 ||
	    prepare(db, &db->each, "SELECT id, record FROM objects "
	    "WHERE kind = ?1 ORDER BY id", e) == -1)
		return -1;
	*ret = take(&db);
	return 0;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	(void)sqlite3_finalize(db->put);
	(void)sqlite3_finalize(db->del);
	(void)sqlite3_finalize(db->each);
	(void)sqlite3_close(db->sql);
	free(db->path);
	free(db);
}

static int
begin(struct db *db, struct err *e)
{
	if (db->dirty)
		return 0;
	if (exec(db, "BEGIN IMMEDIATE", e) == -1)
		return -1;
	db->dirty = true;
	return 0;
}

/* Bind up to three texts and run a statement that answers nothing. */
static int
run(struct db *db, sqlite3_stmt *st, const char *const texts[3],
    struct err *e)
{
	int ret = 0;

	if (begin(db, e) == -1)
		return -1;
	for (int i = 0; i < 3 && texts[i] != NULL; i++)
		if (sqlite3_bind_text(st, i + 1, texts[i], -1,
		    SQLITE_STATIC) != SQLITE_OK)
			ret = sql_err(db, e);
	if (ret == 0 && sqlite3_step(st) != SQLITE_DONE)
		ret = sql_err(db, e);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return ret;
}

int
db_put(struct db *db, const char *kind, const char *id, const json_t *record,
    struct err *e)
{
	own_mem char *text = json_print(record);

	if (text == NULL)
		return err_set(e, ENOMEM, "database: out of memory");
	if (strlen(text) > DB_RECORD_MAX)
		return err_set(e, EFBIG, "database: the record of %s %s is "
		    "larger than %d bytes", kind, id, DB_RECORD_MAX);
	return run(db, db->put, (const char *[]){ kind, id, text }, e);
}

int
db_delete(struct db *db, const char *kind, const char *id, struct err *e)
{
	return run(db, db->del, (const char *[]){ kind, id, NULL }, e);
}

static int
row(const struct db *db, const char *kind, int (*fn)(void *, const char *,
    const json_t *, struct err *), void *arg, struct err *e)
{
	own_json json_t *record = NULL;
	const char *id, *text;

	id = (const char *)sqlite3_column_text(db->each, 0);
	text = (const char *)sqlite3_column_text(db->each, 1);
	if (id == NULL || text == NULL)
		return sql_err(db, e);
	if (json_parse(&record, text, strlen(text), e) == -1)
		return err_prefix(e, "database %s: %s %s", db->path, kind, id);
	return fn(arg, id, record, e);
}

int
db_each(struct db *db, const char *kind, int (*fn)(void *, const char *,
    const json_t *, struct err *), void *arg, struct err *e)
{
	int code, ret = 0;

	if (sqlite3_bind_text(db->each, 1, kind, -1, SQLITE_STATIC) !=
	    SQLITE_OK)
		return sql_err(db, e);
	while ((code = sqlite3_step(db->each)) == SQLITE_ROW && ret == 0)
		ret = row(db, kind, fn, arg, e);
	if (ret == 0 && code != SQLITE_DONE)
		ret = sql_err(db, e);
	(void)sqlite3_reset(db->each);
	return ret;
}

int
db_commit(struct db *db, struct err *e)
{
	if (!db->dirty)
		return 0;
	db->dirty = false;
	if (exec(db, "COMMIT", e) == 0)
		return 0;
	if (sqlite3_get_autocommit(db->sql) == 0)
		(void)exec(db, "ROLLBACK", NULL);
	return -1;
}

int
db_put_now(struct db *db, const char *kind, const char *id,
    const json_t *record, bool durable, struct err *e)
{
	int ret;

	/* The level can only be changed outside of a transaction. */
	if (durable || db->dirty) {
		ret = db_put(db, kind, id, record, e);
		return ret == 0 ? db_commit(db, e) : -1;
	}
	if (exec(db, "PRAGMA synchronous = NORMAL", e) == -1)
		return -1;
	ret = db_put(db, kind, id, record, e);
	if (ret == 0)
		ret = db_commit(db, e);
	if (exec(db, "PRAGMA synchronous = FULL", ret == 0 ? e : NULL) == -1)
		return -1;
	return ret;
}

bool
db_dirty(const struct db *db)
{
	return db->dirty;
}
