/* SPDX-License-Identifier: ISC */
/*
 * os_linux.c - what host systems disagree about, on Linux; see os.h
 *
 * Time, files, processes' own things.  Memory is in memory_linux.c, sockets in
 * socket_linux.c.
 */

#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"

void
os_random(void *to, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = getrandom((char *)to + done, len - done, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			abort();	/* no such kernel is supported */
		done += (size_t)n;
	}
}

void
os_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}

uint64_t
os_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
os_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int
os_datasync(int fd)
{
	return fdatasync(fd);
}

int
os_punch(int fd, uint64_t offset, uint64_t len)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)offset, (off_t)len);
}

int
os_zero(int fd, uint64_t offset, uint64_t len)
{
	static const char zeroes[65536];
	ssize_t n;

	if (fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	    (off_t)offset, (off_t)len) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -1;
	while (len > 0) {
		n = pwrite(fd, zeroes,
		    len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes),
		    (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int
os_clone(int from, const struct os_name *n)
{
	own_fd int to = openat(n->dirfd, n->name, O_RDWR | O_CREAT | O_EXCL |
	    O_CLOEXEC | O_NOFOLLOW, n->mode);
	int why;

	if (to == -1)
		return -1;
	if (ioctl(to, FICLONE, from) == 0)
		return take_fd(&to);
	why = errno;
	(void)unlinkat(n->dirfd, n->name, 0);
	errno = why;
	return -1;
}

ssize_t
os_copy_range(int from, off_t *in, int to, off_t *out, size_t len)
{
	return copy_file_range(from, in, to, out, len, 0);
}

void
os_read_ahead(int fd, uint64_t offset, uint64_t len)
{
	(void)posix_fadvise(fd, (off_t)offset, (off_t)len,
	    POSIX_FADV_WILLNEED);
}

int
os_tmpfile(int dirfd)
{
	return openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

int64_t
os_mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int
os_alarm(struct err *e)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	return fd == -1 ? err_sys(e, "timerfd") : fd;
}

void
os_alarm_set(int fd, unsigned ms)
{
	struct itimerspec when = { .it_value = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000,
	} };

	/* Nothing but a bad descriptor makes this fail. */
	(void)timerfd_settime(fd, 0, &when, NULL);
}

void
os_alarm_clear(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
}

int
os_fd_path(char *ret, size_t size, int fd, struct err *e)
{
	char name[32];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, ret, size);
	if (n == -1)
		return err_sys(e, "descriptor %d", fd);
	if ((size_t)n >= size)
		return err_set(e, ENAMETOOLONG, "descriptor %d: its path is "
		    "too long", fd);
	ret[n] = '\0';
	if (ret[0] != '/')
		return err_set(e, EINVAL, "descriptor %d: is no file", fd);
	return 0;
}

int
os_reopen(int fd, int access, struct err *e)
{
	char path[32];
	int flags = fcntl(fd, F_GETFL), ret;

	if (flags == -1)
		return err_sys(e, "descriptor");
	/* As root open(2) would not refuse what fd does not have. */
	if ((flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY ||
	    (access == O_RDWR && (flags & O_ACCMODE) != O_RDWR))
		return err_set(e, EACCES, "not opened for this access");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (ret == -1)
		return err_sys(e, "open again");
	return ret;
}

void
os_trim_heap(void)
{
#ifdef __GLIBC__	/* musl keeps nothing that it could give back */
	(void)malloc_trim(0);
#endif
}

void
os_one_heap(void)
{
#ifdef __GLIBC__	/* musl has no other */
	(void)mallopt(M_ARENA_MAX, 1);
#endif
}

void
os_close_from(int first)
{
	(void)close_range((unsigned)first, ~0U, 0);
}

int
os_die_with_parent(void)
{
	pid_t parent = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return -1;
	/* It may have died before the request was in place. */
	if (getppid() != parent)
		(void)raise(SIGKILL);
	return 0;
}

int
os_exe_dir(char *to, size_t size, struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", to, size);
	char *slash;

	if (n == -1)
		return err_sys(e, "/proc/self/exe");
	if ((size_t)n >= size)
		return err_set(e, ENAMETOOLONG, "path of this program");
	to[n] = '\0';
	slash = strrchr(to, '/');
	if (slash != NULL && slash != to)
		*slash = '\0';
	return 0;
}

int
os_boot_id(char ret[OS_BOOT_ID])
{
	own_fd int fd = open("/proc/sys/kernel/random/boot_id",
	    O_RDONLY | O_CLOEXEC);

	if (fd == -1 ||
	    read_full(fd, ret, OS_BOOT_ID - 1) != OS_BOOT_ID - 1)
		return -1;
	ret[OS_BOOT_ID - 1] = '\0';
	return 0;
}

/* The kernel calibrated it: bogomips of x86 is twice the TSC's MHz. */
uint64_t
os_tsc_khz(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	unsigned mhz, hundredths;
	uint64_t khz = 0;
	char line[4096];

	if (strcmp(os_arch(), "amd64") != 0 || f == NULL) {
		if (f != NULL)
			(void)fclose(f);
		return 0;
	}
	while (khz == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "bogomips : %u.%2u", &mhz, &hundredths) == 2)
			khz = ((uint64_t)mhz * 100 + hundredths) * 5;
	(void)fclose(f);
	return khz;
}

void
os_dev_split(dev_t dev, uint32_t *hi, uint32_t *lo)
{
	*hi = major(dev);
	*lo = minor(dev);
}

dev_t
os_dev_join(uint32_t hi, uint32_t lo)
{
	return makedev(hi, lo);
}

/*
 * Two watches: the file for what is written to it, its directory for a file
 * that takes its place.  Other files' writes wake nobody.
 */
static int
watch_add(int fd, int dirfd, const char *name)
{
	char path[64 + NAME_MAX];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, name);
	/* It need not be there yet. */
	(void)inotify_add_watch(fd, path, IN_MODIFY);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/.", dirfd);
	return inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO |
	    IN_ONLYDIR);
}

int
os_watch_init(struct os_watch *w, int dirfd, const char *name, struct err *e)
{
	own_fd int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	w->fd = w->file = -1;
	if (fd == -1 || watch_add(fd, dirfd, name) == -1)
		return err_sys(e, "watch %s", name);
	w->fd = take_fd(&fd);
	return 0;
}

void
os_watch_clear(struct os_watch *w, int dirfd, const char *name)
{
	char events[4096];

	while (read(w->fd, events, sizeof(events)) > 0)
		continue;
	/* A new file of that name wants a watch of its own. */
	(void)watch_add(w->fd, dirfd, name);
}

void
os_watch_fini(struct os_watch *w)
{
	if (w->fd != -1)
		(void)close(w->fd);
	w->fd = -1;
}

const char *
os_arch(void)
{
	/* That of the kernel is the program's: ours have 64 bits. */
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "unknown";
#endif
}
