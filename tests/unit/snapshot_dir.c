/* SPDX-License-Identifier: ISC */
/* snapshot_dir.c - a snapshot's directory: whole or not there, or refused */

#include "unit.h"

#include <fcntl.h>
#include <string.h>

#include "chapi/snapshot_dir.h"
#include "lib/io.h"
#include "lib/json.h"

static const struct snapshot_format format = {
	.name = "test", .version = 3, .max = 256
};
static const char *const more[] = { "memory" };

static char top[] = "/tmp/snapshot_dir.XXXXXX";
static int topfd = -1;

/* state.json of a snapshot "a", with this text. */
static int
with(const char *text)
{
	int dir = openat(topfd, "a", O_RDONLY | O_DIRECTORY);

	assert_int_not_equal(dir, -1);
	assert_int_equal(file_replace(dir, "state.json", text, strlen(text),
	    0660, NULL), 0);
	return dir;
}

static void
refused(const char *text, int num, const char *said)
{
	json_t *v = NULL;
	struct err e;
	int dir = with(text);

	assert_int_equal(snapshot_dir_state(&v, dir, &format, &e), -1);
	assert_null(v);
	assert_non_null(strstr(e.text, said));
	if (num != 0)
		assert_int_equal(e.num, num);
	(void)close(dir);
}

static void
made(void **state)
{
	own_json json_t *v = json_pack("{s:s,s:i,s:i}", "format", "test",
	    "version", 3, "word", 7);
	json_t *got = NULL;
	struct err e;
	int dir;

	(void)state;
	assert_int_equal(snapshot_dir_free(topfd, "a", &e), 0);
	dir = snapshot_dir_make(topfd, "a.new", &e);
	assert_int_not_equal(dir, -1);
	assert_int_equal(snapshot_dir_write(dir, "state.json", v, &e), 0);
	assert_int_equal(snapshot_dir_write(dir, "config.json", NULL, &e), -1);
	assert_int_equal(e.num, ENOMEM);
	(void)close(dir);
	assert_int_equal(faccessat(topfd, "a", F_OK, 0), -1);
	assert_int_equal(snapshot_dir_publish(topfd, "a.new", "a", &e), 0);
	assert_int_equal(snapshot_dir_free(topfd, "a", &e), -1);
	assert_int_equal(e.num, EEXIST);

	dir = openat(topfd, "a", O_RDONLY | O_DIRECTORY);
	assert_int_equal(snapshot_dir_state(&got, dir, &format, &e), 0);
	assert_int_equal(json_integer_value(json_object_get(got, "word")), 7);
	json_decref(got);
	(void)close(dir);
}

static void
not_ours(void **state)
{
	char big[400];

	(void)state;
	refused("{\"format\":\"other\",\"version\":3}", ENOTSUP,
	    "was not made by test");
	refused("{\"format\":\"test\",\"version\":4}", ENOTSUP,
	    "version 4 is not known, only 3");
	refused("{\"version\":3}", ENOTSUP, "was not made by test");
	refused("{\"format\":\"test\",\"version\":-1}", 0, "version");
	refused("{\"format\":3,\"version\":3}", 0, "format");
	refused("{\"format\":\"test\"", 0, "state.json");
	refused("", 0, "state.json");
	memset(big, ' ', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	refused(big, 0, "state.json");
}

static void
discarded(void **state)
{
	struct err e;
	int dir = snapshot_dir_make(topfd, "b.new", &e);

	(void)state;
	assert_int_not_equal(dir, -1);
	assert_int_equal(snapshot_dir_make(topfd, "b.new", &e), -1);
	assert_int_equal(file_replace(dir, "memory", "x", 1, 0660, &e), 0);
	assert_int_equal(file_replace(dir, ".state.json.new", "x", 1, 0660,
	    &e), 0);
	(void)close(dir);
	snapshot_dir_discard(topfd, "b.new", more, 1);
	assert_int_equal(faccessat(topfd, "b.new", F_OK, 0), -1);
	/* One that is not there, and a link to elsewhere, are left alone. */
	snapshot_dir_discard(topfd, "b.new", more, 1);
	assert_int_equal(symlinkat("a", topfd, "c.new"), 0);
	snapshot_dir_discard(topfd, "c.new", more, 1);
	assert_int_equal(faccessat(topfd, "a/state.json", F_OK, 0), 0);
	assert_int_equal(unlinkat(topfd, "c.new", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made),
		cmocka_unit_test(not_ours),
		cmocka_unit_test(discarded),
	};
	int r;

	if (mkdtemp(top) == NULL)
		return 1;
	topfd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (topfd == -1)
		return 1;
	r = unit_run("snapshot_dir", tests);
	snapshot_dir_discard(topfd, "a", NULL, 0);
	(void)rmdir(top);
	return r;
}
