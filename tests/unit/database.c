/* SPDX-License-Identifier: ISC */
/* database.c - objects survive, damage is refused */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "control/database.h"
#include "lib/json.h"

static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-database.XXXXXX");
	return mkdtemp(dir) == NULL || chdir(dir) == -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink("db");
	(void)unlink("db-wal");
	(void)unlink("db-shm");
	return chdir("/") == -1 || rmdir(dir) == -1;
}

struct seen {
	unsigned n;
	char	 ids[128];
};

static int
see(void *arg, const char *id, const json_t *record, struct err *e)
{
	struct seen *s = arg;

	(void)e;
	s->n++;
	(void)snprintf(s->ids + strlen(s->ids),
	    sizeof(s->ids) - strlen(s->ids), "%s=%d ", id,
	    (int)json_integer_value(json_object_get(record, "v")));
	return 0;
}

static void
put(struct db *db, const char *id, int v)
{
	json_t *o = json_pack("{s:i}", "v", v);

	assert_int_equal(db_put(db, "vm", id, o, NULL), 0);
	json_decref(o);
}

static void
committed_survives(void **state)
{
	struct seen s = { 0 };
	struct db *db;
	struct err e;

	(void)state;
	assert_int_equal(db_open(&db, "db", &e), 0);
	assert_false(db_dirty(db));
	put(db, "a", 1);
	put(db, "b", 2);
	put(db, "a", 3);
	assert_true(db_dirty(db));
	assert_int_equal(db_commit(db, &e), 0);
	put(db, "lost", 4);
	assert_int_equal(db_delete(db, "vm", "b", &e), 0);
	db_close(db);

	assert_int_equal(db_open(&db, "db", &e), 0);
	assert_int_equal(db_each(db, "vm", see, &s, &e), 0);
	assert_string_equal(s.ids, "a=3 b=2 ");
	assert_int_equal(db_delete(db, "vm", "b", &e), 0);
	assert_int_equal(db_delete(db, "vm", "never", &e), 0);
	assert_int_equal(db_commit(db, &e), 0);
	memset(&s, 0, sizeof(s));
	assert_int_equal(db_each(db, "image", see, &s, &e), 0);
	assert_int_equal(s.n, 0);
	db_close(db);
}

static void
write_at(const char *text, size_t len, off_t at)
{
	int fd = open("db", O_WRONLY | O_CREAT, 0600);

	assert_int_equal(pwrite(fd, text, len, at), (ssize_t)len);
	(void)close(fd);
}

static void
strangers_are_refused(void **state)
{
	struct db *db = NULL;
	struct err e;
	char junk[4096];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	write_at(junk, sizeof(junk), 0);
	assert_int_equal(db_open(&db, "db", &e), -1);
	assert_null(db);
	assert_non_null(strstr(e.text, "damaged"));
	assert_non_null(strstr(e.text, "move it away"));
}

static void
damage_is_refused(void **state)
{
	struct db *db = NULL;
	struct err e;
	char junk[512];

	(void)state;
	assert_int_equal(db_open(&db, "db", &e), 0);
	for (int i = 0; i < 200; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "id%d", i);
		put(db, id, i);
	}
	assert_int_equal(db_commit(db, &e), 0);
	db_close(db);
	memset(junk, 0xa5, sizeof(junk));
	write_at(junk, sizeof(junk), 4096);
	db = NULL;
	assert_int_equal(db_open(&db, "db", &e), -1);
	assert_non_null(strstr(e.text, "damaged"));
}

static void
newer_is_refused(void **state)
{
	static const char version[] = { 0, 0, 0, 99 };
	struct db *db = NULL;
	struct err e;

	(void)state;
	assert_int_equal(db_open(&db, "db", &e), 0);
	db_close(db);
	/* The file's header, 60: user_version, big endian. */
	write_at(version, sizeof(version), 60);
	assert_int_equal(db_open(&db, "db", &e), -1);
	assert_non_null(strstr(e.text, "version 99"));
}

static void
records_have_a_limit(void **state)
{
	struct db *db;
	struct err e;
	char *big = malloc(DB_RECORD_MAX + 1);
	json_t *o;

	(void)state;
	memset(big, 'x', DB_RECORD_MAX);
	big[DB_RECORD_MAX] = '\0';
	o = json_pack("{s:s}", "v", big);
	assert_int_equal(db_open(&db, "db", &e), 0);
	assert_int_equal(db_put(db, "vm", "a", o, &e), -1);
	assert_int_equal(e.num, EFBIG);
	json_decref(o);
	free(big);
	db_close(db);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(committed_survives),
		T(strangers_are_refused),
		T(damage_is_refused),
		T(newer_is_refused),
		T(records_have_a_limit),
	};

	return unit_run("database", tests);
}
