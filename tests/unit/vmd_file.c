/* SPDX-License-Identifier: ISC */
/* vmd_file.c - a user's file for a program that runs as somebody else */

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "vmd/file.h"

#define OWNER	65534
#define OTHER	1900000001

static char	dir[64], path[96];

static int
set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(dir, "/tmp/vmd-file.XXXXXX");
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, "secret", 6) != 6 ||
	    (geteuid() == 0 && fchown(fd, OWNER, OWNER) == -1))
		return -1;
	return close(fd);
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

/* What user 'uid' reads from /dev/fd/FD: 0 when it is the secret. */
static int
reads(int fd, uid_t uid)
{
	char name[32], text[16];
	pid_t pid = fork();
	int again, status;

	if (pid == 0) {
		if (geteuid() == 0 && (setgid(uid) == -1 || setuid(uid) == -1))
			_exit(2);
		(void)snprintf(name, sizeof(name), "/dev/fd/%d", fd);
		again = open(name, O_RDONLY);
		_exit(again == -1 || read(again, text, sizeof(text)) != 6 ||
		    memcmp(text, "secret", 6) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void
for_another(void **state)
{
	struct user u;
	struct err e;
	int fd;

	(void)state;
	if (geteuid() == 0)
		user_plain(&u, OWNER);
	else
		user_self(&u);
	fd = file_copy(path, &u, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(reads(fd, OTHER), 0);
	(void)close(fd);
}

static void
not_his(void **state)
{
	struct user u;
	struct err e;

	(void)state;
	user_plain(&u, OTHER);
	assert_int_equal(file_copy(path, &u, &e), -1);
	assert_true(e.num == EACCES || e.num == EPERM);
	assert_int_equal(geteuid(), getuid());
}

/* Neither waits nor is read. */
static void
no_file(void **state)
{
	struct user u;
	struct err e;

	(void)state;
	user_self(&u);
	(void)unlink(path);
	assert_int_equal(mkfifo(path, 0666), 0);
	assert_int_equal(file_copy(path, &u, &e), -1);
	(void)unlink(path);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(file_copy(path, &u, &e), -1);
	assert_int_equal(rmdir(path), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(for_another, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(not_his, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_file, set_up, tear_down),
	};

	return unit_run("vmd_file", tests);
}
