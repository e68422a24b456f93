/* SPDX-License-Identifier: ISC */
/* process_linux.c - other processes, on Linux; see process.h */

#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/own.h"
#include "os/process.h"

#define PROC_MAX	2048	/* bytes of a file of /proc/PID that matter */
#define STARTTIME	22	/* its field, proc(5), counted from 1 */

/*
 * The name of the program is the second field, in parentheses, and may hold
 * anything: count from the last parenthesis.
 */
static int
stat_start(uint64_t *ret, char *text)
{
	char *p = strrchr(text, ')'), *save = NULL;

	if (p == NULL)
		return -1;
	p = strtok_r(p + 1, " ", &save);
	for (int field = 3; p != NULL && field < STARTTIME; field++)
		p = strtok_r(NULL, " ", &save);
	return p == NULL ? -1 : num_parse(ret, p, 0, UINT64_MAX, NULL);
}

/* Some of a small file of /proc/PID, as a string. */
static int
proc_read(char *to, size_t size, pid_t pid, const char *name)
{
	own_fd int fd = -1;
	char path[48];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read_full(fd, to, size - 1);
	if (n <= 0)
		return -1;
	to[n] = '\0';
	return 0;
}

/* "Uid:" and the real, effective, saved and file system user. */
static int
status_uid(uid_t *ret, char *text)
{
	char *p = strstr(text, "\nUid:"), *save = NULL;
	uint64_t v;

	if (p == NULL)
		return -1;
	(void)strtok_r(p + 5, "\t\n ", &save);
	p = strtok_r(NULL, "\t\n ", &save);
	if (p == NULL || num_parse(&v, p, 0, UINT32_MAX, NULL) == -1)
		return -1;
	*ret = (uid_t)v;
	return 0;
}

int
process_info(struct process_info *ret, pid_t pid, struct err *e)
{
	struct process_info info;
	char stat[PROC_MAX], status[PROC_MAX];

	if (proc_read(stat, sizeof(stat), pid, "stat") == -1 ||
	    proc_read(status, sizeof(status), pid, "status") == -1)
		return err_set(e, ESRCH, "no process %d", (int)pid);
	if (stat_start(&info.start, stat) == -1 ||
	    status_uid(&info.uid, status) == -1)
		return err_set(e, EIO, "/proc/%d: not as proc(5) says",
		    (int)pid);
	*ret = info;
	return 0;
}

int
process_open(pid_t pid, uint64_t start, uid_t uid)
{
	own_fd int fd = -1;
	struct process_info info;

	if (pid <= 1) {
		errno = ESRCH;
		return -1;
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd == -1)
		return -1;
	/* The handle first: what is looked at then is it, or gone. */
	if (process_info(&info, pid, NULL) == -1 || info.start != start ||
	    info.uid != uid || process_signal(fd, 0) == -1) {
		errno = ESRCH;
		return -1;
	}
	return take_fd(&fd);
}

int
process_signal(int handle, int signo)
{
	return (int)syscall(SYS_pidfd_send_signal, handle, signo, NULL, 0);
}

uint64_t
process_cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) == -1)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* proc(5), /proc/PID/stat: fields 14 utime, 15 stime, 23 vsize, 24 rss. */
void
process_usage(struct process_usage *ret, pid_t pid)
{
	unsigned long long utime, stime, vsize;
	char text[PROC_MAX], *p;
	long long rss;

	memset(ret, 0, sizeof(*ret));
	if (proc_read(text, sizeof(text), pid, "stat") == -1)
		return;
	/* As in stat_start(). */
	p = strrchr(text, ')');
	if (p == NULL || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u "
	    "%*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %*u %llu %lld",
	    &utime, &stime, &vsize, &rss) != 4)
		return;
	ret->cpu_ns = (utime + stime) * (UINT64_C(1000000000) /
	    (uint64_t)sysconf(_SC_CLK_TCK));
	ret->vms = vsize;
	ret->rss = (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool
holds(pid_t pid, const struct stat *file)
{
	struct dirent *de;
	struct stat st;
	char path[32];
	bool found = false;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (d == NULL)
		return false;	/* gone, or another user's */
	while (!found && (de = readdir(d)) != NULL)
		found = de->d_name[0] != '.' &&
		    fstatat(dirfd(d), de->d_name, &st, 0) == 0 &&
		    st.st_dev == file->st_dev && st.st_ino == file->st_ino;
	(void)closedir(d);
	return found;
}

unsigned
process_signal_holders(int file, int signo)
{
	struct dirent *de;
	struct stat st;
	unsigned n = 0;
	uint64_t pid;
	int fd;
	DIR *d;

	if (fstat(file, &st) == -1)
		return 0;
	d = opendir("/proc");
	if (d == NULL)
		return 0;
	while ((de = readdir(d)) != NULL) {
		if (num_parse(&pid, de->d_name, 2, INT32_MAX, NULL) == -1 ||
		    (pid_t)pid == getpid())
			continue;
		fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		if (fd == -1)
			continue;
		if (holds((pid_t)pid, &st) && process_signal(fd, signo) == 0)
			n++;
		(void)close(fd);
	}
	(void)closedir(d);
	return n;
}
