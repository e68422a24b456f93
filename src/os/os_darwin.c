/* SPDX-License-Identifier: ISC */
/*
 * os_darwin.c - what host systems disagree about, on macOS; see os.h
 *
 * Time, processes' own things.  Files are in files_darwin.c, memory in
 * memory_darwin.c, sockets in socket_darwin.c.
 */

#include <sys/event.h>
#include <sys/sysctl.h>
#include <sys/utsname.h>

#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mach-o/dyld.h>
#include <malloc/malloc.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"

void
os_random(void *to, size_t len)
{
	arc4random_buf(to, len);
}

void
os_wipe(void *p, size_t len)
{
	(void)memset_s(p, len, 0, len);
}

/* CLOCK_MONOTONIC goes on while the host sleeps, which no guest does. */
uint64_t
os_now_ms(void)
{
	return clock_gettime_nsec_np(CLOCK_UPTIME_RAW) / 1000000;
}

uint64_t
os_now_us(void)
{
	return clock_gettime_nsec_np(CLOCK_UPTIME_RAW) / 1000;
}

void
os_trim_heap(void)
{
	(void)malloc_zone_pressure_relief(NULL, 0);
}

void
os_one_heap(void)
{
}

/* --- alarms: a queue of events is a descriptor that can be waited for ----- */

int
os_alarm(struct err *e)
{
	own_fd int fd = kqueue();

	if (fd == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return err_sys(e, "alarm");
	return take_fd(&fd);
}

void
os_alarm_set(int fd, unsigned ms)
{
	struct kevent k;

	EV_SET(&k, 1, EVFILT_TIMER, ms == 0 ? EV_DELETE : EV_ADD | EV_ONESHOT,
	    0, ms, NULL);
	/* Nothing but one that was not set makes this fail. */
	(void)kevent(fd, &k, 1, NULL, 0, NULL);
}

void
os_alarm_clear(int fd)
{
	static const struct timespec now;
	struct kevent k;

	while (kevent(fd, NULL, 0, &k, 1, &now) == -1 && errno == EINTR)
		;
}

/* --- processes ------------------------------------------------------------ */

#define FDS_AT_ONCE	256

void
os_close_from(int first)
{
	struct proc_fdinfo fds[FDS_AT_ONCE];
	int i, n, closed;

	/* What does not fit into the answer is in the next one. */
	do {
		n = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, fds,
		    (int)sizeof(fds)) / (int)sizeof(*fds);
		for (i = closed = 0; i < n; i++)
			if (fds[i].proc_fd >= first &&
			    close(fds[i].proc_fd) == 0)
				closed++;
	} while (closed > 0 && n == FDS_AT_ONCE);
}

/* Kill 'child' when 'parent' ends, whichever comes first. */
static void __attribute__((noreturn))
guard(pid_t parent, pid_t child)
{
	struct kevent k;
	int queue, r;

	os_close_from(0);
	queue = kqueue();
	EV_SET(&k, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
	if (queue == -1 || kevent(queue, &k, 1, NULL, 0, NULL) == -1)
		_exit(0);
	EV_SET(&k, (uintptr_t)parent, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
	r = kevent(queue, &k, 1, NULL, 0, NULL);
	while (r == 0) {
		r = kevent(queue, NULL, 0, &k, 1, NULL);
		if (r == -1 && errno == EINTR)
			r = 0;
	}
	if (r == -1 || k.ident == (uintptr_t)parent)
		(void)kill(child, SIGKILL);
	_exit(0);
}

/*
 * macOS binds no process to its parent: one more watches both.  It is the
 * child's own child, ends with it, and is then launchd's.
 */
int
os_die_with_parent(void)
{
	pid_t parent = getppid(), self = getpid();

	switch (fork()) {
	case -1:
		return -1;
	case 0:
		(void)setsid();
		guard(parent, self);
	default:
		return 0;
	}
}

int
os_exe_dir(char *to, size_t size, struct err *e)
{
	char path[PATH_MAX], real[PATH_MAX], *slash;
	uint32_t n = sizeof(path);

	if (_NSGetExecutablePath(path, &n) == -1 ||
	    realpath(path, real) == NULL)
		return err_sys(e, "path of this program");
	slash = strrchr(real, '/');
	if (slash != NULL && slash != real)
		*slash = '\0';
	if (strlen(real) >= size)
		return err_set(e, ENAMETOOLONG, "path of this program");
	memcpy(to, real, strlen(real) + 1);
	return 0;
}

int
os_boot_id(char ret[OS_BOOT_ID])
{
	size_t n = OS_BOOT_ID;

	return sysctlbyname("kern.bootsessionuuid", ret, &n, NULL, 0);
}

uint64_t
os_tsc_khz(void)
{
	uint64_t hz = 0;
	size_t n = sizeof(hz);

	if (sysctlbyname("machdep.tsc.frequency", &hz, &n, NULL, 0) == -1)
		return 0;
	return hz / 1000;
}

const char *
os_arch(void)
{
	struct utsname u;

	if (uname(&u) == -1)
		return "unknown";
	if (strcmp(u.machine, "x86_64") == 0)
		return "amd64";
	if (strcmp(u.machine, "arm64") == 0)
		return "arm64";
	return "unknown";
}
