/* SPDX-License-Identifier: ISC */
/*
 * vmctl_copy.c - entries of a guest that lies, as files of the host
 *
 * What copy_place.c promises: nothing is made outside of the destination.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "vmctl/copy.h"

static char	dir[64], outside[96], target[96];

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-copy.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(outside, sizeof(outside), "%s/outside", dir);
	(void)snprintf(target, sizeof(target), "%s/target", dir);
	return mkdir(outside, 0700);
}

static int
tear_down(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/x", outside);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/x", target);
	(void)unlink(path);
	(void)unlink(target);
	(void)rmdir(target);
	(void)rmdir(outside);
	return rmdir(dir);
}

static int
put(struct copy_sink *s, const char *path, enum copy_kind kind,
    const char *link, struct err *e)
{
	const struct copy_entry n = { .path = path, .kind = kind,
	    .mode = 0644, .link = link, .major = 1, .minor = 3 };

	return s->entry(s, &n, e);
}

static bool
is_there(const char *where)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/x", where);
	return lstat(path, &st) == 0;
}

static void
honest(void **state)
{
	const struct copy_options o = { .owners = false };
	struct copy_sink *s;
	struct err e;

	(void)state;
	assert_int_equal(copy_place_open(&s, target, false, &o, &e), 0);
	assert_int_equal(put(s, ".", COPY_DIR, NULL, &e), 0);
	assert_int_equal(put(s, "x", COPY_FILE, NULL, &e), 0);
	assert_int_equal(put(s, ".", COPY_DIR, NULL, &e), 0);
	assert_int_equal(s->end(s, &e), 0);
	copy_place_close(s);
	assert_true(is_there(target));
	assert_int_equal(chmod(target, 0700), 0);
}

/* A link out of the destination, then the directory it leads to. */
static void
two_roots(void **state)
{
	const struct copy_options o = { .owners = false };
	struct copy_sink *s;
	struct err e;

	(void)state;
	assert_int_equal(copy_place_open(&s, target, false, &o, &e), 0);
	assert_int_equal(put(s, ".", COPY_SYMLINK, outside, &e), 0);
	assert_int_equal(put(s, ".", COPY_DIR, NULL, &e), -1);
	assert_int_equal(put(s, "x", COPY_FILE, NULL, &e), -1);
	copy_place_close(s);
	assert_false(is_there(outside));
}

/* A directory that becomes something else. */
static void
root_changes(void **state)
{
	const struct copy_options o = { .owners = false };
	struct copy_sink *s;
	struct err e;

	(void)state;
	assert_int_equal(copy_place_open(&s, target, false, &o, &e), 0);
	assert_int_equal(put(s, ".", COPY_DIR, NULL, &e), 0);
	assert_int_equal(put(s, ".", COPY_SYMLINK, outside, &e), -1);
	assert_int_equal(put(s, ".", COPY_FILE, NULL, &e), -1);
	copy_place_close(s);
	assert_int_equal(chmod(target, 0700), 0);
}

static void
devices(void **state)
{
	const struct copy_options ours = { .owners = false },
	    all = { .owners = true };
	struct copy_sink *s;
	struct err e;

	(void)state;
	assert_int_equal(copy_place_open(&s, target, false, &ours, &e), 0);
	assert_int_equal(put(s, ".", COPY_DIR, NULL, &e), 0);
	assert_int_equal(put(s, "x", COPY_CHAR, NULL, &e), -1);
	assert_non_null(strstr(e.text, "-a"));
	copy_place_close(s);
	assert_false(is_there(target));
	assert_int_equal(chmod(target, 0700), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(copy_place_open(&s, target, false, &all, &e), 0);
	assert_int_equal(put(s, ".", COPY_DIR, NULL, &e), 0);
	assert_int_equal(put(s, "x", COPY_CHAR, NULL, &e), 0);
	copy_place_close(s);
	assert_int_equal(chmod(target, 0700), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(honest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_roots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(root_changes, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(devices, set_up, tear_down),
	};

	return unit_run("vmctl_copy", tests);
}
