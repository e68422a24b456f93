/* SPDX-License-Identifier: ISC */
/* files_darwin.c - files, on macOS; see os.h */

#include <sys/clonefile.h>
#include <sys/event.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"

#define COPY_BYTES	65536	/* at once */
#define TMP_TRIES	16	/* names of a file that has none */

/* fsync(2) leaves the bytes in the drive's cache. */
int
os_datasync(int fd)
{
	if (fcntl(fd, F_FULLFSYNC) == 0)
		return 0;
	/* Some file systems and devices do not know it. */
	return errno == ENOTSUP || errno == ENOTTY || errno == EINVAL ?
	    fsync(fd) : -1;
}

/* [offset, +len) without what is behind the end of the file. */
static int
clip(uint64_t *len, int fd, uint64_t offset)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) == -1)
		return -1;
	/* A device's size is not in its status. */
	if (!S_ISREG(st.st_mode))
		return 0;
	size = (uint64_t)st.st_size;
	*len = offset >= size ? 0 : MIN(*len, size - offset);
	return 0;
}

static int
write_zeroes(int fd, uint64_t offset, uint64_t len)
{
	static const char zeroes[COPY_BYTES];
	ssize_t n;

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
os_zero(int fd, uint64_t offset, uint64_t len)
{
	if (clip(&len, fd, offset) == -1)
		return -1;
	return write_zeroes(fd, offset, len);
}

/* Whole blocks are given back, the rest at both ends is written. */
int
os_punch(int fd, uint64_t offset, uint64_t len)
{
	struct fpunchhole hole = { .fp_flags = 0 };
	struct statfs fs;
	uint64_t block, first, last;

	if (clip(&len, fd, offset) == -1 || fstatfs(fd, &fs) == -1)
		return -1;
	block = fs.f_bsize;
	first = (offset + block - 1) / block * block;
	last = (offset + len) / block * block;
	if (first >= last)
		return write_zeroes(fd, offset, len);
	hole.fp_offset = (off_t)first;
	hole.fp_length = (off_t)(last - first);
	if (fcntl(fd, F_PUNCHHOLE, &hole) == -1) {
		if (errno == ENOTSUP || errno == ENOTTY || errno == EINVAL)
			errno = EOPNOTSUPP;
		return -1;
	}
	return write_zeroes(fd, offset, first - offset) == -1 ||
	    write_zeroes(fd, last, offset + len - last) == -1 ? -1 : 0;
}

/* What modes 'from' has the clone has, too: they may not let us write. */
static int
open_clone(const struct os_name *n)
{
	own_fd int fd = openat(n->dirfd, n->name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1 || fchmod(fd, n->mode) == -1)
		return -1;
	return openat(n->dirfd, n->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

/* APFS only. */
int
os_clone(int from, const struct os_name *n)
{
	int to, why;

	if (fclonefileat(from, n->dirfd, n->name, CLONE_NOOWNERCOPY) == -1)
		return -1;
	to = open_clone(n);
	if (to != -1)
		return to;
	why = errno;
	(void)unlinkat(n->dirfd, n->name, 0);
	errno = why;
	return -1;
}

ssize_t
os_copy_range(int from, off_t *in, int to, off_t *out, size_t len)
{
	char buf[COPY_BYTES];
	ssize_t n, done, w;

	do
		n = pread(from, buf, MIN(len, sizeof(buf)), *in);
	while (n == -1 && errno == EINTR);
	for (done = 0; done < n; done += w) {
		w = pwrite(to, buf + done, (size_t)(n - done), *out + done);
		if (w == -1 && errno == EINTR)
			w = 0;
		if (w == -1)
			return -1;
	}
	if (n > 0) {
		*in += n;
		*out += n;
	}
	return n;
}

void
os_read_ahead(int fd, uint64_t offset, uint64_t len)
{
	struct radvisory r = { .ra_offset = (off_t)offset,
	    .ra_count = (int)MIN(len, INT_MAX) };

	(void)fcntl(fd, F_RDADVISE, &r);
}

int
os_tmpfile(int dirfd)
{
	char name[32];
	uint64_t r;
	int fd;

	for (int i = 0; i < TMP_TRIES; i++) {
		os_random(&r, sizeof(r));
		(void)snprintf(name, sizeof(name), ".tmp.%016llx",
		    (unsigned long long)r);
		fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL |
		    O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd != -1)
			(void)unlinkat(dirfd, name, 0);
		if (fd != -1 || errno != EEXIST)
			return fd;
	}
	return -1;
}

int64_t
os_mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtimespec.tv_sec * 1000000000 +
	    st->st_mtimespec.tv_nsec;
}

/* By its name: a name that is another file's now is refused. */
int
os_reopen(int fd, int access, struct err *e)
{
	own_fd int ret = -1;
	int flags = fcntl(fd, F_GETFL);
	struct stat was, is;
	char path[MAXPATHLEN];

	if (flags == -1)
		return err_sys(e, "descriptor");
	/* As root open(2) would not refuse what fd does not have. */
	if ((flags & O_ACCMODE) == O_WRONLY ||
	    (access == O_RDWR && (flags & O_ACCMODE) != O_RDWR))
		return err_set(e, EACCES, "not opened for this access");
	if (fstat(fd, &was) == -1 || fcntl(fd, F_GETPATH, path) == -1)
		return err_sys(e, "open again");
	ret = open(path, access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
	    O_NOFOLLOW);
	if (ret == -1 || fstat(ret, &is) == -1)
		return err_sys(e, "open again");
	if (was.st_dev != is.st_dev || was.st_ino != is.st_ino)
		return err_set(e, ESTALE, "open again: %s is another file",
		    path);
	return take_fd(&ret);
}

int
os_fd_path(char *ret, size_t size, int fd, struct err *e)
{
	char path[MAXPATHLEN];
	size_t len;

	if (fcntl(fd, F_GETPATH, path) == -1)
		return err_sys(e, "path of a descriptor");
	len = strlen(path);
	if (len >= size)
		return err_set(e, ENAMETOOLONG, "path of a descriptor");
	memcpy(ret, path, len + 1);
	return 0;
}

void
os_dev_split(dev_t dev, uint32_t *hi, uint32_t *lo)
{
	*hi = (uint32_t)major(dev);
	*lo = (uint32_t)minor(dev);
}

dev_t
os_dev_join(uint32_t hi, uint32_t lo)
{
	return makedev((int)hi, (int)lo);
}

/* --- watching a file ------------------------------------------------------ */

/*
 * The file for what is written to it, its directory for a file that takes its
 * place.  A watch ends with its descriptor.
 */
static int
watch_add(int queue, int fd)
{
	struct kevent k;

	EV_SET(&k, (uintptr_t)fd, EVFILT_VNODE, EV_ADD | EV_CLEAR,
	    NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB, 0, NULL);
	return kevent(queue, &k, 1, NULL, 0, NULL);
}

static void
watch_file(struct os_watch *w, int dirfd, const char *name)
{
	if (w->file != -1)
		(void)close(w->file);
	/* It need not be there yet. */
	w->file = openat(dirfd, name, O_EVTONLY | O_NOFOLLOW | O_CLOEXEC);
	if (w->file != -1)
		(void)watch_add(w->fd, w->file);
}

int
os_watch_init(struct os_watch *w, int dirfd, const char *name, struct err *e)
{
	own_fd int fd = kqueue();

	w->fd = w->file = -1;
	if (fd == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    watch_add(fd, dirfd) == -1)
		return err_sys(e, "watch %s", name);
	w->fd = take_fd(&fd);
	watch_file(w, dirfd, name);
	return 0;
}

void
os_watch_clear(struct os_watch *w, int dirfd, const char *name)
{
	static const struct timespec now;
	struct kevent k[8];
	struct stat was, is;

	while (kevent(w->fd, NULL, 0, k, COUNT(k), &now) > 0)
		continue;
	/* A new file of that name wants a watch of its own. */
	if (w->file != -1 && fstat(w->file, &was) == 0 &&
	    fstatat(dirfd, name, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
	    was.st_dev == is.st_dev && was.st_ino == is.st_ino)
		return;
	watch_file(w, dirfd, name);
}

void
os_watch_fini(struct os_watch *w)
{
	if (w->fd != -1)
		(void)close(w->fd);
	if (w->file != -1)
		(void)close(w->file);
	w->fd = w->file = -1;
}
