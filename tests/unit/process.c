/* SPDX-License-Identifier: ISC */
/* process.c - a process is told apart from those that come after it */

#include <sys/prctl.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "os/os.h"
#include "os/process.h"

/* A child that waits, with whatever is in its name. */
static pid_t
child_new(const char *name)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, name, 0, 0, 0);
		for (;;)
			(void)pause();
	}
	return pid;
}

static void
child_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
info(void **state)
{
	struct process_info a, b;
	struct err e;
	pid_t pid = child_new(") 1 (2) R 3");

	(void)state;
	assert_int_equal(process_info(&a, pid, &e), 0);
	assert_int_equal(a.uid, geteuid());
	assert_true(a.start > 0);
	assert_int_equal(process_info(&b, pid, &e), 0);
	assert_true(a.start == b.start);
	child_end(pid);
	assert_int_equal(process_info(&b, pid, &e), -1);
	assert_int_equal(e.num, ESRCH);
	assert_true(a.start == b.start);
}

static void
handle(void **state)
{
	struct process_info a;
	struct err e;
	pid_t pid = child_new("x");
	struct pollfd p = { .events = POLLIN };

	(void)state;
	assert_int_equal(process_info(&a, pid, &e), 0);
	assert_int_equal(process_open(pid, a.start + 1, a.uid), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(process_open(pid, a.start, a.uid + 1), -1);
	assert_int_equal(process_open(0, a.start, a.uid), -1);
	assert_int_equal(process_open(1, a.start, a.uid), -1);
	assert_int_equal(process_open(-1, a.start, a.uid), -1);
	p.fd = process_open(pid, a.start, a.uid);
	assert_int_not_equal(p.fd, -1);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(process_signal(p.fd, SIGKILL), 0);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_signal(p.fd, SIGKILL), -1);
	assert_int_equal(errno, ESRCH);
	(void)close(p.fd);
	assert_int_equal(process_open(pid, a.start, a.uid), -1);
}

static void
holders(void **state)
{
	char path[] = "/tmp/process.XXXXXX";
	pid_t with, without = child_new("without");
	int fd = mkstemp(path), status;

	(void)state;
	assert_int_not_equal(fd, -1);
	with = child_new("with");
	assert_int_equal(process_signal_holders(fd, SIGKILL), 1);
	assert_int_equal(waitpid(with, &status, 0), with);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(waitpid(without, &status, WNOHANG), 0);
	child_end(without);
	(void)close(fd);
	(void)unlink(path);
}

static void
reopen(void **state)
{
	char path[] = "/tmp/process.XXXXXX", c;
	int rw = mkstemp(path), ro, fd;
	struct err e;

	(void)state;
	assert_int_equal(write(rw, "x", 1), 1);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(os_reopen(ro, O_RDWR, &e), -1);
	assert_int_equal(e.num, EACCES);
	fd = open(path, O_PATH | O_CLOEXEC);
	assert_int_equal(os_reopen(fd, O_RDONLY, &e), -1);
	(void)close(fd);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(os_reopen(fd, O_RDONLY, &e), -1);
	(void)close(fd);
	/* A file without a name, and a position of its own. */
	(void)unlink(path);
	fd = os_reopen(rw, O_RDWR, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, 'x');
	(void)close(fd);
	(void)close(ro);
	(void)close(rw);
}

static void
usage(void **state)
{
	struct process_usage u;

	(void)state;
	process_usage(&u, getpid());
	assert_true(u.rss > 65536);
	assert_true(u.vms == 0 || u.vms >= u.rss);
	process_usage(&u, 0);
	assert_true(u.rss == 0 && u.vms == 0 && u.cpu_ns == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info),
		cmocka_unit_test(handle),
		cmocka_unit_test(holders),
		cmocka_unit_test(reopen),
		cmocka_unit_test(usage),
	};

	return unit_run("process", tests);
}
