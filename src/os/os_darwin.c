/* SPDX-License-Identifier: ISC */
/*
 * os_darwin.c - what host systems disagree about, on macOS; see os.h
 *
 * Time, memory, processes' own things.  Files are in files_darwin.c, sockets
 * in socket_darwin.c.
 */

#include <sys/event.h>
#include <sys/mman.h>
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

/* --- memory --------------------------------------------------------------- */

#define SHM_NAME_MAX	32	/* PSHMNAMLEN of the kernel, with the NUL */

/*
 * Shared memory has a name for a moment.  The kernel sizes it once, so that
 * no peer can shrink it.
 */
int
os_memfd(const char *name, uint64_t bytes, struct err *e)
{
	own_fd int fd = -1;
	char path[SHM_NAME_MAX];
	uint64_t r;

	os_random(&r, sizeof(r));
	(void)snprintf(path, sizeof(path), "/vmd.%016llx",
	    (unsigned long long)r);
	fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return err_sys(e, "shared memory %s", name);
	(void)shm_unlink(path);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    ftruncate(fd, (off_t)bytes) == -1)
		return err_sys(e, "shared memory %s: %llu bytes", name,
		    (unsigned long long)bytes);
	return take_fd(&fd);
}

int
os_memfd_huge(const char *name, uint64_t bytes, uint64_t page, struct err *e)
{
	(void)name;
	(void)bytes;
	(void)page;
	return err_set(e, ENOTSUP, "huge pages: macOS has none to give");
}

int
os_pages_open(void)
{
	errno = ENOTSUP;
	return -1;
}

int
os_pages(const void *at, size_t n, uint8_t *ret)
{
	(void)at;
	(void)n;
	(void)ret;
	errno = ENOTSUP;
	return -1;
}

/* Memory that a page is touched at: writing changes nothing. */
static void
touch(uint8_t *at, size_t len, bool write)
{
	const size_t page = (size_t)getpagesize();

	for (size_t i = 0; i < len; i += page)
		if (write)
			(void)__atomic_fetch_or(at + i, 0, __ATOMIC_RELAXED);
		else
			(void)*(volatile uint8_t *)(at + i);
}

/* There are no huge pages to be asked for. */
int
os_advise(void *at, size_t len, enum os_advice a)
{
	switch (a) {
	case OS_ADVISE_HUGE:
	case OS_ADVISE_COLLAPSE:
		return 0;
	case OS_ADVISE_READ:
	case OS_ADVISE_WRITE:
		touch(at, len, a == OS_ADVISE_WRITE);
		return 0;
	case OS_ADVISE_DISCARD:
		return madvise(at, len, MADV_FREE);
	}
	errno = EINVAL;
	return -1;
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
