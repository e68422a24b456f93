/* SPDX-License-Identifier: ISC */
/* share_jail.c - what a server of shared files can still do */

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "share/jail.h"

#define OWNER	65534	/* whose rights count where the test is root's */

static char	dir[64];

static int
set_up(void **state)
{
	char path[96];
	int fd;

	(void)state;
	strcpy(dir, "/tmp/share-jail.XXXXXX");
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/closed", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || close(fd) == -1)
		return -1;
	return geteuid() == 0 && chown(dir, OWNER, OWNER) == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "closed", "file", "dir" };
	char path[96];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	return rmdir(dir);
}

#define CHECK(what)	do {						\
	if (!(what)) {							\
		fprintf(stderr, "# line %d: %s (errno %d)\n", __LINE__,	\
		    #what, errno);					\
		_exit(1);						\
	}								\
} while (0)

/* As vmd's child does, and the execve(2) that makes /proc its own again. */
static void
become_owner(void)
{
	if (geteuid() == 0)
		CHECK(setgroups(0, NULL) == 0 && setgid(OWNER) == 0 &&
		    setuid(OWNER) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
}

/* Run it in a process of its own, as the owner; 77: no namespaces here. */
static void
in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		become_owner();
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int
enter(bool readonly)
{
	struct err e;
	int fd = jail_enter(dir, readonly, &e);

	if (fd == -1 && strstr(e.text, "user namespaces") != NULL)
		_exit(77);
	if (fd == -1)
		fprintf(stderr, "# %s\n", e.text);
	CHECK(fd != -1);
	return fd;
}

static void
child_readonly(void)
{
	int fd = enter(true);

	CHECK(openat(fd, "file", O_WRONLY | O_CREAT, 0600) == -1 &&
	    errno == EROFS);
	CHECK(mkdirat(fd, "dir", 0700) == -1 && errno == EROFS);
}

static void
child_writes(void)
{
	int fd = enter(false), file;
	struct stat st;
	struct err e;

	CHECK(geteuid() == 0);
	CHECK(jail_filter(&e) == 0);
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresuid(1000, 1000, 1000) == 0 && geteuid() == 0);
	CHECK(setresgid(1000, 1000, 1000) == 0 && getegid() == 0);
	file = openat(fd, "file", O_WRONLY | O_CREAT, 0644);
	CHECK(file != -1 && fstat(file, &st) == 0 && st.st_uid == 0);
	CHECK(fchmod(file, 04755) == -1 && errno == EPERM);
	CHECK(fchmod(file, 02755) == -1 && errno == EPERM);
	CHECK(fchmod(file, 0755) == 0);
	CHECK(fchmodat(fd, "file", 04711, 0) == -1 && errno == EPERM);
	CHECK(openat(fd, "other", O_WRONLY | O_CREAT, 04711) == -1 &&
	    errno == EPERM);
	CHECK(mknodat(fd, "other", S_IFREG | 04755, 0) == -1 &&
	    errno == EPERM);
	CHECK(mknodat(fd, "other", S_IFCHR | 0666, 0x103) == -1);
	CHECK(mkdirat(fd, "dir", 02755) == -1 && errno == EPERM);
	CHECK(mkdirat(fd, "dir", 01777) == 0);
	CHECK(fchownat(fd, "file", 1000, 1000, 0) == -1 && errno == EINVAL);
}

/* A file of another user, root's, is nothing to the root of the jail. */
static void
child_other(void)
{
	int fd = enter(false);

	CHECK(openat(fd, "closed", O_RDONLY) == -1 && errno == EACCES);
}

static void
child_no_directory(void)
{
	char path[96];
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/closed", dir);
	CHECK(jail_enter(path, false, &e) == -1 && e.num == ENOTDIR);
	CHECK(jail_enter("/nonexistent", false, &e) == -1 && e.num == ENOENT);
}

static void
test_readonly(void **state)
{
	(void)state;
	in_child(child_readonly);
}

static void
test_writes(void **state)
{
	char path[96];
	struct stat st;

	(void)state;
	in_child(child_writes);
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, geteuid() == 0 ? OWNER : geteuid());
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void
test_other(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(child_other);
}

static void
test_no_directory(void **state)
{
	(void)state;
	in_child(child_no_directory);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_readonly, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_writes, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_other, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_no_directory, set_up,
		    tear_down),
	};

	return unit_run("share_jail", tests);
}
