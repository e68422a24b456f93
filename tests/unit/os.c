/* SPDX-License-Identifier: ISC */
/* os.c - sockets that are there already, descriptors opened anew */

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "os/os.h"

static char	dir[64];
static int	dirfd_;

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-os.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ == -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlinkat(dirfd_, "s", 0);
	(void)unlinkat(dirfd_, "f", 0);
	(void)close(dirfd_);
	return rmdir(dir) == -1;
}

static void
stale_socket(void **state)
{
	struct err e;
	int fd;

	(void)state;
	fd = os_unix_listen(dirfd_, "s", 0600, 1, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(os_unix_listen(dirfd_, "s", 0600, 1, &e), -1);
	assert_int_equal(e.num, EADDRINUSE);
	(void)close(fd);
	fd = os_unix_listen(dirfd_, "s", 0600, 1, &e);
	assert_int_not_equal(fd, -1);
	(void)close(fd);
}

/*
 * One that listens and accepts nobody, its queue full: whoever wants the
 * name is refused, not held up.
 */
static void
full_queue(void **state)
{
	int fds[16], listener, n = 0;
	struct err e;

	(void)state;
	listener = os_unix_listen(dirfd_, "s", 0600, 0, &e);
	assert_int_not_equal(listener, -1);
	while (n < 16 && (fds[n] = os_unix_connect_now(dirfd_, "s", &e)) != -1)
		n++;
	assert_in_range(n, 1, 15);
	assert_int_equal(e.num, EAGAIN);
	(void)alarm(10);
	assert_int_equal(os_unix_listen(dirfd_, "s", 0600, 1, &e), -1);
	(void)alarm(0);
	assert_int_equal(e.num, EADDRINUSE);
	while (n > 0)
		(void)close(fds[--n]);
	(void)close(listener);
}

/* As root a file would open for more than its descriptor may. */
static void
reopen(void **state)
{
	struct err e;
	int fd, path, again;

	(void)state;
	fd = openat(dirfd_, "f", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	again = os_reopen(fd, O_RDONLY, &e);
	assert_int_not_equal(again, -1);
	(void)close(again);
	assert_int_equal(os_reopen(fd, O_RDWR, &e), -1);
	assert_int_equal(e.num, EACCES);
	path = openat(dirfd_, "f", O_PATH | O_CLOEXEC);
	assert_int_not_equal(path, -1);
	assert_int_equal(os_reopen(path, O_RDONLY, &e), -1);
	assert_int_equal(e.num, EACCES);
	(void)close(path);
	(void)close(fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stale_socket, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(full_queue, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(reopen, set_up, tear_down),
	};

	return unit_run("os", tests);
}
