/* SPDX-License-Identifier: ISC */
/* os.c - what every host does alike: descriptors, sockets, files, watches */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "lib/util.h"
#include "os/os.h"
#include "os/passed.h"
#include "os/paths.h"

static char	dir[64];
static int	dirfd_;

static int
set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/vmd-os.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
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

#ifndef DOUBLE_DARWIN
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
#endif

/* A directory has a path, a pipe none; one too long for us is refused. */
static void
fd_path(void **state)
{
	char path[4096];
	struct stat a, b;
	struct err e;
	int fds[2];

	(void)state;
	assert_int_equal(os_fd_path(path, sizeof(path), dirfd_, &e), 0);
	assert_int_equal(path[0], '/');
	assert_int_equal(stat(path, &a), 0);
	assert_int_equal(fstat(dirfd_, &b), 0);
	assert_true(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
	assert_int_equal(os_fd_path(path, strlen(path), dirfd_, &e), -1);
	assert_int_equal(e.num, ENAMETOOLONG);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(os_fd_path(path, sizeof(path), fds[0], &e), -1);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_int_equal(os_fd_path(path, sizeof(path), fds[0], &e), -1);
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

static bool
is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

/* What is made is nobody's but ours, and a peer that is gone no signal. */
static void
descriptors(void **state)
{
	int p[2], s[2], fd;

	(void)state;
	assert_int_equal(os_pipe(p), 0);
	assert_true(is_cloexec(p[0]) && is_cloexec(p[1]));
	os_pipe_size(p[1], 65536);
	assert_int_equal(os_socketpair(SOCK_STREAM, s), 0);
	assert_true(is_cloexec(s[0]) && is_cloexec(s[1]));
	(void)close(s[1]);
	assert_int_equal(os_send(s[0], "x", 1, true), -1);
	assert_int_equal(errno, EPIPE);
	fd = os_socket(AF_INET, SOCK_DGRAM);
	assert_true(fd != -1 && is_cloexec(fd));
	(void)close(fd);
	(void)close(s[0]);
	(void)close(p[0]);
	(void)close(p[1]);
}

/* Descriptors that come with a message are close-on-exec, too. */
static void
received(void **state)
{
	union {
		struct cmsghdr	align;
		char		bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int s[2], fds[2] = { 0, 1 };

	(void)state;
	assert_int_equal(os_socketpair(SOCK_STREAM, s), 0);
	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(s[0], &m, 0), 1);
	m.msg_controllen = sizeof(control);
	assert_int_equal(os_recvmsg(s[1], &m), 1);
	c = CMSG_FIRSTHDR(&m);
	assert_non_null(c);
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	assert_true(is_cloexec(fds[0]) && is_cloexec(fds[1]));
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(s[0]);
	(void)close(s[1]);
}

static void
peer(void **state)
{
	struct os_peer p;
	struct err e;
	int s[2], tcp;

	(void)state;
	assert_int_equal(os_socketpair(SOCK_STREAM, s), 0);
	assert_int_equal(os_peer(&p, s[0], &e), 0);
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.pid, getpid());
	tcp = os_socket(AF_INET, SOCK_STREAM);
	assert_true(tcp != -1);
	assert_int_equal(os_peer(&p, tcp, &e), -1);
	(void)close(tcp);
	(void)close(s[0]);
	(void)close(s[1]);
}

/* All of a peer's groups, or none: some would be a wrong answer. */
static void
peer_groups(void **state)
{
	gid_t own[256], got[256];
	int s[2], n = getgroups(COUNT(own), own);

	(void)state;
	assert_true(n >= 0);
	assert_int_equal(os_socketpair(SOCK_STREAM, s), 0);
	assert_int_equal(os_peer_groups(got, COUNT(got), s[0]), n);
	for (int i = 0; i < n; i++)
		assert_int_equal(got[i], own[i]);
	if (n > 0)
		assert_int_equal(os_peer_groups(got, (unsigned)n - 1, s[0]),
		    -1);
#ifdef DOUBLE_DARWIN
	/* macOS tells of 16 at most: as many may be more. */
	assert_int_equal(setenv("DOUBLE_GROUPS", "15", 1), 0);
	assert_int_equal(os_peer_groups(got, COUNT(got), s[0]), 15);
	assert_int_equal(os_peer_groups(got, 14, s[0]), -1);
	assert_int_equal(setenv("DOUBLE_GROUPS", "16", 1), 0);
	assert_int_equal(os_peer_groups(got, COUNT(got), s[0]), -1);
	assert_int_equal(setenv("DOUBLE_GROUPS", "200", 1), 0);
	assert_int_equal(os_peer_groups(got, COUNT(got), s[0]), -1);
	(void)unsetenv("DOUBLE_GROUPS");
#endif
	(void)close(s[0]);
	(void)close(s[1]);
}

#define PASSED_FD	3	/* systemd's first; the double has the same */

/* In a process of its own, which gives the number up; what it exits with. */
static int
take_passed(int listener)
{
	int at = fcntl(dirfd_, F_DUPFD, 10);
	char pid[16];
	int fd;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (os_passed_socket() != -1 || dup2(listener, PASSED_FD) == -1 ||
	    setenv("LISTEN_PID", "1", 1) == -1 ||
	    setenv("LISTEN_FDS", "1", 1) == -1)
		return 1;
	/* Another process's. */
	if (os_passed_socket() != -1)
		return 2;
	if (setenv("LISTEN_PID", pid, 1) == -1 ||
	    setenv("DOUBLE_LAUNCH", "3", 1) == -1 ||
	    os_passed_socket() != PASSED_FD || !is_cloexec(PASSED_FD))
		return 3;
	fd = os_unix_connect(at, "s", NULL);
	if (fd == -1 || os_accept(PASSED_FD) == -1)
		return 4;
#ifdef DOUBLE_DARWIN
	/* launchd may make several of a name: one is taken. */
	if (setenv("DOUBLE_LAUNCH", "3 4", 1) == -1 ||
	    dup2(listener, 4) == -1 || os_passed_socket() != PASSED_FD ||
	    fcntl(4, F_GETFD) != -1)
		return 5;
	if (setenv("DOUBLE_LAUNCH", "", 1) == -1 || os_passed_socket() != -1)
		return 6;
#endif
	return 0;
}

static void
passed(void **state)
{
	int listener, status;
	struct err e;
	pid_t pid;

	(void)state;
	listener = os_unix_listen(dirfd_, "s", 0600, 4, &e);
	assert_int_not_equal(listener, -1);
	pid = fork();
	if (pid == 0)
		_exit(take_passed(fcntl(listener, F_DUPFD, 10)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)close(listener);
}

/* Memory that others map, without a name that they could find it by. */
static void
memory(void **state)
{
	const size_t len = 1 << 20;
	struct stat st;
	struct err e;
	char *a, *b;
	int fd;

	(void)state;
	fd = os_memfd("test", len, &e);
	assert_int_not_equal(fd, -1);
	assert_true(is_cloexec(fd));
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size == (off_t)len && st.st_nlink == 0);
	a = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(a != MAP_FAILED && b != MAP_FAILED);
	assert_int_equal(b[len - 1], 0);
	a[len - 1] = 'x';
	assert_int_equal(b[len - 1], 'x');
	/* Advice changes no byte. */
	assert_int_equal(os_advise(a, len, OS_ADVISE_WRITE), 0);
	assert_int_equal(os_advise(b, len, OS_ADVISE_READ), 0);
	assert_int_equal(a[len - 1], 'x');
	(void)munmap(a, len);
	(void)munmap(b, len);
	(void)close(fd);
	assert_int_equal(os_memfd("test", UINT64_MAX, &e), -1);
	assert_int_equal(os_memfd_huge("test", UINT64_MAX, 2 << 20, &e), -1);
}

/* Files without a name, and pieces of one put into another. */
static void
copies(void **state)
{
	struct stat st;
	off_t in = 2, out = 1;
	char text[8];
	int from, to;

	(void)state;
	from = os_tmpfile(dirfd_);
	to = os_tmpfile(dirfd_);
	assert_true(from != -1 && to != -1);
	assert_true(is_cloexec(from));
	assert_int_equal(fstat(from, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(write(from, "abcdef", 6), 6);
	assert_int_equal(fstat(from, &st), 0);
	assert_true(os_mtime_ns(&st) / 1000000000 == (int64_t)st.st_mtime);
	assert_int_equal(os_copy_range(from, &in, to, &out, 3), 3);
	assert_true(in == 5 && out == 4);
	assert_int_equal(os_copy_range(from, &in, to, &out, 9), 1);
	assert_int_equal(os_copy_range(from, &in, to, &out, 9), 0);
	assert_int_equal(pread(to, text, sizeof(text), 0), 5);
	assert_memory_equal(text, "\0cdef", 5);
	(void)close(from);
	(void)close(to);
}

/* A file with holes, one of holes only, an empty one, and none. */
static void
copy_file(void **state)
{
	int from = os_tmpfile(dirfd_), to = os_tmpfile(dirfd_), p[2];
	struct stat st, orig;
	struct err e;
	char c;

	(void)state;
	assert_int_equal(os_copy_file(to, from, &e), 0);
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(ftruncate(from, 8 << 20), 0);
	assert_int_equal(os_copy_file(to, from, &e), 0);
	assert_int_equal(fstat(to, &st), 0);
	assert_true(st.st_size == 8 << 20 && st.st_blocks == 0);
	assert_int_equal(ftruncate(to, 0), 0);
	assert_int_equal(pwrite(from, "b", 1, 3 << 20), 1);
	assert_int_equal(pwrite(from, "y", 1, (5 << 20) - 1), 1);
	assert_int_equal(os_copy_file(to, from, &e), 0);
	assert_int_equal(fstat(from, &orig), 0);
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, 8 << 20);
	assert_true(st.st_blocks <= orig.st_blocks);
	assert_int_equal(pread(to, &c, 1, 3 << 20), 1);
	assert_int_equal(c, 'b');
	assert_int_equal(pread(to, &c, 1, (5 << 20) - 1), 1);
	assert_int_equal(c, 'y');
	assert_int_equal(os_copy_file(-1, from, &e), -1);
	assert_int_equal(e.num, EBADF);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(os_copy_file(to, p[0], &e), -1);
	assert_int_equal(e.num, ESPIPE);
	(void)close(p[0]);
	(void)close(p[1]);
	(void)close(from);
	(void)close(to);
}

/* A program that is missing, one that nobody may run, and one. */
static void
program(void **state)
{
	const char *places[] = { "/nowhere/program", NULL, NULL, NULL };
	char path[sizeof(dir) + 2];
	int fd;

	(void)state;
	assert_null(os_program(places));
	(void)snprintf(path, sizeof(path), "%s/f", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	places[1] = path;
	assert_null(os_program(places));
	places[2] = "/bin/sh";
	assert_ptr_equal(os_program(places), places[2]);
	assert_int_equal(fchmod(fd, 0700), 0);
	assert_ptr_equal(os_program(places), places[1]);
	(void)close(fd);
	assert_ptr_equal(os_program(places + 3), NULL);
}

/* Where OS_CLONES is set the file system can; see tests/cli/clone.t. */
static void
clone_new(void **state)
{
	const struct os_name name = { dirfd_, "clone", 0640 };
	int from, to;
	struct stat st;
	char c;

	(void)state;
	if (getenv("OS_CLONES") == NULL)
		return;
	/* What its modes refuse its owner is no matter. */
	from = openat(dirfd_, "f", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0400);
	assert_int_equal(pwrite(from, "b", 1, 3 << 20), 1);
	to = os_clone(from, &name);
	assert_int_not_equal(to, -1);
	assert_true(is_cloexec(to));
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, (3 << 20) + 1);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(pread(to, &c, 1, 3 << 20), 1);
	assert_int_equal(c, 'b');
	assert_int_equal(pwrite(to, "w", 1, 3 << 20), 1);
	assert_int_equal(pread(from, &c, 1, 3 << 20), 1);
	assert_int_equal(c, 'b');
	(void)close(to);
	(void)close(from);
	assert_int_equal(unlinkat(dirfd_, "clone", 0), 0);
}

/* Cloned where the file system can, else copied; other bytes than its own. */
static void
copy_new(void **state)
{
	const struct os_name name = { dirfd_, "copy", 0640 };
	const struct os_name none = { dirfd_, "nowhere/copy", 0640 };
	int from = os_tmpfile(dirfd_), to;
	struct stat st;
	struct err e;
	char c;

	(void)state;
	assert_int_equal(ftruncate(from, 8 << 20), 0);
	assert_int_equal(pwrite(from, "b", 1, 3 << 20), 1);
	to = os_copy_new(from, &name, &e);
	assert_int_not_equal(to, -1);
	assert_true(is_cloexec(to));
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, 8 << 20);
	assert_true(st.st_blocks < 1024);	/* of 512 bytes: holes */
	assert_int_equal(st.st_mode & ~0640U & 0777, 0);
	assert_int_equal(pread(to, &c, 1, 3 << 20), 1);
	assert_int_equal(c, 'b');
	assert_int_equal(pwrite(to, "w", 1, 0), 1);
	assert_int_equal(pread(from, &c, 1, 0), 1);
	assert_int_equal(c, '\0');
	(void)close(to);
	(void)close(from);
	assert_int_equal(unlinkat(dirfd_, "copy", 0), 0);

	/* What cannot be made is not there, and what was there stays. */
	from = os_tmpfile(dirfd_);
	assert_int_equal(os_clone(from, &none), -1);
	assert_int_equal(os_copy_new(from, &none, &e), -1);
	assert_int_equal(e.num, ENOENT);
	(void)close(from);
	from = openat(dirfd_, ".", O_RDONLY | O_DIRECTORY);
	assert_int_equal(os_clone(from, &name), -1);
	assert_int_equal(os_copy_new(from, &name, &e), -1);
	assert_int_equal(faccessat(dirfd_, "copy", F_OK, 0), -1);
	(void)close(from);
	to = openat(dirfd_, "copy", O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(to, "old", 3), 3);
	assert_int_equal(os_clone(to, &name), -1);
	assert_int_equal(os_copy_new(to, &name, &e), -1);
	assert_int_equal(e.num, EEXIST);
	assert_int_equal(fstat(to, &st), 0);
	assert_true(st.st_size == 3 && st.st_nlink == 1);
	(void)close(to);
	assert_int_equal(unlinkat(dirfd_, "copy", 0), 0);
}

static void
boot_id(void **state)
{
	char a[OS_BOOT_ID], b[OS_BOOT_ID];

	(void)state;
	assert_int_equal(os_boot_id(a), 0);
	assert_int_equal(os_boot_id(b), 0);
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), 36);
}

static bool
tells(const struct os_watch *watch)
{
	struct pollfd p = { .fd = watch->fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* A file that is not there yet, is made, grows, and is replaced. */
static void
watched(void **state)
{
		struct os_watch watch;
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(os_watch_init(&watch, dirfd_, "log", &e), 0);
	assert_false(tells(&watch));
	fd = openat(dirfd_, "log", O_WRONLY | O_CREAT, 0600);
	assert_true(fd != -1 && tells(&watch));
	os_watch_clear(&watch, dirfd_, "log");
	assert_false(tells(&watch));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_true(tells(&watch));
	os_watch_clear(&watch, dirfd_, "log");
	assert_int_equal(renameat(dirfd_, "log", dirfd_, "log.0"), 0);
	(void)close(fd);
	fd = openat(dirfd_, "log", O_WRONLY | O_CREAT, 0600);
	assert_true(fd != -1 && tells(&watch));
	os_watch_clear(&watch, dirfd_, "log");
	assert_int_equal(write(fd, "x", 1), 1);
	assert_true(tells(&watch));
	(void)close(fd);
	os_watch_fini(&watch);
	assert_int_equal(watch.fd, -1);
	assert_int_equal(unlinkat(dirfd_, "log", 0), 0);
	assert_int_equal(unlinkat(dirfd_, "log.0", 0), 0);
}

static void
wiped(void **state)
{
	char secret[16] = "abc";

	(void)state;
	os_wipe(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret); i++)
		assert_int_equal(secret[i], 0);
}

/* --- notifications and advice --------------------------------------------- */

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
notified(void **state)
{
	struct os_notify n = OS_NOTIFY_NONE;
	struct err e;

	(void)state;
	os_notify_fini(&n);
	assert_int_equal(os_notify_init(&n, &e), 0);
	assert_true(is_cloexec(n.rd) && is_cloexec(n.wr));
	assert_false(readable(n.rd) || os_notify_take(n.rd));
	for (unsigned i = 0; i < 100000; i++)
		os_notify_send(n.wr);
	assert_true(readable(n.rd) && os_notify_take(n.rd));
	assert_false(readable(n.rd) || os_notify_take(n.rd));
	os_notify_fini(&n);
	assert_true(n.rd == -1 && n.wr == -1);
}

/* Memory keeps what is in it, whatever it is made of. */
static void
advised(void **state)
{
	static const enum os_advice keep[] = { OS_ADVISE_HUGE,
	    OS_ADVISE_READ, OS_ADVISE_WRITE, OS_ADVISE_COLLAPSE };
	const size_t len = 4UL << 20;
	char *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(at != MAP_FAILED);
	memset(at, 'x', len / 2);
	for (unsigned i = 0; i < COUNT(keep); i++) {
		(void)os_advise(at, len, keep[i]);
		assert_true(at[0] == 'x' && at[len / 2 - 1] == 'x' &&
		    at[len / 2] == 0);
	}
	assert_int_equal(os_advise(at, len, OS_ADVISE_DISCARD), 0);
	assert_true(at[0] == 0 || at[0] == 'x');
	(void)munmap(at, len);
}

static void
sockets_that_never_block(void **state)
{
	char byte;
	int s[2];

	(void)state;
	assert_int_equal(os_socketpair_now(SOCK_STREAM, s), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(is_cloexec(s[i]));
		assert_int_equal(read(s[i], &byte, 1), -1);
		assert_int_equal(errno, EAGAIN);
	}
	(void)close(s[0]);
	(void)close(s[1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stale_socket, set_up,
		    tear_down),
#ifndef DOUBLE_DARWIN	/* there it cannot be told from nobody */
		cmocka_unit_test_setup_teardown(full_queue, set_up,
		    tear_down),
#endif
		cmocka_unit_test_setup_teardown(fd_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reopen, set_up, tear_down),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(received),
		cmocka_unit_test(peer),
		cmocka_unit_test(peer_groups),
		cmocka_unit_test_setup_teardown(passed, set_up, tear_down),
		cmocka_unit_test(memory),
		cmocka_unit_test_setup_teardown(copies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(copy_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clone_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(copy_new, set_up, tear_down),
		cmocka_unit_test(boot_id),
		cmocka_unit_test_setup_teardown(watched, set_up, tear_down),
		cmocka_unit_test(wiped),
		cmocka_unit_test(notified),
		cmocka_unit_test(advised),
		cmocka_unit_test(sockets_that_never_block),
	};

	return unit_run("os", tests);
}
