/* SPDX-License-Identifier: ISC */
/* io.c - whole reads and writes, files that are old or new; see io.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"

#define CHUNK	65536	/* of a file that does not say its size */

ssize_t
read_full(int fd, void *to, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, (char *)to + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int
write_full(int fd, const void *from, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(fd, (const char *)from + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

int
file_read(struct buf *b, int dirfd, const char *name, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;
	uint8_t *to;
	size_t want;
	ssize_t n;

	/* Not blocking: a fifo in the place of a file must not hold us up. */
	fd = openat(dirfd, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return err_sys(e, "open %s", name);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "stat %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", name);
	if ((uint64_t)st.st_size > b->max - b->len)
		return err_set(e, EFBIG, "%s: larger than %zu bytes", name,
		    b->max - b->len);
	do {
		/* One byte more shows that nothing follows. */
		want = MIN(b->max - b->len, st.st_size > 0 ?
		    (size_t)st.st_size + 1 : CHUNK);
		if (want == 0)
			break;
		to = buf_reserve(b, want);
		if (to == NULL)
			return err_sys(e, "%s", name);
		n = read_full(fd, to, want);
		if (n == -1)
			return err_sys(e, "read %s", name);
		buf_added(b, (size_t)n);
	} while ((size_t)n == want);
	return 0;
}

int
file_replace(int dirfd, const char *name, const void *from, size_t len,
    mode_t mode, struct err *e)
{
	own_fd int fd = -1;
	char tmp[256];

	if (snprintf(tmp, sizeof(tmp), ".%s.new", name) >= (int)sizeof(tmp))
		return err_set(e, ENAMETOOLONG, "%s: name too long", name);
	(void)unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd == -1)
		return err_sys(e, "create %s", tmp);
	if (write_full(fd, from, len) == -1 || fsync(fd) == -1 ||
	    renameat(dirfd, tmp, dirfd, name) == -1) {
		(void)err_sys(e, "write %s", name);
		(void)unlinkat(dirfd, tmp, 0);
		return -1;
	}
	/* The name itself must survive; AT_FDCWD has no descriptor to sync. */
	if (dirfd >= 0 && fsync(dirfd) == -1)
		return err_sys(e, "sync the directory of %s", name);
	return 0;
}

int
fd_nonblock(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL), want;

	if (flags == -1)
		return -1;
	want = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return want == flags ? 0 : fcntl(fd, F_SETFL, want);
}

int
fd_cloexec(int fd, int on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}
