/* SPDX-License-Identifier: ISC */
/*
 * process_darwin.c - other processes, on macOS; see process.h
 *
 * A handle is a queue of events that tells of one process's end.  A number is
 * not used again before that was told, and a process without a parent is
 * reaped when it ends: between looking and signalling there is a moment in
 * which it may end and another take its number.  No call of macOS closes it.
 */

#include <sys/event.h>
#include <sys/param.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mach/mach_time.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/process.h"

#define HOLDERS_MAX	4096	/* processes with one file open */

/* Which process a handle is of, by its descriptor; open handles only. */
static struct { pid_t pid; } *handles;
static int nhandles;

int
process_info(struct process_info *ret, pid_t pid, struct err *e)
{
	struct proc_bsdinfo b;

	if (proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &b, (int)sizeof(b)) !=
	    (int)sizeof(b))
		return err_set(e, ESRCH, "no process %d", (int)pid);
	ret->start = b.pbi_start_tvsec * 1000000 + b.pbi_start_tvusec;
	ret->uid = b.pbi_uid;
	return 0;
}

static int
note_handle(int fd, pid_t pid)
{
	void *more;

	if (fd >= nhandles) {
		more = realloc(handles, ((size_t)fd + 1) * sizeof(*handles));
		if (more == NULL)
			return -1;
		handles = more;
		nhandles = fd + 1;
	}
	handles[fd].pid = pid;
	return 0;
}

int
process_open(pid_t pid, uint64_t start, uid_t uid)
{
	own_fd int fd = -1;
	struct process_info info;
	struct kevent k;

	if (pid <= 1) {
		errno = ESRCH;
		return -1;
	}
	fd = kqueue();
	if (fd == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	EV_SET(&k, (uintptr_t)pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
	if (kevent(fd, &k, 1, NULL, 0, NULL) == -1 ||
	    note_handle(fd, pid) == -1)
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
	struct pollfd ended = { .fd = handle, .events = POLLIN };

	if (handle < 0 || handle >= nhandles) {
		errno = EBADF;
		return -1;
	}
	if (poll(&ended, 1, 0) != 0) {
		errno = ESRCH;
		return -1;
	}
	return kill(handles[handle].pid, signo);
}

void
process_usage(struct process_usage *ret, pid_t pid)
{
	mach_timebase_info_data_t unit;
	struct rusage_info_v0 r;

	memset(ret, 0, sizeof(*ret));
	if (proc_pid_rusage(pid, RUSAGE_INFO_V0, (rusage_info_t *)&r) == -1 ||
	    mach_timebase_info(&unit) != 0)
		return;
	ret->cpu_ns = (r.ri_user_time + r.ri_system_time) * unit.numer /
	    unit.denom;
	ret->rss = r.ri_resident_size;
}

uint64_t
process_cpu_ns(pid_t pid)
{
	struct process_usage u;

	process_usage(&u, pid);
	return u.cpu_ns;
}

unsigned
process_signal_holders(int file, int signo)
{
	own_mem pid_t *pids = NULL;
	char path[MAXPATHLEN];
	unsigned done = 0;
	int n;

	pids = calloc(HOLDERS_MAX, sizeof(*pids));
	if (pids == NULL || fcntl(file, F_GETPATH, path) == -1)
		return 0;
	n = proc_listpidspath(PROC_ALL_PIDS, 0, path, 0, pids,
	    HOLDERS_MAX * (int)sizeof(*pids)) / (int)sizeof(*pids);
	for (int i = 0; i < n; i++)
		if (pids[i] > 1 && pids[i] != getpid() &&
		    kill(pids[i], signo) == 0)
			done++;
	return done;
}
