/* SPDX-License-Identifier: ISC */
/* os_linux.c - what host systems disagree about, on Linux; see os.h */

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/un.h>

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
#include "os/passed.h"

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
os_memfd(const char *name, uint64_t bytes, struct err *e)
{
	own_fd int fd = -1;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return err_sys(e, "memfd %s", name);
	if (ftruncate(fd, (off_t)bytes) == -1)
		return err_sys(e, "memfd %s: %llu bytes", name,
		    (unsigned long long)bytes);
	/* A peer that shrinks it would make us fault on access. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == -1)
		return err_sys(e, "memfd %s: seal", name);
	return take_fd(&fd);
}

int
os_memfd_huge(const char *name, uint64_t bytes, uint64_t page, struct err *e)
{
	own_fd int fd = -1;
	unsigned shift = (unsigned)__builtin_ctzll(page);

	fd = memfd_create(name, MFD_CLOEXEC | MFD_HUGETLB |
	    shift << MAP_HUGE_SHIFT);
	if (fd == -1)
		return err_sys(e, "huge pages of %llu MiB",
		    (unsigned long long)(page >> 20));
	if (ftruncate(fd, (off_t)bytes) == -1)
		return err_sys(e, "huge pages: %llu bytes",
		    (unsigned long long)bytes);
	return take_fd(&fd);
}

/* --- pages: Documentation/admin-guide/mm/pagemap.rst ---------------------- */

#define PAGEMAP_FILE	(1ULL << 61)	/* a file's page, or shared */
#define PAGEMAP_SWAP	(1ULL << 62)
#define PAGEMAP_PRESENT	(1ULL << 63)

/* Of the process, as what it describes. */
static int pagemap = -1;

int
os_pages_open(void)
{
	if (pagemap == -1 && sysconf(_SC_PAGESIZE) == OS_PAGE_SIZE)
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return pagemap == -1 ? -1 : 0;
}

static enum os_page
what_page(uint64_t entry)
{
	if ((entry & (PAGEMAP_PRESENT | PAGEMAP_SWAP)) == 0)
		return OS_PAGE_NONE;
	return entry & PAGEMAP_FILE ? OS_PAGE_FILE : OS_PAGE_OWN;
}

int
os_pages(const void *at, size_t n, uint8_t *ret)
{
	uint64_t entry[512];
	off_t from = (off_t)((uintptr_t)at / OS_PAGE_SIZE * sizeof(*entry));
	ssize_t r;

	for (size_t done = 0; done < n; done += (size_t)r) {
		r = pread(pagemap, entry, MIN(n - done, COUNT(entry)) *
		    sizeof(*entry), from + (off_t)(done * sizeof(*entry)));
		if (r == -1 && errno != EINTR)
			return -1;
		if (r == 0) {
			errno = EFAULT;
			return -1;
		}
		r = r == -1 ? 0 : r / (ssize_t)sizeof(*entry);
		for (ssize_t i = 0; i < r; i++)
			ret[done + (size_t)i] = (uint8_t)what_page(entry[i]);
	}
	return 0;
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25		/* Linux 6.1 */
#endif

int
os_advise(void *at, size_t len, enum os_advice a)
{
	static const int means[] = {
		[OS_ADVISE_HUGE] = MADV_HUGEPAGE,
		[OS_ADVISE_COLLAPSE] = MADV_COLLAPSE,
		[OS_ADVISE_READ] = MADV_POPULATE_READ,
		[OS_ADVISE_WRITE] = MADV_POPULATE_WRITE,
		[OS_ADVISE_DISCARD] = MADV_DONTNEED,
	};

	return madvise(at, len, means[a]);
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
os_notify_init(struct os_notify *ret, struct err *e)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd == -1)
		return err_sys(e, "eventfd");
	*ret = (struct os_notify){ fd, fd };
	return 0;
}

void
os_notify_fini(struct os_notify *n)
{
	if (n->rd != -1)
		(void)close(n->rd);
	*n = OS_NOTIFY_NONE;
}

void
os_notify_send(int wr)
{
	(void)eventfd_write(wr, 1);
}

bool
os_notify_take(int rd)
{
	eventfd_t n;

	return eventfd_read(rd, &n) == 0;
}

int
os_pipe(int ret[2])
{
	return pipe2(ret, O_CLOEXEC);
}

int
os_socket(int domain, int type)
{
	return socket(domain, type | SOCK_CLOEXEC, 0);
}

int
os_socketpair(int type, int ret[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret);
}

int
os_socketpair_now(int type, int ret[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    ret);
}

void
os_pipe_size(int fd, int bytes)
{
	(void)fcntl(fd, F_SETPIPE_SZ, bytes);
}

ssize_t
os_recvmsg(int sock, struct msghdr *m)
{
	return recvmsg(sock, m, MSG_CMSG_CLOEXEC);
}

ssize_t
os_send(int sock, const void *data, size_t len, bool more)
{
	return send(sock, data, len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

int
os_peer(struct os_peer *ret, int sock, struct err *e)
{
	struct ucred c;
	socklen_t len = sizeof(c), n = sizeof(int);
	int domain = AF_UNSPEC;

	/* Other sockets have credentials that are nobody's. */
	if (getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &n) == -1)
		return err_sys(e, "peer credentials");
	if (domain != AF_UNIX)
		return err_set(e, EOPNOTSUPP, "peer credentials: "
		    "not a unix socket");
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &c, &len) == -1)
		return err_sys(e, "peer credentials");
	ret->uid = c.uid;
	ret->gid = c.gid;
	ret->pid = c.pid;
	return 0;
}

int
os_peer_groups(gid_t *ret, unsigned max, int sock)
{
	socklen_t len = (socklen_t)(max * sizeof(*ret));

	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, ret, &len) == -1)
		return -1;
	return (int)(len / sizeof(*ret));
}

/*
 * A name below a directory descriptor has no address of its own; the
 * descriptor's link in /proc makes it one of fixed length.
 */
static int
unix_addr(struct sockaddr_un *sun, int dirfd, const char *name, struct err *e)
{
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (dirfd == AT_FDCWD)
		n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", name);
	else
		n = snprintf(sun->sun_path, sizeof(sun->sun_path),
		    "/proc/self/fd/%d/%s", dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path))
		return err_set(e, ENAMETOOLONG,
		    "%s: longer than a socket's path may be", name);
	return 0;
}

static int
unix_connect(int dirfd, const char *name, int flags, struct err *e)
{
	own_fd int fd = -1;
	struct sockaddr_un sun;

	if (unix_addr(&sun, dirfd, name, e) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return err_sys(e, "connect to %s", name);
	return take_fd(&fd);
}

int
os_unix_connect(int dirfd, const char *name, struct err *e)
{
	return unix_connect(dirfd, name, 0, e);
}

int
os_unix_connect_now(int dirfd, const char *name, struct err *e)
{
	return unix_connect(dirfd, name, SOCK_NONBLOCK, e);
}

#define PASSED_FD	3	/* the first that systemd passes */

int
os_passed_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t v;

	if (pid == NULL || fds == NULL || strcmp(fds, "1") != 0 ||
	    num_parse(&v, pid, 1, INT32_MAX, NULL) == -1 ||
	    (pid_t)v != getpid() || fd_cloexec(PASSED_FD, 1) == -1)
		return -1;
	return PASSED_FD;
}

int
os_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Remove a socket file nobody listens on; refuse anything else. */
static int
unix_clear(int dirfd, const char *name, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;
	struct err why;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", name);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, EEXIST, "%s: exists and is no socket", name);
	/* Never waits: whoever listens may have let its queue fill up. */
	fd = os_unix_connect_now(dirfd, name, &why);
	if (fd != -1 || why.num == EAGAIN)
		return err_set(e, EADDRINUSE,
		    "%s: another process is listening", name);
	if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
		return err_sys(e, "remove stale %s", name);
	return 0;
}

int
os_unix_listen(int dirfd, const char *name, mode_t mode, int backlog,
    struct err *e)
{
	own_fd int fd = -1;
	struct sockaddr_un sun;
	mode_t old;
	int r;

	if (unix_addr(&sun, dirfd, name, e) == -1 ||
	    unix_clear(dirfd, name, e) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	/* The mask, not chmod: there must be no moment with wider rights. */
	old = umask((mode_t)~mode & 0777);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	(void)umask(old);
	if (r == -1)
		return err_sys(e, "bind %s", name);
	if (listen(fd, backlog) == -1)
		return err_sys(e, "listen on %s", name);
	return take_fd(&fd);
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
