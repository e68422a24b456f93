/* SPDX-License-Identifier: ISC */
/* directory.c - links, removal and sizes of small directories */

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "control/directory.h"
#include "lib/own.h"

static char	path[64];
static int	top;

static int
set_up(void **state)
{
	(void)state;
	strcpy(path, "/tmp/vmd-directory.XXXXXX");
	if (mkdtemp(path) == NULL)
		return -1;
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top == -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)directory_remove(AT_FDCWD, path, 3, NULL);
	return close(top);
}

static void
file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static void
test_link(void **state)
{
	own_fd int from = directory_make(top, "from", NULL);
	own_fd int to = directory_make(top, "to", NULL);
	struct stat a, b;
	struct err e;

	(void)state;
	assert_int_equal(directory_make(top, "from", &e), -1);
	assert_int_equal(e.num, EEXIST);
	file(from, "memory", "x");
	file(from, "state.json", "{}");
	assert_int_equal(directory_link(to, from, 2, &e), 0);
	assert_int_equal(fstatat(from, "memory", &a, 0), 0);
	assert_int_equal(fstatat(to, "memory", &b, 0), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(directory_remove(top, "from", 0, &e), 0);
	assert_int_equal(fstatat(to, "memory", &b, 0), 0);
	assert_true(directory_bytes(top, 1) > 0);
	assert_int_equal(directory_bytes(top, 0), 0);
	assert_int_equal(directory_sync(to, &e), 0);
}

/* What a VM's user may have put there. */
static void
test_hostile(void **state)
{
	own_fd int from = directory_make(top, "from", NULL);
	own_fd int to = directory_make(top, "to", NULL);
	struct err e;

	(void)state;
	file(top, "secret", "x");
	assert_int_equal(symlinkat("../secret", from, "memory"), 0);
	assert_int_equal(directory_link(to, from, 8, &e), -1);
	assert_non_null(strstr(e.text, "memory is not a plain file"));
	assert_int_equal(unlinkat(from, "memory", 0), 0);
	for (char name[] = "a"; *name < 'e'; (*name)++)
		file(from, name, "x");
	assert_int_equal(directory_link(to, from, 3, &e), -1);
	assert_int_equal(e.num, E2BIG);

	/* A link in the place of the directory is not gone through. */
	assert_int_equal(symlinkat("to", top, "link"), 0);
	assert_int_equal(directory_open(top, "link", &e), -1);
	assert_int_equal(directory_remove(top, "link", 1, &e), -1);
	assert_int_equal(faccessat(top, "to", F_OK, 0), 0);
	assert_int_equal(unlinkat(top, "link", 0), 0);
}

static void
test_remove(void **state)
{
	own_fd int dir = directory_make(top, "dir", NULL);
	own_fd int below = directory_make(dir, "below", NULL);
	struct err e;

	(void)state;
	file(below, "file", "x");
	assert_int_equal(symlinkat("/", below, "link"), 0);
	assert_int_equal(directory_remove(top, "dir", 0, &e), -1);
	assert_int_equal(directory_remove(top, "dir", 1, &e), 0);
	assert_int_equal(directory_remove(top, "dir", 1, &e), 0);
	assert_int_equal(faccessat(top, "dir", F_OK, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_remove, set_up,
		    tear_down),
	};

	return unit_run("directory", tests);
}
