/* SPDX-License-Identifier: ISC */
/* file.c - files that vmd opens for others; see file.h */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"
#include "vmd/file.h"

/* As the user who acts now; links are followed with his rights. */
static int
read_whole(struct buf *b, const char *path, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;
	uint8_t *to;
	ssize_t n;

	/* Not blocking: a fifo must not hold up the daemon. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", path);
	if (st.st_size > FILE_COPY_MAX)
		return err_set(e, EFBIG, "%s: larger than %d bytes", path,
		    FILE_COPY_MAX);
	to = buf_reserve(b, (size_t)st.st_size);
	n = to == NULL ? -1 : read_full(fd, to, (size_t)st.st_size);
	if (n == -1)
		return err_sys(e, "read %s", path);
	buf_added(b, (size_t)n);
	return 0;
}

int
file_copy(const char *path, const struct user *u, struct err *e)
{
	own_fd int fd = -1;
	struct buf b;
	int r;

	if (geteuid() != 0 && u->uid != geteuid())
		return err_set(e, EPERM, "open %s: this vmd serves user %u "
		    "only", path, (unsigned)geteuid());
	if (user_act(u, e) == -1)
		return -1;
	buf_init(&b, FILE_COPY_MAX);
	r = read_whole(&b, path, e);
	user_back();
	if (r == 0)
		fd = os_memfd("copy", b.len, e);
	if (fd != -1 && pwrite(fd, b.data, b.len, 0) != (ssize_t)b.len) {
		(void)err_sys(e, "copy %s", path);
		(void)close(take_fd(&fd));
	}
	if (b.data != NULL)
		os_wipe(b.data, b.len);
	buf_fini(&b);
	return take_fd(&fd);
}

int
file_disk(const struct priv_blk *b, const char *name, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	if (b->fd == -1)
		return err_api(e, EBADF, "bad_request", "%s: no file", name);
	fd = os_reopen(b->fd, b->readonly ? O_RDONLY : O_RDWR, e);
	if (fd == -1)
		return err_prefix(e, "%s", name);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_api(e, EINVAL, "bad_request",
		    "%s: neither a file nor a block device", name);
	if (flock(fd, (b->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			return err_api(e, EBUSY, "disk_in_use",
			    "%s: another VM uses the file", name);
		return err_sys(e, "%s: lock", name);
	}
	if (fd_nonblock(fd, 0) == -1)
		return err_sys(e, "%s", name);
	return take_fd(&fd);
}

int
file_kvm(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}
